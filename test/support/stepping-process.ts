// A process that does an operator's work and kills itself with SIGKILL at one step of it: before or after a call to the store or the seal.
// Arguments: what, the step, the store's location as JSON, and more for some. Exits with 0 when the work is done before the step comes.
import { createReadStream } from 'node:fs'
import { restoreBackup } from '../../packages/server/src/backup/restore-backup.ts'
import { SEALED_COLUMNS } from '../../packages/server/src/operator/sealed-columns.ts'
import { systemRuntime as runtime } from '../../packages/server/src/foundation/runtime.ts'
import { rotateDomainKey } from '../../packages/server/src/envelope/domain-key-rotation.ts'
import { rootKeyFile } from '../../packages/server/src/root-key/key-file.ts'
import { rotateRootKey } from '../../packages/server/src/envelope/root-rotation.ts'
import { openEnvelope } from '../../packages/server/src/envelope/envelope.ts'
import { SCHEMA_VERSION, openStorage } from '../../packages/server/src/storage/index.ts'
import type { AuditRow, StorageOptions } from '../../packages/server/src/storage/index.ts'

const [what, stepText, locationText, file] = process.argv.slice(2) as [string, string, string, string?]
const location = JSON.parse(locationText) as Pick<StorageOptions, 'dataDir' | 'databaseUrl'>
let left = Number(stepText)

function step(): void {
  if (left-- === 0) process.kill(process.pid, 'SIGKILL')
}

/** The same object, with a step before and after each of its asynchronous calls. */
function stepping<T extends object>(target: T): T {
  return new Proxy(target, {
    get(_, name) {
      const member = Reflect.get(target, name) as unknown
      if (typeof member !== 'function' || name === 'describe' || typeof name === 'symbol' || name === 'withInitLock') return member
      return async (...args: unknown[]) => {
        step()
        const result: unknown = await Reflect.apply(member, target, args)
        step()
        return result
      }
    },
  })
}

const audit: AuditRow = { at: 1, tenant: '', actor: 'test', action: what, object: '', result: 'ok', requestId: '' }
await using opened = await openStorage({ ...location, role: 'operator' })
const plainRootKeys = rootKeyFile({ dataDir: location.dataDir, runtime })
const [storage, rootKeys] = [stepping(opened), stepping(plainRootKeys)]
if (what === 'restore') {
  const source = { open: () => createReadStream(file!), passphrase: process.env['VOUCHSAFE_BACKUP_PASSPHRASE']!, report() {} }
  await restoreBackup({ storage, rootKeys, runtime }, source, SCHEMA_VERSION, () => audit)
} else {
  const envelope = await openEnvelope(opened, plainRootKeys, runtime)
  if (what === 'seal') await rotateRootKey({ storage, rootKeys, envelope, runtime }, { kind: 'file' }, () => audit)
  else
    await rotateDomainKey({
      storage,
      envelope,
      runtime,
      columns: SEALED_COLUMNS,
      alone: true,
      audit: () => audit,
      report() {},
      signal: new AbortController().signal,
    })
}
