import { createSimulatedPki, exportSimulatedPki, importSimulatedPki, type SimulatedPki } from '@vouchsafe/dcap'
import type { Platform } from '../platform.ts'
import type { SealedPlace } from '../seal/domain-key-rotation.ts'
import type { Vault } from '../seal/vault.ts'
import type { Storage } from '../storage/index.ts'

const ID = 'sgx'

/** Where it lies sealed. */
export const SIMULATED_PKI_PLACE: SealedPlace<'simulated_pkis'> = { kind: 'simulated-pki', identity: ({ id }) => [id] }

/** The store's own simulated PKI, made at the first use: servers that share a store share it, and no two stores have the same. */
export async function loadSimulatedPki(storage: Storage, vault: Vault, platform: Platform): Promise<SimulatedPki> {
  if ((await storage.findSimulatedPki({ id: ID })) === null) {
    const fresh = Buffer.from(exportSimulatedPki(await createSimulatedPki(new Date(platform.now()))))
    const { blob, domainVersion } = vault.seal('simulated-pki', [ID], fresh)
    fresh.fill(0)
    await storage.insertSimulatedPki({ row: { id: ID, sealed: blob, domainVersion, createdAt: platform.now() } })
  }
  const row = (await storage.findSimulatedPki({ id: ID }))!
  const plaintext = vault.open('simulated-pki', [ID], { blob: row.sealed, domainVersion: row.domainVersion })
  const pki = importSimulatedPki(plaintext.toString())
  plaintext.fill(0)
  return pki
}
