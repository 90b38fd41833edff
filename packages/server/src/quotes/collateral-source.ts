/** A source of collateral for quotes. */
import { CollateralError, readCollateral, readCollateralFiles, type Collateral, type Quote, type SimulatedEnclave } from '@vouchsafe/dcap'
import { ServiceError, type Log, type Runtime } from '../foundation/index.ts'

const DAY_MS = 86_400_000

export interface CollateralSource {
  /**
   * The collateral in hand, or fetched.
   * @throws {ServiceError} `quote_collateral_missing` or `quote_collateral_unavailable`
   */
  collateralFor(quote: Quote): Promise<Collateral>
  /** Renews what needs it; never throws. */
  refresh(): Promise<void>
  /** When the first part of the collateral in hand expires; undefined if there is none. */
  daysLeft(): number | undefined
}

/** For servers without a source: callers bring their own. */
export const NO_SOURCE: CollateralSource = {
  collateralFor: () => Promise.reject(new ServiceError('quote_collateral_missing')),
  refresh: () => Promise.resolve(),
  daysLeft: () => undefined,
}

/**
 * A file or a folder, read again from time to time; the last version is kept while a part cannot be read, such as a file that is being
 * written. Throws if reading fails.
 */
export async function fileSource(path: string, { runtime, log }: { runtime: Runtime; log: Log }): Promise<CollateralSource> {
  const read = async () => {
    const collateral = readCollateral(await readCollateralFiles(path))
    const [problem] = collateral.broken
    if (problem) throw new CollateralError(problem.name, problem.reason)
    if (expiryOf(collateral) === undefined) throw new CollateralError(path, 'neither TCB info, QE identity nor CRLs are there')
    return collateral
  }
  let held = await read()
  return {
    collateralFor: async () => held,
    async refresh() {
      try {
        const fresh = await read()
        // Verifications cache their work by the identity of this object.
        if (fresh.digest !== held.digest) held = fresh
      } catch (error) {
        log.warn({ err: error }, 'cannot read the collateral again: the last one stays in use')
      }
    },
    daysLeft: () => daysUntil(expiryOf(held)!, runtime),
  }
}

/** The simulated enclave's own, renewed halfway to its expiry. */
export function simulatedSource(enclave: SimulatedEnclave, runtime: Runtime): CollateralSource {
  let held: { collateral: Collateral; expires: number; made: number } | undefined
  const current = async (): Promise<Collateral> => {
    const now = runtime.now()
    if (!held || now < held.made || now > (held.made + held.expires) / 2) {
      // Issued a minute ago, so that servers whose clocks differ accept it.
      const collateral = await enclave.collateral(new Date(now - 60_000))
      held = { collateral, made: now, expires: expiryOf(collateral)! }
    }
    return held.collateral
  }
  return {
    collateralFor: current,
    refresh: async () => void (await current()),
    daysLeft: () => held && daysUntil(held.expires, runtime),
  }
}

/** When the first document or CRL expires, milliseconds since 1970; undefined if there is none. */
export function expiryOf({ tcbInfos, identities, crls }: Collateral): number | undefined {
  const ends = [...tcbInfos, ...identities]
    .map(({ content }) => content.nextUpdate.getTime())
    .concat(crls.map(({ thisUpdate, nextUpdate = thisUpdate }) => nextUpdate.getTime()))
  return ends.length === 0 ? undefined : Math.min(...ends)
}

export function daysUntil(time: number, runtime: Runtime): number {
  return (time - runtime.now()) / DAY_MS
}
