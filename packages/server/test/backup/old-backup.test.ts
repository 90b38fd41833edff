import assert from 'node:assert/strict'
import { createReadStream, existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { checkBackup, restoreBackup } from '../../src/backup/restore-backup.ts'
import { systemRuntime as runtime } from '../../src/foundation/runtime.ts'
import { rootKeyFile } from '../../src/root-key/key-file.ts'
import { SCHEMA_VERSION } from '../../src/storage/index.ts'
import { eachDatabase } from '@vouchsafe/testkit/databases'
import { auditRow } from '../support/rows.ts'

/** A backup that Vouchsafe 0.1 made of a small store. */
const BACKUP_0_1 = fileURLToPath(new URL('../fixtures/backup-0.1', import.meta.url))
const SOURCE = { open: () => createReadStream(BACKUP_0_1), passphrase: 'a passphrase of the backup', report() {} }
const REFUSED = { name: 'BackupError', message: /^the backup was made by Vouchsafe 0\.1, before its format was settled/ }

eachDatabase('a backup of Vouchsafe 0.1 is refused, and changes nothing', async (store) => {
  const { dataDir } = store.location
  const storage = await store.open({ role: 'operator' })
  await assert.rejects(checkBackup(SOURCE), REFUSED)
  const rootKeys = rootKeyFile({ dataDir, runtime })
  await assert.rejects(
    restoreBackup({ storage, rootKeys, runtime }, SOURCE, SCHEMA_VERSION, () => auditRow()),
    REFUSED,
  )
  assert.equal(await storage.isRestoring(), false)
  assert.equal(await storage.countApps(), 0)
  assert.equal(existsSync(join(dataDir, 'root.key')), false)
})
