/** tpm_boot: a quote, and the boot event log that leads to the quoted PCRs (contract §8.4). */
import {
  digestCoversData,
  isExtended,
  parseEventLog,
  replay,
  TpmError,
  type EventLog,
  type EventRecord,
  type HashAlgorithm,
  type PcrBank,
} from '@vouchsafe/tpm'
import type { Check } from '../check.ts'
import { eventInput } from './boot-events.ts'
import { SAMPLE_BOOT_LOG } from './samples/boot-log.ts'
import { secureBootOf } from './secure-boot.ts'
import { HASHES, TpmEvidenceReader } from './tpm-evidence.ts'
import { hex, pcrsInput, type Replayed } from './tpm-pcrs.ts'
import { verifyTpmQuote } from './tpm-quote.ts'
import { EvidenceError, type PolicyInput, type Verifier } from './verifier.ts'

const LOG_TYPE = 'TcgEventLog'
/** Checks of single events that are told; there may be thousands. */
const MAX_EVENT_CHECKS = 32

const reader = new TpmEvidenceReader(LOG_TYPE)

export const tpmBoot: Verifier = {
  type: 'tpm_boot',
  evidenceSchema: reader.schema,
  certificateOf: (evidence) => reader.certificates(evidence),
  verify(evidence, facts) {
    const { leaf } = reader.certificates(evidence)
    const parts = reader.read(evidence, facts.limits.bootLogBytes)
    const checks = verifyTpmQuote(leaf, parts, facts)
    const appraised = appraiseBootLog(parts.log, parts.bank)
    return { input: appraised.input, checks: [...checks, ...appraised.checks] }
  },
  samples() {
    const log = parseEventLog(SAMPLE_BOOT_LOG)
    const values = new Map([...replay(log, 'sha256')].map(([index, { value }]) => [index, value]))
    return [appraiseBootLog(SAMPLE_BOOT_LOG, { algorithm: 'sha256', values }).input]
  },
}

/** Replays a log and compares it with quoted PCRs. A log that leads elsewhere is a verdict; one that can't be read is an error. */
function appraiseBootLog(bytes: Uint8Array, bank: PcrBank): { input: PolicyInput; checks: Check[] } {
  const { log, replayed } = replayOf(bytes, bank.algorithm)
  const pcrs = new Map([...bank.values].map(([index, value]) => [index, compare(index, value, replayed)]))
  // A PCR that the log doesn't mention does not match: an empty log leads nowhere.
  const isLogValid = [...pcrs.values()].every(({ matched }) => matched)
  const matched = (pcr: number) => pcrs.get(pcr)?.matched === true
  const { state, check } = secureBootOf(log.events, bank.algorithm, matched(7))
  const records = log.events.map((event) => recordOf(event, bank.algorithm, isExtended(event) && matched(event.pcr)))
  const input = {
    evidence: {
      logs: [
        {
          log_type: LOG_TYPE,
          is_log_valid: isLogValid,
          log_status: isLogValid ? 'replay_success' : 'replay_failure',
          ref_value_match_status: 'ignore',
          log_data: records,
        },
      ],
      pcrs: pcrsInput(bank, pcrs),
      secure_boot: state,
    },
  }
  const pcrChecks = [...pcrs].map(([index, { value, matched: passed }]) => ({
    name: `PCR ${index}`,
    passed,
    expected: hex(bank.values.get(index)!),
    found: hex(value),
    ...(replayed.has(index) ? {} : { note: 'the log has no event of this PCR' }),
  }))
  return { input, checks: [...pcrChecks, check, ...coverageChecks(records)] }
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

type EventInput = ReturnType<typeof recordOf>

/**
 * `authenticated`: the event's place and digest are those that the quote covers. `digest_covers_data`: so is what `event` says; it is left out
 * where the specification doesn't define the digest as that of the data.
 */
function recordOf(event: EventRecord, bank: HashAlgorithm, authenticated: boolean) {
  const { number, pcr, typeName, digests } = event
  const coverage = digestCoversData(event, bank, HASHES)
  const digest = digests[bank]
  return {
    event_number: number,
    pcr_index: pcr,
    event_type: typeName,
    // The first record has no digest but SHA-1's.
    digest: number === 0 && digests.sha1 ? hex(digests.sha1) : { hash_id: bank, digest: digest ? hex(digest) : '' },
    event: eventInput(event),
    authenticated,
    digest_coverage: coverage,
    ...(coverage === 'covered' || coverage === 'not-covered' ? { digest_covers_data: coverage === 'covered' } : {}),
  }
}

function coverageChecks(records: readonly EventInput[]): Check[] {
  const name = 'digests cover data'
  const wrong = records.filter(({ digest_covers_data }) => digest_covers_data === false)
  if (wrong.length === 0) return [{ name, passed: true }]
  const told = wrong.slice(0, MAX_EVENT_CHECKS).map(({ event_number, pcr_index, event_type }) => ({
    name: `event ${event_number}`,
    passed: false,
    note: `${event_type} of PCR ${pcr_index}: its digest is not that of its data`,
  }))
  return [{ name, passed: false, note: `${wrong.length} of ${records.length} events` }, ...told]
}
