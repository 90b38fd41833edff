import { simulatedCollateralJson } from '@vouchsafe/dcap'
import { toPem } from '@vouchsafe/x509'
import type { Envelope } from '../envelope/index.ts'
import { invalidParameter, type Runtime } from '../foundation/index.ts'
import type { Storage } from '../storage/index.ts'
import { loadSimulatedPki } from './simulated-pki.ts'

/** What other verifiers need for this server's simulated quotes, which prove nothing about hardware. */
export class SimulatedTrust {
  readonly #services: { storage: Storage; envelope: Envelope; runtime: Runtime }
  readonly #provider: string | undefined

  /** @param provider where the server's own quotes come from */
  constructor(services: { storage: Storage; envelope: Envelope; runtime: Runtime }, provider: string | undefined) {
    this.#services = services
    this.#provider = provider
  }

  /**
   * The root's certificate (PEM), and collateral (JSON) as of now.
   * @throws {ServiceError} `invalid_parameter` if quotes aren't simulated
   */
  async describe(): Promise<{ root: string; collateral: string }> {
    if (this.#provider !== 'simulated') throw invalidParameter('the quote provider is not the simulated one')
    const { storage, envelope, runtime } = this.#services
    const pki = await loadSimulatedPki(storage, envelope, runtime)
    const root = toPem('CERTIFICATE', pki.root.certificate.der)
    return { root, collateral: await simulatedCollateralJson(pki, new Date(runtime.now())) }
  }
}
