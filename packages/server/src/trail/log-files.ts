/** The log as files: the checkpoint, tiles of hashes and bundles of entries (C2SP tlog-tiles), as they are exported and proofs are made from. */
import {
  consistencyProof,
  encodeBundle,
  formatLogProof,
  formatVerifierKey,
  inclusionProof,
  parseCheckpoint,
  parseNote,
  parseTilePath,
  type LogFormatError,
} from '@vouchsafe/audit-log'
import { ServiceError, sha256 } from '../foundation/index.ts'
import type { Storage, TrailHead } from '../storage/index.ts'
import type { LogVerifier } from './trail-check.ts'

/** A signed checkpoint, and who signed it. */
export interface PublishedCheckpoint {
  epoch: number
  origin: string
  /** The log's verifier key, as C2SP signed-note writes it. */
  key: string
  size: number
  /** The first entry that is kept: C2SP tlog-tiles' minimum index. */
  first: number
  /** A C2SP signed note. */
  note: string
}

/** Which checkpoint: the newest, or the newest that witnesses cosigned. */
export type CheckpointChoice = 'newest' | 'cosigned'

export class LogFiles {
  readonly #storage: Storage
  readonly #verifier: LogVerifier

  constructor(storage: Storage, verifier: LogVerifier) {
    this.#storage = storage
    this.#verifier = verifier
  }

  /**
   * The newest checkpoint of an epoch, or of the newest epoch, with the cosignatures that it has.
   * @throws {ServiceError} `trail_not_found` if there is none yet
   */
  async checkpoint(epoch: number | null, choice: CheckpointChoice = 'newest'): Promise<PublishedCheckpoint> {
    const head = await this.#head(epoch, choice)
    return {
      epoch: head.epoch,
      origin: this.#verifier.origin(head.epoch),
      key: formatVerifierKey(this.#verifier.verifierKey(head.epoch)),
      size: head.checkpointSize,
      first: await this.#first(head.epoch),
      note: head.checkpoint,
    }
  }

  /**
   * A tile or bundle, by its path; only what the newest checkpoint covers is there.
   * @throws {ServiceError} `trail_not_found`
   */
  async read(epoch: number | null, path: string): Promise<Uint8Array> {
    const head = await this.#head(epoch)
    const bytes = await this.#read(head, path)
    if (bytes === undefined) throw new ServiceError('trail_not_found')
    return bytes
  }

  /**
   * A C2SP tlog-proof of one entry under a checkpoint; its `extra` line holds the entry itself.
   * @throws {ServiceError} `trail_not_found` if the checkpoint covers no such entry
   */
  async prove(epoch: number | null, position: number, choice: CheckpointChoice = 'newest'): Promise<string> {
    const head = await this.#head(epoch, choice)
    const size = head.checkpointSize
    if (position >= size) throw new ServiceError('trail_not_found')
    const first = await this.#first(head.epoch)
    if (position < first)
      throw new ServiceError('trail_not_found', {
        message: `What is kept of the trail begins with entry ${first}: older ones were removed.`,
      })
    const [entry] = await this.#storage.readTrail({ epoch: head.epoch, from: position, limit: 1 })
    if (entry?.position !== position) throw new ServiceError('trail_not_found')
    const proof = await inclusionProof(sha256, (path) => this.#read(head, path), position, size)
    return formatLogProof({ index: position, proof, checkpoint: head.checkpoint, extra: entry.leaf })
  }

  /**
   * The proof that an epoch's tree of `from` entries is the beginning of that of `to` entries (RFC 6962, section 2.1.2).
   * @throws {MissingTileError}
   */
  async proveGrowth(epoch: number, from: number, to: number): Promise<Uint8Array[]> {
    const head = await this.#head(epoch)
    return consistencyProof(sha256, (path) => this.#read(head, path), from, to)
  }

  async #first(epoch: number): Promise<number> {
    return (await this.#storage.trailBeginnings()).find((one) => one.epoch === epoch)?.first ?? 0
  }

  async #head(epoch: number | null, choice: CheckpointChoice = 'newest'): Promise<TrailHead & { checkpoint: string }> {
    const head = await this.#storage.trailHead({ epoch })
    if (head === null || head.checkpoint === null) throw new ServiceError('trail_not_found')
    const { checkpoint, cosigned } = head
    if (cosigned !== null) {
      const { text } = parseNote(cosigned)
      const isNewest = text === parseNote(checkpoint).text
      if (isNewest || choice === 'cosigned') return { ...head, checkpoint: cosigned, checkpointSize: parseCheckpoint(text).size }
    } else if (choice === 'cosigned') {
      throw new ServiceError('trail_not_found', { message: 'No witness has cosigned a checkpoint of the trail yet.' })
    }
    return { ...head, checkpoint }
  }

  async #read({ epoch, checkpointSize }: TrailHead, path: string): Promise<Uint8Array | undefined> {
    let tile
    try {
      tile = parseTilePath(path)
    } catch (error) {
      throw new ServiceError('invalid', { message: (error as LogFormatError).message })
    }
    const { level, index, width } = tile
    if (level !== 'entries') {
      if ((index * 256 + width) * 256 ** level > checkpointSize) return undefined
      const hashes = await this.#storage.trailTile({ epoch, level, number: index })
      return hashes !== null && hashes.length >= width * 32 ? hashes.slice(0, width * 32) : undefined
    }
    const first = index * 256
    if (first + width > checkpointSize) return undefined
    const rows = await this.#storage.readTrail({ epoch, from: first, limit: width })
    const isWhole = rows.length === width && rows.every(({ position }, i) => position === first + i)
    return isWhole ? encodeBundle(rows.map(({ leaf }) => leaf)) : undefined
  }
}
