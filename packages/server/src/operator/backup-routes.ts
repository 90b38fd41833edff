import { managementAudit } from '../trail/index.ts'
import { writeBackup } from '../backup/index.ts'
import { invalidParameter } from '../foundation/index.ts'
import { ByteStream, optionalPassphrase, type Handler } from './input.ts'

const backup: Handler = async (input, context, requestId) => {
  const passphrase = optionalPassphrase(input, 'passphrase')
  if (passphrase === undefined) throw invalidParameter('passphrase is missing')
  const chunks = await writeBackup(context, passphrase)
  const audit = managementAudit({ name: 'operator', requestId }, 'Backup', '', context.runtime.now())
  await context.storage.appendAudit({ rows: [audit] })
  return new ByteStream(chunks)
}

export const BACKUP_ROUTES: readonly [string, Handler][] = [['POST /v1/backup', backup]]
