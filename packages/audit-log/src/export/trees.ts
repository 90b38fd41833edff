import { encodeBase64, equalBytes } from '../bytes.ts'
import { LogFormatError, MissingTileError } from '../errors.ts'
import { appendLeaves, edgeRoot, type Edge } from '../edge.ts'
import { leavesUnder, TILE_WIDTH, tilePath, type Tile, type TileFile } from '../tile.ts'
import { readHashTile, type ReadFile } from '../tile-reader.ts'
import { HASH_BYTES, hashAt, type Hash } from '../tree.ts'
import type { Faults } from './fault.ts'

/** An entry whose hash is not the one in its tile. */
interface Mismatch {
  index: number
  /** The tile's hash, base64. */
  stored: string
  /** The entry's. */
  found: string
}

/** A stored tile that does not follow from the entries. */
interface AlteredTile {
  path: string
  level: number
  /** The entries under the first hash that differs. */
  index: number
  until: number
}

/** Kept to say which entries were moved; beyond, they are all called edited. */
const MAX_MISMATCHES = 10_000
const MAX_ALTERED = 1_000

/** Roots at the sizes of older checkpoints, by the entries and by the stored hashes. */
interface Roots {
  entries: Uint8Array
  stored: Uint8Array
}

/**
 * Two trees side by side: one built from the entries, one from the stored leaf hashes. Until an entry differs from its stored hash they are the same, and
 * only one is built. Which of them leads to the signed root tells whether entries or hashes were altered.
 */
export class Trees {
  readonly #hash: Hash
  readonly #read: ReadFile
  readonly #faults: Faults
  #entries: Edge
  #stored: Edge | undefined
  readonly #mismatches: Mismatch[] = []
  #mismatched = 0
  readonly #altered: AlteredTile[] = []
  readonly #roots = new Map<number, Roots>()

  constructor(hash: Hash, read: ReadFile, faults: Faults, edge: Edge) {
    this.#hash = hash
    this.#read = read
    this.#faults = faults
    this.#entries = edge
  }

  get size(): number {
    return this.#entries.size
  }

  /** Appends hashes of entries, and the stored ones of the same leaves. Returns which differ. */
  async append(entries: readonly Uint8Array[], stored: readonly Uint8Array[]): Promise<boolean[]> {
    const first = this.size
    const differs = entries.map((hash, i) => !equalBytes(hash, stored[i]!))
    for (const [i, differ] of differs.entries()) if (differ) this.#mismatch(first + i, stored[i]!, entries[i]!)
    if (this.#mismatched > 0) this.#stored = appendLeaves(this.#hash, this.#stored ?? this.#entries, stored).edge
    const { edge, tiles } = appendLeaves(this.#hash, this.#entries, entries)
    this.#entries = edge
    for (const file of tiles) if (file.tile.width === TILE_WIDTH && file.tile.level !== 0) await this.#compare(file)
    return differs
  }

  /** Notes the roots at the present size. */
  mark(): void {
    const entries = edgeRoot(this.#hash, this.#entries)
    this.#roots.set(this.size, { entries, stored: this.#stored === undefined ? entries : edgeRoot(this.#hash, this.#stored) })
  }

  /** Compares the partial tiles above the leaves, when all is appended. */
  async comparePartialTiles(): Promise<void> {
    for (const [level, bytes] of this.#entries.levels.entries()) {
      if (level === 0 || bytes.length === 0) continue
      const width = bytes.length / HASH_BYTES
      const tile = { level, index: Math.floor(Math.floor(this.size / leavesUnder(level)) / TILE_WIDTH), width }
      await this.#compare({ path: tilePath(tile), tile, bytes })
    }
  }

  /**
   * Says what was altered. Returns the root at a size that was marked, of whichever tree leads to the signed root; undefined if neither does. `intact` is the
   * size up to which an older checkpoint vouches for the entries.
   */
  judge(
    signedRoot: Uint8Array,
    intact: (rootAt: (size: number) => Uint8Array | undefined) => number,
  ): ((size: number) => Uint8Array | undefined) | undefined {
    const entriesAt = (size: number) => this.#roots.get(size)?.entries
    if (equalBytes(edgeRoot(this.#hash, this.#entries), signedRoot)) {
      for (const { index, stored } of this.#mismatches)
        this.#faults.add({ code: 'edited', path: this.#leafTile(index), detail: `the hash of entry ${index} is stored as ${stored}` })
      for (const { path, index } of this.#altered)
        this.#faults.add({ code: 'edited', path, detail: `the hash over entries from ${index} on differs` })
      return entriesAt
    }
    this.#nameEntries()
    if (this.#stored !== undefined && equalBytes(edgeRoot(this.#hash, this.#stored), signedRoot))
      return (size) => this.#roots.get(size)?.stored
    if (this.#mismatched === 0) this.#nameRange(intact(entriesAt))
    return undefined
  }

  #mismatch(index: number, stored: Uint8Array, found: Uint8Array): void {
    this.#mismatched++
    if (this.#mismatches.length < MAX_MISMATCHES) this.#mismatches.push({ index, stored: encodeBase64(stored), found: encodeBase64(found) })
  }

  /** Entries that differ from their stored hashes: moved if the authentic one stands elsewhere. */
  #nameEntries(): void {
    const standsAt = new Map(this.#mismatches.map(({ found, index }) => [found, index]))
    for (const { index, stored } of this.#mismatches) {
      const elsewhere = standsAt.get(stored)
      if (elsewhere === undefined) this.#faults.add({ code: 'edited', index, detail: 'it is not the entry that was logged here' })
      else this.#faults.add({ code: 'reordered', index, detail: `the entry that was logged here stands at ${elsewhere}` })
    }
    this.#faults.more += this.#mismatched - this.#mismatches.length
  }

  /** Entries and leaf hashes agree, and are not those of the root: the lowest stored hash that differs says where. */
  #nameRange(intact: number): void {
    const lowest = this.#altered.toSorted((a, b) => a.level - b.level || a.index - b.index)[0]
    const detail = 'an entry is not the one that was logged: the root differs from the signed one'
    if (lowest === undefined) this.#faults.add({ code: 'edited', index: intact, until: this.size, detail })
    else this.#faults.add({ code: 'edited', index: lowest.index, until: lowest.until, detail })
  }

  async #compare({ path, tile, bytes }: TileFile): Promise<void> {
    let stored: Uint8Array
    try {
      stored = await readHashTile(this.#read, tile)
    } catch (error) {
      if (error instanceof MissingTileError) this.#faults.add({ code: 'missing', path, detail: 'a tile is missing' })
      else if (error instanceof LogFormatError) this.#faults.add({ code: 'malformed', path, detail: error.message })
      else throw error
      return
    }
    for (let i = 0; i < tile.width; i++) {
      if (equalBytes(hashAt(bytes, i), hashAt(stored, i))) continue
      const [level, unit] = [tile.level as number, leavesUnder(tile.level)]
      const index = (tile.index * TILE_WIDTH + i) * unit
      if (this.#altered.length < MAX_ALTERED) this.#altered.push({ path, level, index, until: index + unit })
      return
    }
  }

  #leafTile(index: number): string {
    const first = index - (index % TILE_WIDTH)
    const tile: Tile = { level: 0, index: first / TILE_WIDTH, width: Math.min(TILE_WIDTH, this.size - first) }
    return tilePath(tile)
  }
}
