// A process that does an operator's work and kills itself with SIGKILL at one step of it: before or after a call to the store or the seal.
// Arguments: what, the step, the store's location as JSON, and more for some. Exits with 0 when the work is done before the step comes.
import { createReadStream } from 'node:fs'
import { restoreBackup } from '../../packages/server/src/backup/restore-backup.ts'
import { SEALED_PLACES } from '../../packages/server/src/operator/sealed-places.ts'
import { systemPlatform as platform } from '../../packages/server/src/platform.ts'
import { rotateDomainKey } from '../../packages/server/src/seal/domain-key-rotation.ts'
import { fileSeal } from '../../packages/server/src/seal/key-file.ts'
import { rotateRootKey } from '../../packages/server/src/seal/root-rotation.ts'
import { openVault } from '../../packages/server/src/seal/vault.ts'
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

const audit: AuditRow = { at: 1, actor: 'test', action: what, object: '', result: 'ok', requestId: '' }
await using opened = await openStorage({ ...location, role: 'operator' })
const plainSeal = fileSeal({ dataDir: location.dataDir, platform })
const [storage, seal] = [stepping(opened), stepping(plainSeal)]
if (what === 'restore') {
  const source = { open: () => createReadStream(file!), passphrase: process.env['VOUCHSAFE_BACKUP_PASSPHRASE']!, report() {} }
  await restoreBackup({ storage, seal, platform }, source, SCHEMA_VERSION, () => audit)
} else {
  const vault = await openVault(opened, plainSeal, platform)
  if (what === 'seal') await rotateRootKey({ storage, seal, vault, platform }, { kind: 'file' }, () => audit)
  else
    await rotateDomainKey({
      storage,
      vault,
      platform,
      places: SEALED_PLACES,
      alone: true,
      audit: () => audit,
      report() {},
      signal: new AbortController().signal,
    })
}
