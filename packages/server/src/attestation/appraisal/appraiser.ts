/**
 * Appraisals on worker threads: logs are replayed and policies evaluated off the thread that serves requests, under Rego's own limits
 * backed by a hard stop. Baselines are read there too, since that is also long work on untrusted bytes.
 */
import type { Transferable } from 'node:worker_threads'
import type { QuoteReport } from '@vouchsafe/dcap'
import { ServiceError } from '../../foundation/index.ts'
import { EvidenceError, type PolicyInput } from '../verifiers/verifier.ts'
import type { Appraisal, AppraisalTask, BaselineDigests, Failure, Job, JobName, Jobs, QuoteTask, Reply } from './task.ts'
import { StoppedError, WorkerPool } from './worker-pool.ts'

const MAX_WAITING = 1_024
const MAX_WAITING_OF_OWNER = 256
const HARD_STOP_MS = 15_000
const HEAP_MEGABYTES = 768

export interface AppraiserOptions {
  workers: number
  /** Milliseconds after which a job's thread is terminated. */
  hardStop?: number
}

export interface AppraiserStatistics {
  waiting: number
  busy: number
  /** Since start: jobs that ended by themselves, and jobs that were terminated. */
  done: number
  stopped: number
}

export class Appraiser implements AsyncDisposable {
  readonly #pool: WorkerPool<Job, Reply>
  #done = 0

  constructor({ workers, hardStop = HARD_STOP_MS }: AppraiserOptions) {
    this.#pool = new WorkerPool({
      script: new URL('./worker.ts', import.meta.url),
      workers,
      maxWaiting: MAX_WAITING,
      maxWaitingOfOwner: MAX_WAITING_OF_OWNER,
      hardStop,
      heapMegabytes: HEAP_MEGABYTES,
    })
  }

  get statistics(): AppraiserStatistics {
    const { waiting, busy, stopped } = this.#pool
    return { waiting, busy, done: this.#done, stopped }
  }

  /**
   * Verifies evidence and evaluates the policies on it.
   * @param user the user whose turn the job takes
   * @throws {EvidenceError} for evidence that cannot be appraised
   * @throws {ServiceError} `policy_failed` for a policy without a verdict, `busy` if too many appraisals wait
   */
  async appraise(user: string, task: AppraisalTask): Promise<Appraisal> {
    try {
      return await this.#run(user, 'appraise', task)
    } catch (error) {
      if (error instanceof StoppedError) throw new EvidenceError(error.message)
      if (error instanceof PolicyFailure) throw policyFailed(error)
      throw error
    }
  }

  /** Whether a policy compiles and has a verdict on each input. */
  async tryPolicy(user: string, text: string, inputs: PolicyInput[]): Promise<{ ok: true } | { ok: false; message: string }> {
    try {
      await this.#run(user, 'try', { text, inputs })
      return { ok: true }
    } catch (error) {
      if (error instanceof PolicyFailure || error instanceof StoppedError) return { ok: false, message: error.message }
      throw error
    }
  }

  /**
   * The reference values in a baseline's payload, which is base64url.
   * @throws {ServiceError} `invalid` when it isn't a baseline
   */
  readBaseline(user: string, payload: string): Promise<BaselineDigests> {
    return this.#long(user, 'read-baseline', payload)
  }

  /** One index over the digest sets of baselines, in shared memory. The sets are transferred and unusable afterwards. */
  buildReferences(user: string, sets: Uint8Array[]): Promise<SharedArrayBuffer> {
    // They are transferred. Posting a view of a larger buffer would copy the whole buffer.
    const own = sets.map((set) => (set.byteLength === set.buffer.byteLength ? set : new Uint8Array(set)))
    return this.#long(
      user,
      'build-references',
      own,
      own.map(({ buffer }) => buffer as ArrayBuffer),
    )
  }

  /**
   * Verifies a quote with the collateral that came with it, which others chose: its certificates, lists and signatures are looked at here.
   * @throws {ServiceError} `invalid` when it isn't collateral
   */
  verifyQuote(owner: string, task: QuoteTask): Promise<QuoteReport> {
    return this.#long(owner, 'verify-quote', task)
  }

  async #long<N extends JobName>(
    user: string,
    name: N,
    input: Jobs[N]['input'],
    moved: readonly Transferable[] = [],
  ): Promise<Jobs[N]['output']> {
    try {
      return await this.#run(user, name, input, moved)
    } catch (error) {
      if (error instanceof StoppedError) throw new ServiceError('invalid', { message: error.message })
      throw error
    }
  }

  async #run<N extends JobName>(
    user: string,
    name: N,
    input: Jobs[N]['input'],
    moved: readonly Transferable[] = [],
  ): Promise<Jobs[N]['output']> {
    const reply = await this.#pool.run(user, { name, input } as Job, moved)
    this.#done++
    if ('failure' in reply) throw errorOf(reply.failure)
    return reply.output
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#pool[Symbol.asyncDispose]()
  }
}

/** A policy without a verdict. */
class PolicyFailure extends Error {}

function policyFailed({ message: reason }: PolicyFailure): ServiceError {
  return new ServiceError('policy_failed', { message: `The policy has no verdict: ${reason}`, facts: { reason } })
}

function errorOf({ kind, message }: Failure): Error {
  switch (kind) {
    case 'evidence':
      return new EvidenceError(message)
    case 'policy':
      return new PolicyFailure(message)
    case 'content':
      return new ServiceError('invalid', { message })
    case 'internal':
      return new ServiceError('internal', { detail: message })
  }
}
