// A quote, its PCR values, the certificate of its key and a log, taken so that they agree.
import { TpmError, openTpm, quotePcrs, tpm2 } from '@vouchsafe/tpm'
import type { PcrBank, Tpm } from '@vouchsafe/tpm'
import { toPem } from '@vouchsafe/x509'
import { findAk } from './attestation-key.ts'
import type { Attester, Collected, CollectRequest, TpmSettings } from './attesters/attester.ts'
import { AgentError, messageOf } from './errors.ts'
import { readLog } from './log-file.ts'

/** How often it begins again because a PCR moved between the quote and the reading of the log. */
const MOST_ATTEMPTS = 5

/**
 * Evidence in the form of contract §8.1: `ak_cert`, `quote`, `pcrs`, `logs`. The log is read after the quote, so that it holds all that the quote covers. When it
 * does not lead to the quoted values and a PCR has moved meanwhile, both are taken again; when none has moved, the log and the TPM are at odds, which the
 * server has to judge: the evidence is given as it is, with a warning.
 * @throws {AgentError} `collection`
 */
export async function collectTpmEvidence(attester: Attester, logType: string, request: CollectRequest): Promise<Collected> {
  const { settings, now, nodeId } = request
  try {
    await using tpm = await openTpm(settings.tpm)
    const ak = await findAk(tpm, settings, { now, nodeId })
    const { quoted, log } = await agreeing(tpm, attester, request, ak.handle)
    const [bank] = quoted.pcrs as [PcrBank]
    return {
      nodeId: ak.nodeId,
      evidence: {
        ak_cert: ak.certificates.map(({ der }) => toPem('CERTIFICATE', der)).join(''),
        quote: { quote_data: quoted.quote.toBase64(), signature: quoted.signature.toBase64() },
        pcrs: {
          hash_alg: bank.algorithm,
          pcr_values: [...bank.values].sort(([a], [b]) => a - b).map(([index, value]) => ({ pcr_index: index, pcr_value: value.toHex() })),
        },
        logs: [{ log_type: logType, log_data: log.toBase64() }],
      },
    }
  } catch (error) {
    if (error instanceof TpmError) throw new AgentError('collection', `${attester.type}: ${messageOf(error)}`, { cause: error })
    throw error
  }
}

async function agreeing(tpm: Tpm, attester: Attester, { settings, qualifyingData, warn }: CollectRequest, key: number) {
  for (let attempt = 1; ; attempt++) {
    const quoted = await quotePcrs(tpm, { key, qualifyingData, pcrs: [selectionOf(settings)], ...schemeOf(settings) })
    const { bytes, problem } = compare(attester, await readLog(settings.logPath, attester.logLimit), quoted.pcrs[0]!)
    if (problem === undefined) return { quoted, log: bytes }
    const moved = !sameValues(quoted.pcrs[0]!, (await tpm2.pcrRead(tpm, [selectionOf(settings)]))[0]!)
    if (moved && attempt < MOST_ATTEMPTS) continue
    if (moved) throw new AgentError('collection', `${attester.type}: the PCRs are being extended all the time`)
    warn(`${attester.type}: ${settings.logPath}: ${problem}`)
    return { quoted, log: bytes }
  }
}

/** A log that can't be parsed is no evidence. */
function compare(attester: Attester, log: Awaited<ReturnType<typeof readLog>>, bank: PcrBank) {
  try {
    return attester.agreement(log, bank.values, bank.algorithm)
  } catch (error) {
    throw new AgentError('collection', `${attester.type}: the log can't be read: ${messageOf(error)}`, { cause: error })
  }
}

/** The PCRs that are quoted. */
export function selectionOf({ pcrs }: TpmSettings) {
  return { algorithm: pcrs.algorithm, indices: [...pcrs.indices] }
}

/** TPM2_Quote takes a scheme for keys that have none; of others it must be theirs. */
function schemeOf({ scheme }: TpmSettings) {
  return scheme === undefined ? {} : { scheme }
}

function sameValues(a: PcrBank, b: PcrBank): boolean {
  return [...a.values].every(([index, value]) => Buffer.compare(value, b.values.get(index)!) === 0)
}
