import type { Platform } from '../platform.ts'
import type { AuditRow, Storage } from '../storage/index.ts'
import { unwrapDomainKey, wrapDomainKey } from './domain-key.ts'
import { SealError, type Seal, type SealChoice } from './seal.ts'
import type { Vault } from './vault.ts'

/**
 * Puts the domain keys under a new root key, of which it gives the id. The steps, after each of which a crash leaves a store that opens:
 * the new key is durable beside the old one; the domain keys are re-wrapped in one transaction; the new key takes the old one's place.
 * @throws {SealError} with nothing changed
 */
export async function rotateRootKey(
  { storage, seal, vault, platform }: { storage: Storage; seal: Seal; vault: Vault; platform: Platform },
  choice: SealChoice,
  audit: (at: number, to: string) => AuditRow,
): Promise<string> {
  return storage.withInitLock(async () => {
    const rows = await storage.listDomainKeys()
    const from = rows[0]!.rootKeyId
    await seal.settle(from)
    const root = await vault.rootKey(from)
    const next = await seal.stage(choice)
    const rewrapped = rows.map((row) => {
      const bytes = unwrapDomainKey(root, row, seal.describe())
      const { version, wrapped } = wrapDomainKey(next, row, bytes, platform)
      bytes.fill(0)
      return { version, wrapped }
    })
    const at = platform.now()
    if (!(await storage.rewrapDomainKeys({ from, to: next.id, wrapped: rewrapped, at, audit: audit(at, next.id) })))
      throw new SealError('the domain keys were changed meanwhile; nothing was done: try again')
    vault.replaceRootKey(next)
    await seal.settle(next.id)
    return next.id
  })
}
