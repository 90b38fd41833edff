export type { BackupContents } from './backup-file.ts'
export { Backups } from './backups.ts'
export { checkBackup, restoreBackup } from './restore-backup.ts'
