import type { Runtime } from '../foundation/index.ts'
import type { AuditRow, Storage } from '../storage/index.ts'
import { unwrapDomainKey, wrapDomainKey } from './domain-key.ts'
import { SealError, type RootKeyStore, type ProtectorChoice } from '../root-key/index.ts'
import type { Envelope } from './envelope.ts'

/**
 * Puts the domain keys under a new root key and returns its id. A crash after any of these steps leaves a store that opens:
 * the new key is durable beside the old one; the domain keys are re-wrapped in one transaction; the new key replaces the old one.
 * @throws {SealError} with nothing changed
 */
export async function rotateRootKey(
  { storage, rootKeys, envelope, runtime }: { storage: Storage; rootKeys: RootKeyStore; envelope: Envelope; runtime: Runtime },
  choice: ProtectorChoice,
  audit: (at: number, to: string) => AuditRow,
): Promise<string> {
  return storage.withInitLock(async () => {
    const rows = await storage.listDomainKeys()
    const from = rows[0]!.rootKeyId
    await rootKeys.settle(from)
    const root = await envelope.rootKey(from)
    const next = await rootKeys.stage(choice)
    const rewrapped = rows.map((row) => {
      const bytes = unwrapDomainKey(root, row, rootKeys.describe())
      const { version, wrapped, mac } = wrapDomainKey(next, row, bytes, runtime)
      bytes.fill(0)
      return { version, wrapped, mac }
    })
    const at = runtime.now()
    if (!(await storage.rewrapDomainKeys({ from, to: next.id, wrapped: rewrapped, at, audit: audit(at, next.id) })))
      throw new SealError('the domain keys were changed meanwhile; nothing was done: try again')
    envelope.replaceRootKey(next)
    await rootKeys.settle(next.id)
    return next.id
  })
}
