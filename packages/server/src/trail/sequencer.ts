/**
 * Takes the entries that transactions appended into the tree, and signs its heads.
 *
 * Invariants: only a head that is committed is signed; a head that this process has seen never shrinks and never changes at its size, so a store
 * that is set back under a running server is noticed, and nothing more is signed.
 */
import { formatCheckpoint, formatNote, signNote, type NoteSigner } from '@vouchsafe/audit-log'
import type { Log, Runtime } from '../foundation/index.ts'
import { StorageError, type Storage, type TrailHead } from '../storage/index.ts'

/** How often the head is looked at: an entry is in the tree, and under a checkpoint, within a second. */
const LOOK_MS = 250
const BATCH = 2_000

/** Who signs the heads of an epoch's log. */
export interface LogSigner {
  /** `vouchsafe/<store id>/<epoch>`. */
  origin(epoch: number): string
  signer(epoch: number): Promise<NoteSigner>
}

/** What stopped the sequencer: the store no longer holds what it held. */
export interface TrailIncident {
  reason: string
}

export interface SequencerServices {
  storage: Storage
  runtime: Runtime
  log: Log
  signer: LogSigner
  /** Told of each signed checkpoint; it is published when the promise resolves. */
  published?: (checkpoint: SignedCheckpoint) => Promise<void>
}

/** A signed note, and what it says. */
export interface SignedCheckpoint {
  epoch: number
  size: number
  root: Uint8Array
  /** A C2SP signed note. */
  note: string
}

export class Sequencer implements AsyncDisposable {
  readonly #services: SequencerServices
  readonly #everyMs: number
  #timer: NodeJS.Timeout | undefined
  /** Nothing is signed before the store is known to be the one that was signed last. */
  #signs = false
  #seen: TrailHead | undefined
  #signedAt = -Infinity
  #running: Promise<void> | undefined
  #incident: TrailIncident | undefined
  #failing = false

  /** @param everyMs how long a checkpoint stays the newest one at least, since its size tells how busy the store is */
  constructor(services: SequencerServices, everyMs: number) {
    this.#services = services
    this.#everyMs = everyMs
  }

  /** From here on the log goes on: its heads are signed. */
  start(): void {
    this.#signs = true
    this.#timer = setInterval(() => void this.run(), LOOK_MS)
    this.#timer.unref()
  }

  /** Entries in the tree, and those that wait; for metrics. */
  get statistics(): { size: number; waiting: number; checkpoint: number } {
    const { size = 0, waiting = 0, checkpointSize = 0 } = this.#seen ?? {}
    return { size, waiting, checkpoint: checkpointSize }
  }

  /** The newest signed checkpoint that this server knows of, a C2SP signed note. */
  get checkpoint(): string | undefined {
    return this.#seen?.checkpoint ?? undefined
  }

  /** What was altered in the store's trail, if anything was. */
  get incident(): string | undefined {
    return this.#incident?.reason
  }

  /** Why the trail cannot grow, if it cannot. */
  get problem(): string | undefined {
    return this.#incident?.reason ?? (this.#failing ? 'the trail cannot be written' : undefined)
  }

  /** Takes in what waits, and signs. Concurrent calls share it. */
  run(final = false): Promise<void> {
    this.#running ??= this.#round(final).finally(() => (this.#running = undefined))
    return this.#running
  }

  /** Takes in and signs everything that was committed before the call, which a round that is under way may have missed. */
  async settle(): Promise<void> {
    await this.#running
    await this.run(true)
  }

  async #round(final: boolean): Promise<void> {
    if (this.#incident !== undefined) return
    const { storage, log } = this.#services
    try {
      let head = await storage.trailHead({ epoch: null })
      while (head !== null && this.#accepts(head) && head.waiting > 0) head = await storage.growTrail({ limit: BATCH })
      if (head !== null && this.#accepts(head)) await this.#sign(head, final)
      this.#failing = false
    } catch (error) {
      if (error instanceof StorageError && error.code === 'altered') return this.#stop(error.message)
      if (!this.#failing) log.error({ err: error }, 'the trail cannot grow, and will be tried again')
      this.#failing = true
    }
  }

  /** Whether the head continues the one seen before. */
  #accepts(head: TrailHead): boolean {
    const seen = this.#seen
    const isSameEpoch = seen?.epoch === head.epoch
    const isBack = seen !== undefined && (head.epoch < seen.epoch || (isSameEpoch && head.size < seen.size))
    const isOther = isSameEpoch && head.size === seen.size && !Buffer.from(head.root).equals(seen.root)
    if (isBack || isOther) this.#stop(`the trail in the store was set back: it had ${seen.size} entries, and has ${head.size}`)
    else this.#seen = head
    return !isBack && !isOther
  }

  #stop(reason: string): void {
    this.#incident = { reason }
    this.#services.log.error({ reason }, 'the trail was altered in the store: nothing more is signed until this server is started again')
  }

  async #sign({ epoch, size, root, checkpointSize, checkpoint }: TrailHead, final: boolean): Promise<void> {
    const { storage, runtime, signer, published } = this.#services
    if (!this.#signs || (checkpoint !== null && checkpointSize === size)) return
    if (!final && runtime.monotonic() - this.#signedAt < this.#everyMs) return
    const note = await signCheckpoint(signer, { epoch, size, root })
    await storage.keepCheckpoint({ epoch, size, checkpoint: note })
    this.#signedAt = runtime.monotonic()
    if (this.#seen?.epoch === epoch) this.#seen = { ...this.#seen, checkpoint: note, checkpointSize: size }
    await published?.({ epoch, size, root, note })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer)
    if (this.#signs) await this.settle()
  }
}

/** A signed checkpoint of a committed head. */
export async function signCheckpoint(
  signer: LogSigner,
  { epoch, size, root }: Pick<SignedCheckpoint, 'epoch' | 'size' | 'root'>,
): Promise<string> {
  const text = formatCheckpoint({ origin: signer.origin(epoch), size, root })
  return formatNote({ text, signatures: [await signNote(text, await signer.signer(epoch))] })
}
