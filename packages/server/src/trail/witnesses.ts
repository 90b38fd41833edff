/**
 * Has witnesses cosign the trail's checkpoints (C2SP tlog-witness), in the background: nothing waits for them.
 *
 * Invariants: all witnesses that are not resting after a failure are asked about the same checkpoint, the newest, so that one note gathers a quorum;
 * each is asked one thing at a time; only cosignatures that its keys verify are kept.
 */
import { setTimeout as delay } from 'node:timers/promises'
import {
  addSignatures,
  checkSignatures,
  formatNote,
  parseCheckpoint,
  parseNote,
  type Note,
  type NoteSignature,
  type VerifierKey,
} from '@vouchsafe/audit-log'
import { verifyRaw } from '@vouchsafe/x509'
import type { Log, Runtime } from '../foundation/index.ts'
import type { Storage } from '../storage/index.ts'
import type { LogFiles } from './log-files.ts'
import { addCheckpoint, WitnessError } from './witness-client.ts'

export interface Witness {
  /** Submission prefix, without a slash at the end. */
  url: string
  /** At least one; an answer must have a signature of one of them. */
  keys: readonly VerifierKey[]
}

export interface WitnessServices {
  storage: Storage
  runtime: Runtime
  log: Log
  files: Pick<LogFiles, 'proveGrowth'>
}

export interface WitnessTimes {
  /** Milliseconds for one request. */
  patience: number
  /** Milliseconds from one checkpoint that is shown to witnesses to the next. */
  pause: number
  /** Milliseconds that a witness rests after its first failure; twice as long after each further one. */
  rest: number
  longestRest: number
}

const TIMES: WitnessTimes = { patience: 10_000, pause: 1_000, rest: 1_000, longestRest: 10 * 60 * 1000 }
/** Two conflicts in a row are other servers of this store; more are none. */
const ATTEMPTS = 3

/** What is known of a witness. */
interface State {
  readonly witness: Witness
  /** For people, as in the order of the configuration, from 1. */
  readonly number: number
  epoch: number
  /** Entries of the last checkpoint of that epoch that it is known to have cosigned. */
  size: number
  /** That checkpoint's text. */
  text: string | undefined
  failures: number
  /** When it may be asked again, on the monotonic clock. */
  restsUntil: number
  /** What it says that contradicts this log. */
  contradiction: string | undefined
}

interface Shown {
  epoch: number
  size: number
  note: Note
}

export class Witnesses implements AsyncDisposable {
  readonly #services: WitnessServices
  readonly #states: readonly State[]
  readonly #times: WitnessTimes
  readonly #end = new AbortController()
  #isNoticed = false
  #running: Promise<void> | undefined
  #timer: NodeJS.Timeout | undefined
  #failures = 0
  #storageFails = false

  constructor(services: WitnessServices, witnesses: readonly Witness[], times: Partial<WitnessTimes> = {}) {
    this.#services = services
    this.#times = { ...TIMES, ...times }
    this.#states = witnesses.map((witness, i) => {
      const known = { epoch: 0, size: 0, text: undefined, failures: 0, restsUntil: -Infinity, contradiction: undefined }
      return { witness, number: i + 1, ...known }
    })
  }

  /** Entries that each witness has cosigned, whether it contradicts this log, and failures so far; for metrics. */
  get statistics(): { cosigned: number[]; contradicting: boolean[]; failures: number } {
    return {
      cosigned: this.#states.map(({ size }) => size),
      contradicting: this.#states.map(({ contradiction }) => contradiction !== undefined),
      failures: this.#failures,
    }
  }

  /** What witnesses say that contradicts this log, in words; only their word for it. */
  get contradictions(): string[] {
    return this.#states.flatMap(({ number, contradiction }) => (contradiction === undefined ? [] : [`witness ${number} ${contradiction}`]))
  }

  /** There may be a new checkpoint: has the newest one cosigned. Returns at once. */
  notice(): void {
    if (this.#states.length === 0 || this.#end.signal.aborted) return
    this.#isNoticed = true
    this.#running ??= this.#run()
  }

  async #run(): Promise<void> {
    try {
      while (this.#isNoticed && !this.#end.signal.aborted) {
        this.#isNoticed = false
        const hasAsked = await this.#round()
        if (hasAsked) await delay(this.#times.pause, undefined, { ref: false, signal: this.#end.signal }).catch(() => undefined)
      }
    } finally {
      this.#running = undefined
    }
  }

  /** Shows the newest checkpoint to those that have not cosigned it; whether there were any. */
  async #round(): Promise<boolean> {
    const { storage, runtime, log } = this.#services
    clearTimeout(this.#timer)
    try {
      const head = await storage.trailHead({ epoch: null })
      if (head === null || head.checkpoint === null) return false
      const shown = { epoch: head.epoch, size: head.checkpointSize, note: parseNote(head.checkpoint) }
      await this.#learn(shown, head.cosigned)
      const open = this.#states.filter(({ text }) => text !== shown.note.text)
      const due = open.filter(({ restsUntil }) => restsUntil <= runtime.monotonic())
      const answers = await Promise.all(due.map(async (state) => ({ state, signatures: await this.#ask(state, shown) })))
      const signatures = answers.flatMap((one) => one.signatures)
      if (signatures.length > 0) await storage.keepCosigned({ epoch: shown.epoch, note: formatNote(addSignatures(shown.note, signatures)) })
      for (const { state, signatures: its } of answers) if (its.length > 0) this.#haveCosigned(state, shown)
      this.#comeBack(shown)
      this.#storageFails = false
      return due.length > 0
    } catch (error) {
      if (this.#end.signal.aborted) return false
      if (!this.#storageFails) log.error({ err: error }, 'the cosignatures of witnesses cannot be kept, and will be asked for again')
      this.#storageFails = true
      this.#comeBackIn(this.#times.longestRest)
      return true
    }
  }

  /** What the store says about who has cosigned what: after a restart, or because another server has asked. */
  async #learn({ epoch, note }: Shown, cosigned: string | null): Promise<void> {
    for (const state of this.#states) if (state.epoch !== epoch) Object.assign(state, { epoch, size: 0, text: undefined })
    if (cosigned === null) return
    const kept = parseNote(cosigned)
    const [{ origin, size }, own] = [parseCheckpoint(kept.text), parseCheckpoint(note.text)]
    if (origin !== own.origin || size > own.size) return
    for (const state of this.#states) {
      if (size < state.size || state.text === kept.text) continue
      const signatures = await checkSignatures(kept, state.witness.keys, verifyRaw)
      if (signatures.some(({ valid }) => valid)) Object.assign(state, { size, text: kept.text })
    }
  }

  /** A witness's cosignatures; none if it failed, or if another server has shown it a newer checkpoint. */
  async #ask(state: State, shown: Shown): Promise<NoteSignature[]> {
    try {
      return await this.#cosignatures(state, shown)
    } catch (error) {
      if (!this.#end.signal.aborted) this.#haveFailed(state, error as Error)
      return []
    }
  }

  async #cosignatures(state: State, { epoch, size, note }: Shown): Promise<NoteSignature[]> {
    const { storage, files } = this.#services
    const { url, keys } = state.witness
    let oldSize = Math.min(state.size, size)
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const proof = await files.proveGrowth(epoch, oldSize, size)
      const signal = AbortSignal.any([AbortSignal.timeout(this.#times.patience), this.#end.signal])
      const answer = await addCheckpoint(url, { oldSize, proof, checkpoint: formatNote(note) }, signal)
      if (answer.outcome === 'cosigned') return verified(note, answer.signatures, keys)
      if (answer.outcome === 'refused') throw refusal(answer.status, oldSize, size)
      if (answer.size > size) {
        const now = await storage.trailHead({ epoch })
        if (now === null || now.checkpointSize < answer.size)
          throw new WitnessError(`has cosigned ${answer.size} entries of this log, which has only ${size}`, true)
        this.#isNoticed = true
        return []
      }
      if (answer.size === oldSize) throw refusal(409, oldSize, size)
      oldSize = answer.size
    }
    throw new WitnessError('says another size each time')
  }

  #haveCosigned(state: State, { size, note: { text } }: Shown): void {
    const { number, failures } = state
    if (failures > 0) this.#services.log.info({ witness: number }, "a witness cosigns the trail's checkpoints again")
    Object.assign(state, { size, text, failures: 0, restsUntil: -Infinity, contradiction: undefined })
  }

  #haveFailed(state: State, error: Error): void {
    const { log, runtime } = this.#services
    const { number: witness, failures, contradiction } = state
    const reason = `the witness ${error.message}`
    if (error instanceof WitnessError && error.isContradiction) {
      if (contradiction === undefined)
        log.error({ witness, reason }, 'a witness contradicts the trail: the store was set back, or there are two logs')
      state.contradiction = error.message
    } else if (failures === 0) {
      log.warn({ witness, reason }, "a witness does not cosign the trail's checkpoints, and will be asked again")
    }
    this.#failures++
    state.failures++
    state.restsUntil = runtime.monotonic() + Math.min(this.#times.rest * 2 ** failures, this.#times.longestRest)
  }

  /** When the first of those that rest has rested. */
  #comeBack({ note }: Shown): void {
    const open = this.#states.filter(({ text, failures }) => text !== note.text && failures > 0)
    if (open.length === 0) return
    this.#comeBackIn(Math.max(0, Math.min(...open.map(({ restsUntil }) => restsUntil)) - this.#services.runtime.monotonic()))
  }

  #comeBackIn(ms: number): void {
    this.#timer = setTimeout(() => this.notice(), ms)
    this.#timer.unref()
  }

  /** Waits for nobody: what was asked is asked again after the next start. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort()
    clearTimeout(this.#timer)
    await this.#running
    clearTimeout(this.#timer)
  }
}

/** The cosignatures by the witness's keys, one of each; those of others are ignored, as the format demands. */
async function verified({ text }: Note, signatures: readonly NoteSignature[], keys: readonly VerifierKey[]): Promise<NoteSignature[]> {
  const own = keys.flatMap((key) =>
    signatures.filter(({ name, keyId }) => name === key.name && Buffer.from(keyId).equals(key.id)).slice(0, 1),
  )
  if (own.length === 0) throw new WitnessError('did not sign with its key')
  const checked = await checkSignatures({ text, signatures: own }, keys, verifyRaw)
  if (checked.some(({ valid }) => !valid)) throw new WitnessError('signed something else: its signature is wrong')
  return own
}

/** What a refusal means, by the statuses of C2SP tlog-witness. */
function refusal(status: number, oldSize: number, size: number): WitnessError {
  if (status === 409 && oldSize === size) return new WitnessError(`knows another log of ${size} entries with this origin`, true)
  if (status === 422 && oldSize > 0)
    return new WitnessError(`knows another log: its first ${oldSize} entries are not those of this one`, true)
  if (status === 404) return new WitnessError('does not know this log: its operator must add the origin (404)')
  if (status === 403) return new WitnessError("does not accept the log's key (403)")
  return new WitnessError(`answered ${status}`)
}
