import { createSimulatedPki, exportSimulatedPki, importSimulatedPki, type SimulatedPki } from '@vouchsafe/dcap'
import type { Runtime } from '../foundation/index.ts'
import type { Envelope, SealedColumn } from '../envelope/index.ts'
import type { Storage } from '../storage/index.ts'

const ID = 'sgx'

/** Where it is stored, sealed. */
export const SIMULATED_PKI_COLUMN: SealedColumn<'simulated_pkis'> = { kind: 'simulated-pki', identity: ({ id }) => [id] }

/** The store's own simulated PKI, created at first use: servers that share a store share it, and every store has its own. */
export async function loadSimulatedPki(storage: Storage, envelope: Envelope, runtime: Runtime): Promise<SimulatedPki> {
  if ((await storage.findSimulatedPki({ id: ID })) === null) {
    const fresh = Buffer.from(exportSimulatedPki(await createSimulatedPki(new Date(runtime.now()))))
    const { blob, domainVersion } = envelope.seal('simulated-pki', [ID], fresh)
    fresh.fill(0)
    await storage.insertSimulatedPki({ row: { id: ID, sealed: blob, domainVersion, createdAt: runtime.now() } })
  }
  const row = (await storage.findSimulatedPki({ id: ID }))!
  const plaintext = envelope.open('simulated-pki', [ID], { blob: row.sealed, domainVersion: row.domainVersion })
  const pki = importSimulatedPki(plaintext.toString())
  plaintext.fill(0)
  return pki
}
