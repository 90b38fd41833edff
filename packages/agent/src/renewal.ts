// Certificates of attestation keys end after a day or so; this gets new ones in time.
import { openTpm } from '@vouchsafe/tpm'
import type { Tpm } from '@vouchsafe/tpm'
import type { Certificate } from '@vouchsafe/x509'
import { certificateProblem, placeOf, readAk } from './attestation-key.ts'
import type { TpmSettings } from './attesters/attester.ts'
import { readCertificate } from './certificate-store.ts'
import { AgentError, messageOf } from './errors.ts'
import type { Log } from './log.ts'
import type { Runtime } from './runtime.ts'
import { isOfServer } from './provision/server-certifier.ts'

const CHECK_MS = 10 * 60_000
/** Renewed when this share of a certificate's time is left. */
export const RENEWAL_SHARE = 1 / 3

export interface RenewalOptions {
  keys: readonly TpmSettings[]
  nodeId: string | undefined
  /** Throws when the server does not answer. */
  reach: () => Promise<unknown>
  /** Gets and keeps a new certificate. */
  renew: (settings: TpmSettings) => Promise<void>
  /** Has the TPM to itself. */
  exclusive: <T>(work: () => Promise<T>) => Promise<T>
  log: Log
  runtime: Runtime
}

/** Looks at once, then every ten minutes. Disposing ends it after the look under way. */
export function startRenewal({ keys, nodeId, reach, renew, exclusive, log, runtime }: RenewalOptions): AsyncDisposable {
  const stop = new AbortController()

  async function look(): Promise<void> {
    for (const settings of keys) {
      try {
        const due = await exclusive(() => renewalDue(settings, nodeId, runtime.now()))
        if (!due) continue
        // Waiting for a silent server must not block other users of the TPM.
        await reach()
        await exclusive(() => renew(settings))
        log.info("the attestation key's certificate was renewed", { place: placeOf(settings) })
      } catch (error) {
        log.warn("the attestation key's certificate was not renewed", { place: placeOf(settings), error: messageOf(error) })
      }
    }
  }

  const running = (async () => {
    for (;;) {
      await look()
      await runtime.sleep(CHECK_MS, stop.signal)
    }
  })().catch(() => undefined)
  return {
    async [Symbol.asyncDispose]() {
      stop.abort()
      await running
    },
  }
}

/**
 * Whether a key has no certificate, one that can't be read, or one of the server's that is not valid for long enough. What somebody else has certified is for
 * that one to renew: the server may call the node by another name. Throws when there is no key: that is for a person to decide.
 */
export async function renewalDue(settings: TpmSettings, nodeId: string | undefined, now: number): Promise<boolean> {
  await using tpm = await openTpm(settings.tpm)
  const publicArea = await readAk(tpm, settings)
  const leaf = await readLeaf(tpm, settings)
  if (leaf === undefined) return true
  if (!isOfServer(leaf)) return false
  if (certificateProblem(leaf, { publicArea, nodeId, now }) !== undefined) return true
  const [from, until] = [leaf.notBefore.getTime(), leaf.notAfter.getTime()]
  return until - now < (until - from) * RENEWAL_SHARE
}

/** A write that was interrupted leaves a part of a certificate, which is as good as none. */
async function readLeaf(tpm: Tpm, { certificate }: TpmSettings): Promise<Certificate | undefined> {
  try {
    return (await readCertificate(tpm, certificate))?.[0]
  } catch (error) {
    if (error instanceof AgentError) return undefined
    throw error
  }
}
