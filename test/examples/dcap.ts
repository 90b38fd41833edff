// What the examples of packages/dcap take for granted: a simulated enclave, a quote of it, and collateral.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createSimulatedPki, parseQuote, simulatedCollateralJson, simulatedEnclave } from '@vouchsafe/dcap'

export const at = new Date()
export const pki = await createSimulatedPki(at)
export const enclave = simulatedEnclave({ pki })
export const { bytes } = await enclave.quote(Buffer.alloc(64, 7))
export const quote = parseQuote(bytes)
export const collateral = await enclave.collateral(at)

/** A folder with collateral. */
export const folder = await mkdtemp(join(tmpdir(), 'vouchsafe-collateral-'))
await writeFile(join(folder, 'collateral.json'), await simulatedCollateralJson(pki, at))

export async function close(): Promise<void> {
  await rm(folder, { recursive: true })
}
