import { TpmError } from '../error.ts'
import type { HashAlgorithm, Hashes } from '../hash.ts'
import { digestSizes } from '../hash.ts'
import { initialPcr } from '../pcr.ts'
import type { ImaEntry } from './entry.ts'
import { hashInto } from './hash-into.ts'

/**
 * What a kernel extends into a bank: the template digest made with the bank's algorithm (Linux 5.8 and later), or the SHA-1 one followed by zeros (before, and
 * later in banks whose algorithm the kernel lacks).
 */
export type ImaForm = 'bank-digest' | 'padded-sha1'

/** Where a replay can go on: plain data that survives JSON. Keep it as carefully as a verdict. */
export interface ImaState {
  algorithm: HashAlgorithm
  form: ImaForm
  /** Entries replayed, of all PCRs. */
  entries: number
  /** Bytes of the log that they take. */
  offset: number
  pcrs: { index: number; entries: number; value: string }[]
}

export interface ImaPcr {
  /** After all entries. */
  value: Uint8Array
  /** Entries of this PCR, with those of the state. */
  entries: number
  /** How many of them the expected value covers; undefined when none was given or it did not occur. */
  authenticated: number | undefined
}

export interface ImaReplayOptions {
  /** The bank. */
  algorithm: HashAlgorithm
  /** The quoted value of PCR 10, or the quoted values of the PCRs that the policy of the host measures into. */
  expected?: Uint8Array | ReadonlyMap<number, Uint8Array> | undefined
  hashes?: Hashes | undefined
  state?: ImaState | undefined
}

export interface ImaReplay {
  algorithm: HashAlgorithm
  /** The form that led to the expected values; `bank-digest` when none did. */
  form: ImaForm
  /** By index; PCR 10 is always there. */
  pcrs: ReadonlyMap<number, ImaPcr>
  /** PCR 10 after all entries. */
  value: Uint8Array
  /** Entries, with those of the state. */
  entries: number
  /** How many entries the expected values cover: all of the first ones unless the log has PCRs without an expected value. undefined unless each occurred. */
  authenticated: number | undefined
  /** Entries which no expected value covers: measured after the quote, or never. undefined where `authenticated` is. */
  tail: number | undefined
  /** Whether an expected value covers the entry. */
  covers(entry: ImaEntry): boolean
  /**
   * Where the expected values were reached; without such values, after the last entry. undefined when an expected value did not occur, and when entries of one
   * PCR stand before those of another which were measured earlier.
   */
  state: ImaState | undefined
}

const IMA_PCR = 10

/**
 * Extends the entries into their PCRs, from zeros or a saved state, and says how many of them the quoted values cover.
 *
 * A PCR is a chain of hashes over all digests extended so far, so no two prefixes of a log produce the same value: the first one that
 * produces the quoted value is the only one, and it holds exactly the entries measured when the quote was made. The log is read later, so
 * it may have a tail.
 *
 * Each form is tried, the bank's own digest first. Throws TpmError for a digest that can't be computed, a state of another bank, and a PCR which does not exist.
 * Source: Linux, security/integrity/ima/ima_queue.c; TCG Canonical Event Log Format, "IMA template".
 *
 * @example
 * const { authenticated, tail } = replayImaLog(entries, { algorithm: 'sha256', expected: pcr10 })
 * const found = [authenticated, tail] // → [1, 1]
 */
export function replayImaLog(entries: readonly ImaEntry[], options: ImaReplayOptions): ImaReplay {
  const { algorithm, state } = options
  const expected = new Map(options.expected instanceof Uint8Array ? [[IMA_PCR, options.expected]] : options.expected)
  for (const [index, value] of expected) {
    const size = digestSizes[algorithm]
    if (value.length !== size)
      throw new TpmError(`PCR ${index}: ${value.length} bytes expected, ${algorithm} has ${size}`, { field: 'expected' })
  }
  if (state !== undefined && state.algorithm !== algorithm)
    throw new TpmError(`the state is of the bank ${state.algorithm}, not ${algorithm}`, { field: 'state' })
  const open: ImaForm[] = algorithm === 'sha1' || expected.size === 0 ? ['bank-digest'] : ['bank-digest', 'padded-sha1']
  const forms = state !== undefined && state.entries > 0 ? [state.form] : open
  let unmatched: ImaReplay | undefined
  let failure: unknown
  for (const form of forms) {
    try {
      const replay = replayForm(entries, form, expected, options)
      if (replay.authenticated !== undefined) return replay
      unmatched ??= replay
    } catch (error) {
      failure ??= error
    }
  }
  if (unmatched === undefined) throw failure
  return unmatched
}

interface Running {
  index: number
  /** The value, and room for the digest that follows it. */
  buffer: Buffer
  entries: number
  expected: Uint8Array | undefined
  authenticated: number | undefined
}

function replayForm(
  entries: readonly ImaEntry[],
  form: ImaForm,
  expected: ReadonlyMap<number, Uint8Array>,
  options: ImaReplayOptions,
): ImaReplay {
  const { algorithm, hashes = {}, state } = options
  const size = digestSizes[algorithm]
  const earlier = state?.entries ?? 0
  const pcrs = new Map<number, Running>()
  const pcr = (index: number): Running => {
    const known = pcrs.get(index)
    if (known !== undefined) return known
    const saved = state?.pcrs.find((each) => each.index === index)
    const buffer = Buffer.alloc(2 * size)
    buffer.set(saved === undefined ? initialPcr(algorithm, index) : savedValue(saved, size))
    const fresh = { index, buffer, entries: saved?.entries ?? 0, expected: expected.get(index), authenticated: undefined }
    pcrs.set(index, fresh)
    return fresh
  }
  /** Whether the PCR has just reached its expected value. */
  const reaches = (running: Running): boolean => {
    const { buffer, expected, authenticated } = running
    if (expected === undefined || authenticated !== undefined || buffer[0] !== expected[0]) return false
    if (buffer.compare(expected, 0, size, 0, size) !== 0) return false
    running.authenticated = running.entries
    return true
  }
  const saved = (count: number, offset: number): ImaState => ({
    algorithm,
    form,
    entries: earlier + count,
    offset: (state?.offset ?? 0) + offset,
    pcrs: [...pcrs.values()].map(({ index, entries, buffer }) => ({ index, entries, value: buffer.toString('hex', 0, size) })),
  })

  let missing = expected.size
  for (const index of [...(state?.pcrs.map(({ index }) => index) ?? []), IMA_PCR, ...expected.keys()]) if (reaches(pcr(index))) missing--
  let reached = missing === 0 && expected.size > 0 ? saved(0, 0) : undefined
  for (const [i, entry] of entries.entries()) {
    const running = pcr(entry.pcr)
    if (form === 'bank-digest') entry.extendedDigest(algorithm, running.buffer, size)
    else {
      running.buffer.fill(0, size)
      entry.extendedDigest('sha1', running.buffer, size)
    }
    hashInto(algorithm, running.buffer, running.buffer, 0, hashes)
    running.entries++
    if (!reaches(running) || --missing > 0) continue
    const inOrder = [...pcrs.values()].every(({ expected, entries, authenticated }) => expected === undefined || entries === authenticated)
    if (inOrder) reached = saved(i + 1, entry.end)
  }

  const all = [...pcrs.values()]
  const covered = all.reduce((sum, { authenticated }) => sum + (authenticated ?? 0), 0)
  const authenticated = missing === 0 && expected.size > 0 ? covered : undefined
  const total = earlier + entries.length
  return {
    algorithm,
    form,
    pcrs: new Map(
      all.map(({ index, buffer, entries, authenticated }) => [
        index,
        { value: new Uint8Array(buffer.subarray(0, size)), entries, authenticated },
      ]),
    ),
    value: new Uint8Array(pcrs.get(IMA_PCR)!.buffer.subarray(0, size)),
    entries: total,
    authenticated,
    tail: authenticated === undefined ? undefined : total - authenticated,
    covers: coverage(entries, all, state),
    state: expected.size === 0 ? saved(entries.length, entries.at(-1)?.end ?? 0) : reached,
  }
}

/** Which entries lie within the covered ones of their PCR. */
function coverage(entries: readonly ImaEntry[], pcrs: readonly Running[], state: ImaState | undefined): (entry: ImaEntry) => boolean {
  const lastCovered = new Map<number, number>()
  for (const { index, authenticated } of pcrs) {
    let left = (authenticated ?? 0) - (state?.pcrs.find((each) => each.index === index)?.entries ?? 0)
    if (left <= 0) continue
    const last = entries.find(({ pcr }) => pcr === index && --left === 0)
    if (last !== undefined) lastCovered.set(index, last.number)
  }
  return ({ pcr, number }) => number <= (lastCovered.get(pcr) ?? -1)
}

function savedValue({ index, value }: ImaState['pcrs'][0], size: number): Uint8Array {
  if (!/^([0-9a-f]{2})*$/.test(value) || value.length !== 2 * size)
    throw new TpmError(`PCR ${index}: the saved value is not ${size} bytes of hex`, { field: 'state' })
  return Buffer.from(value, 'hex')
}
