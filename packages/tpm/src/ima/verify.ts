import type { Check } from '@vouchsafe/checks'
import type { HashAlgorithm, Hashes } from '../hash.ts'
import { checkBootAggregate } from './boot-aggregate.ts'
import type { ImaEntry } from './entry.ts'
import type { ImaLimits } from './limits.ts'
import type { ImaLog } from './log.ts'
import { parseImaLog } from './log.ts'
import type { ImaReplay, ImaState } from './replay.ts'
import { replayImaLog } from './replay.ts'

export interface ImaVerifyOptions {
  /** The quoted bank. */
  algorithm: HashAlgorithm
  /** The quoted value of PCR 10, or quoted values of the PCRs that the host measures into. */
  expected?: Uint8Array | ReadonlyMap<number, Uint8Array> | undefined
  /** Quoted values of PCRs 0–9 of the same bank: the first entry is compared with them. */
  bootPcrs?: ReadonlyMap<number, Uint8Array> | undefined
  /** Of an earlier log of the same boot; the bytes then begin at its `offset`. */
  state?: ImaState | undefined
  hashes?: Hashes | undefined
  limits?: Partial<ImaLimits> | undefined
}

export interface ImaVerdict {
  log: ImaLog
  replay: ImaReplay
  /**
   * `pcr-N`: per expected value, whether the log leads to it. `boot-aggregate`: when PCRs 0–9 are given and the log is read from its start; an entry
   * that no expected value covers does not pass. `template-digests`:
   * of ASCII logs, whether those logged are those of the fields; the replay does not rest on them. `whole-entries`: whether the log ends with one.
   */
  checks: Check[]
}

/**
 * Reads and replays a log of runtime measurements and compares it with what was quoted. Entries for which `replay.covers` is true were measured before the
 * quote; of these `ImaEntry` says what the PCR does not cover. All others are claims by the sender of the log.
 * Throws TpmError for what is no log, beyond a limit, or not computable.
 *
 * @example
 * verifyImaLog(imaLog, { algorithm: 'sha256', expected: pcr10 }).checks.every(({ passed }) => passed) // → true
 */
export function verifyImaLog(bytes: Uint8Array, options: ImaVerifyOptions): ImaVerdict {
  const { algorithm, bootPcrs, state, hashes = {}, limits = {} } = options
  const log = parseImaLog(bytes, { limits, hashes, first: state?.entries ?? 0 })
  const replay = replayImaLog(log.entries, options)
  const checks: Check[] = []
  const expected =
    options.expected instanceof Uint8Array ? new Map([[10, options.expected]]) : (options.expected ?? new Map<number, Uint8Array>())
  for (const [index, value] of expected) {
    const { value: replayed, entries, authenticated } = replay.pcrs.get(index)!
    checks.push({
      name: `pcr-${index}`,
      passed: authenticated !== undefined,
      expected: value.toHex(),
      found: authenticated === undefined ? replayed.toHex() : value.toHex(),
      note:
        authenticated === undefined
          ? `no number of the ${entries} entries leads to the value`
          : `after ${authenticated} of ${entries} entries, ${replay.form === 'bank-digest' ? `${algorithm} template digests` : 'SHA-1 template digests padded with zeros'}`,
    })
  }
  const [first] = log.entries
  if (bootPcrs !== undefined && first?.number === 0) {
    const check = checkBootAggregate(first, algorithm, bootPcrs, hashes)
    const covered = expected.size === 0 || replay.covers(first)
    checks.push(covered ? check : { ...check, passed: false, note: 'no expected value covers the first entry' })
  }
  if (log.format === 'ascii') checks.push(templateDigestsCheck(log.entries))
  checks.push({
    name: 'whole-entries',
    passed: log.incomplete === 0,
    ...(log.incomplete > 0 && { note: `the last ${log.incomplete} bytes are not a whole entry` }),
  })
  return { log, replay, checks }
}

function templateDigestsCheck(entries: readonly ImaEntry[]): Check {
  const name = 'template-digests'
  const wrong = entries.filter((entry) => entry.templateDigestMatches === false)
  if (wrong.length === 0) return { name, passed: true }
  return { name, passed: false, note: `${wrong.length} are not those of the fields, the first of entry ${wrong[0]!.number}` }
}
