/** tpm_boot: a quote, and the boot event log that leads to the quoted PCRs (contract §8.4). */
import {
  isExtended,
  parseEventLog,
  replay,
  TpmError,
  type EventLog,
  type EventRecord,
  type HashAlgorithm,
  type PcrBank,
} from '@vouchsafe/tpm'
import type { Check } from '@vouchsafe/checks'
import { coversData, recordOf, type EventInput } from './boot-records.ts'
import { SAMPLE_BOOT_LOG } from './samples/boot-log.ts'
import { secureBootOf } from './secure-boot.ts'
import { HASHES, TpmEvidenceReader } from './tpm-evidence.ts'
import { pcrsInput, type Replayed } from './tpm-pcrs.ts'
import { verifyTpmQuote } from './tpm-quote.ts'
import { EvidenceError, type PolicyInput, type Verifier } from './verifier.ts'

const LOG_TYPE = 'TcgEventLog'
/** The most checks of single events that are reported; there may be thousands. */
const MAX_EVENT_CHECKS = 32

const reader = new TpmEvidenceReader(LOG_TYPE)

export const tpmBoot: Verifier = {
  type: 'tpm_boot',
  evidenceSchema: reader.schema,
  certificateField: 'ak_cert',
  certificateOf: (evidence) => reader.certificates(evidence),
  verify(evidence, facts) {
    const parts = reader.read(evidence, facts.limits.bootLogBytes)
    const checks = verifyTpmQuote(parts, facts)
    const appraised = appraiseBootLog(parts.log, parts.bank)
    return { input: appraised.input, checks: () => [...checks, ...appraised.checks()] }
  },
  samples() {
    const log = parseEventLog(SAMPLE_BOOT_LOG)
    const values = new Map([...replay(log, 'sha256')].map(([index, { value }]) => [index, value]))
    return [appraiseBootLog(SAMPLE_BOOT_LOG, { algorithm: 'sha256', values }).input]
  },
}

/** Replays a log and compares it with quoted PCRs. A log that does not match is a verdict; one that cannot be parsed is an error. */
function appraiseBootLog(bytes: Uint8Array, bank: PcrBank): { input: PolicyInput; checks: () => Check[] } {
  const { log, replayed } = replayOf(bytes, bank.algorithm)
  const pcrs = new Map([...bank.values].map(([index, value]) => [index, compare(index, value, replayed)]))
  // A PCR that the log doesn't mention does not match: an empty log leads nowhere.
  const isLogValid = [...pcrs.values()].every(({ matched }) => matched)
  const matched = (pcr: number) => pcrs.get(pcr)?.matched === true
  const { state, check } = secureBootOf(log.events, bank.algorithm, matched(7))
  const isAuthenticated = (event: EventRecord) => isExtended(event) && matched(event.pcr)
  // Hashes once more what was hashed for the replay: done only on request.
  let known: EventRecord[] | undefined
  const uncovered = () => (known ??= log.events.filter((event) => coversData(event, bank.algorithm) === false))
  let records: EventInput[] | undefined
  const input = {
    evidence: {
      logs: [
        {
          log_type: LOG_TYPE,
          is_log_valid: isLogValid,
          log_status: isLogValid ? 'replay_success' : 'replay_failure',
          ref_value_match_status: 'ignore',
          // Made when a policy looks at it, as are the events: most policies look at few, or none.
          get uncovered_events() {
            return uncovered().filter(isAuthenticated).length
          },
          get log_data() {
            return (records ??= log.events.map((event) => recordOf(event, bank.algorithm, isAuthenticated(event))))
          },
        },
      ],
      pcrs: pcrsInput(bank, pcrs),
      secure_boot: state,
    },
  }
  const pcrChecks = [...pcrs].map(([index, { value, matched: passed }]) => ({
    name: `pcr_${index}`,
    passed,
    expected: bank.values.get(index)!.toHex(),
    found: value.toHex(),
    ...(replayed.has(index) ? {} : { note: 'the log has no event of this PCR' }),
  }))
  return { input, checks: () => [...pcrChecks, check, ...coverageChecks(uncovered(), log.events.length)] }
}

function replayOf(bytes: Uint8Array, bank: HashAlgorithm): { log: EventLog; replayed: ReturnType<typeof replay> } {
  try {
    const log = parseEventLog(bytes, { limits: { bytes: bytes.length } })
    return { log, replayed: replay(log, bank, HASHES) }
  } catch (error) {
    if (error instanceof TpmError) throw new EvidenceError(`evidence.logs[0].log_data: ${error.message}`)
    throw error
  }
}

function compare(index: number, quoted: Uint8Array, replayed: ReturnType<typeof replay>): Replayed {
  const pcr = replayed.get(index)
  if (pcr === undefined) return { value: new Uint8Array(quoted.length), matched: false }
  return { value: pcr.value, matched: pcr.missing.length === 0 && Buffer.compare(pcr.value, quoted) === 0 }
}

function coverageChecks(uncovered: readonly EventRecord[], events: number): Check[] {
  const name = 'digests_cover_data'
  if (uncovered.length === 0) return [{ name, passed: true }]
  const told = uncovered.slice(0, MAX_EVENT_CHECKS).map(({ number, pcr, typeName }) => ({
    name: `event_${number}`,
    passed: false,
    note: `${typeName} of PCR ${pcr}: its digest is not that of its data`,
  }))
  return [{ name, passed: false, note: `${uncovered.length} of ${events} events` }, ...told]
}
