/**
 * The store compared with the trail: every entry with the tree, the tree with its signed checkpoints, and the newest entry of each row with the
 * row. Whoever alters, deletes or puts back rows or entries, without the keys, is noticed here.
 */
import {
  appendLeaves,
  edgeRoot,
  emptyEdge,
  parseCheckpoint,
  parseLeaf,
  parseNote,
  TILE_WIDTH,
  verifyNote,
  type Checkpoint,
  type Edge,
  type Leaf,
  type LeafRow,
  type TileFile,
  type VerifierKey,
} from '@vouchsafe/audit-log'
import { verifyRaw } from '@vouchsafe/x509'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { sha256 } from '../foundation/index.ts'
import {
  PRUNE_ACTION,
  RECORDED_TABLES,
  StorageError,
  type RowFault,
  type Storage,
  type TrailComparison,
  type TrailHead,
  type TrailLeaf,
  type TrailRow,
} from '../storage/index.ts'
import { repeats } from './entry-columns.ts'
import { leafHashOf } from './leaf-hash.ts'

const ENTRIES = 1_000
const ROWS = 500
const MAX_FAULTS = 100

/**
 * What is wrong with the trail or a row:
 * - of rows, as {@link RowFault} says
 * - `edited`: entries, or the tiles over them, do not lead to the root
 * - `missing`: entries that the tree holds are not there
 * - `unsigned`: a checkpoint that this log's key did not sign
 * - `forked`: a checkpoint that this log signed, and witnesses may have cosigned, is not its beginning
 * - `rolled_back`: the store holds less than a checkpoint that was kept outside it
 * - `contradicted`: a witness says that it knows another log; it has shown no proof
 */
export interface TrailFault {
  fault: RowFault['fault'] | 'edited' | 'missing' | 'unsigned' | 'forked' | 'rolled_back' | 'contradicted'
  /** A table, or `trail` */
  table: string
  /** The row's id, or an epoch and a position. */
  id: string
}

export interface TrailReport {
  /** At most 100. */
  faults: TrailFault[]
  /** How many there were beyond those. */
  more: number
  entries: number
  rows: number
}

/** Who signs this log. */
export interface LogVerifier {
  origin(epoch: number): string
  verifierKey(epoch: number): VerifierKey
}

class Faults {
  readonly list: TrailFault[] = []
  more = 0

  add(fault: TrailFault['fault'], table: string, id: string): void {
    if (this.list.length < MAX_FAULTS) this.list.push({ fault, table, id })
    else this.more++
  }
}

/**
 * Checks the whole store. What changes meanwhile is judged as it is when it is read.
 * @param kept a checkpoint that was kept outside the store, if there is one
 * @throws {StorageError}
 */
export async function checkTrail(storage: Storage, verifier: LogVerifier, kept?: string): Promise<TrailReport> {
  const faults = new Faults()
  const heads = await storage.trailHeads()
  const beginnings = await keptFrom(storage)
  const outside = kept === undefined ? undefined : await readKept(kept, verifier, faults)
  for (const head of heads) {
    if (!head.isAuthentic) faults.add('edited', 'trail', `head of epoch ${head.epoch}`)
    await checkEpoch(storage, verifier, head, heads, beginnings.get(head.epoch) ?? 0, outside, faults)
  }
  const newest = heads.at(-1)
  const isOlder =
    outside !== undefined &&
    (newest === undefined || outside.epoch > newest.epoch || (outside.epoch === newest.epoch && outside.size > newest.size))
  if (isOlder)
    faults.add(
      'rolled_back',
      'trail',
      `epoch ${outside.epoch}, ${newest?.epoch === outside.epoch ? newest.size : 0} of ${outside.size} entries`,
    )
  const entries = heads.reduce((sum, { epoch, size }) => sum + Math.max(0, size - (beginnings.get(epoch) ?? 0)), 0)
  const rows = await checkRows(storage, faults)
  return { faults: faults.list, more: faults.more, entries, rows }
}

type Kept = Checkpoint & { epoch: number }

async function readKept(note: string, verifier: LogVerifier, faults: Faults): Promise<Kept | undefined> {
  try {
    const parsed = parseNote(note)
    const checkpoint = parseCheckpoint(parsed.text)
    const epoch = Number(checkpoint.origin.slice(checkpoint.origin.lastIndexOf('/') + 1))
    if (!Number.isSafeInteger(epoch) || checkpoint.origin !== verifier.origin(epoch)) throw new Error('another log')
    await verifyNote(parsed, [verifier.verifierKey(epoch)], verifyRaw)
    return { ...checkpoint, epoch }
  } catch {
    faults.add('unsigned', 'trail', 'the checkpoint that was kept outside the store')
    return undefined
  }
}

async function checkEpoch(
  storage: Storage,
  verifier: LogVerifier,
  head: TrailHead,
  heads: readonly TrailHead[],
  first: number,
  outside: Kept | undefined,
  faults: Faults,
): Promise<void> {
  const { epoch, size } = head
  const signed = head.checkpoint === null ? undefined : await readCheckpoint(head.checkpoint, 'its checkpoint', verifier, epoch, faults)
  const cosigned =
    head.cosigned === null ? undefined : await readCheckpoint(head.cosigned, 'its cosigned checkpoint', verifier, epoch, faults)
  const own = [signed, cosigned].filter((one) => one !== undefined)
  const marks = outside?.epoch === epoch ? [...own, outside] : own
  const last = Math.max(0, ...own.map((one) => one.size))
  if (last > size) faults.add('missing', 'trail', `epoch ${epoch}, entries ${size} to ${last - 1}`)
  let edge: Edge = emptyEdge()
  const compare = () => {
    for (const one of marks)
      if (one.size === edge.size && !Buffer.from(one.root).equals(edgeRoot(sha256, edge)))
        faults.add('forked', 'trail', `epoch ${epoch}, ${one === cosigned ? 'cosigned checkpoint' : 'checkpoint'} of ${one.size}`)
  }
  compare()
  while (edge.size < size) {
    const stop = Math.min(size, edge.size + ENTRIES, ...[first, ...marks.map((one) => one.size)].filter((at) => at > edge.size))
    if (edge.size < first) {
      const removed = await removedHashes(storage, epoch, edge.size, stop)
      if (removed === undefined) return faults.add('missing', 'trail', `epoch ${epoch}, tiles over entries ${edge.size} to ${stop - 1}`)
      const grown = appendLeaves(sha256, edge, removed)
      edge = grown.edge
      for (const one of grown.tiles) if (one.tile.width === TILE_WIDTH) await checkTile(storage, epoch, one, faults)
      compare()
      continue
    }
    const rows = await storage.readTrail({ epoch, from: edge.size, limit: stop - edge.size })
    if (rows.length !== stop - edge.size || rows.some(({ position }, i) => position !== edge.size + i)) {
      faults.add('missing', 'trail', `epoch ${epoch}, entries ${edge.size} to ${stop - 1}`)
      return
    }
    const its = await storage.trailRows({ epoch, from: edge.size, until: stop })
    checkEntries(rows, its, epoch, heads, verifier, faults)
    const hashes = rows.map(({ leaf }) => leafHashOf(leaf))
    const grown = appendLeaves(sha256, edge, hashes)
    edge = grown.edge
    // A partial tile is compared once it is full, or as it is in the end.
    for (const one of grown.tiles) if (one.tile.width === TILE_WIDTH || edge.size === size) await checkTile(storage, epoch, one, faults)
    compare()
    await nextTurn()
  }
  if (!Buffer.from(edgeRoot(sha256, edge)).equals(head.root)) await locate(storage, head, first, faults)
}

/** Where what is kept of each epoch begins. One that was altered is named among the rows; then all entries are looked for. */
async function keptFrom(storage: Storage): Promise<ReadonlyMap<number, number>> {
  const beginnings = await storage.trailBeginnings().catch((error: unknown) => {
    if (error instanceof StorageError && error.code === 'altered') return []
    throw error
  })
  return new Map(beginnings.map(({ epoch, first }) => [epoch, first]))
}

/** The hashes of entries that were removed, from their tiles, which must lead to the root as entries do; undefined if a tile is missing. */
async function removedHashes(storage: Storage, epoch: number, from: number, until: number): Promise<Uint8Array[] | undefined> {
  const hashes: Uint8Array[] = []
  for (let at = from; at < until;) {
    const number = Math.floor(at / 256)
    const tile = await storage.trailTile({ epoch, level: 0, number })
    const end = Math.min(until, (number + 1) * 256)
    if (tile === null || tile.length < (end - number * 256) * 32) return undefined
    for (; at < end; at++) hashes.push(tile.subarray((at % 256) * 32, (at % 256) * 32 + 32))
  }
  return hashes
}

/** Whether the stored tile, which may have grown meanwhile, begins with these hashes. */
async function checkTile(storage: Storage, epoch: number, { tile, path, bytes }: TileFile, faults: Faults): Promise<void> {
  const stored = await storage.trailTile({ epoch, level: tile.level as number, number: tile.index })
  if (stored === null || !Buffer.from(stored.subarray(0, bytes.length)).equals(bytes))
    faults.add('edited', 'trail', `epoch ${epoch}, ${path}`)
}

/** Which entries differ from the tiles over them; the whole epoch if none does, since then tiles were altered too. */
async function locate(storage: Storage, { epoch, size }: TrailHead, kept: number, faults: Faults): Promise<void> {
  const before = faults.list.length + faults.more
  for (let first = kept - (kept % 256); first < size; first += 256) {
    const tile = await storage.trailTile({ epoch, level: 0, number: first / 256 })
    const rows = await storage.readTrail({ epoch, from: first, limit: Math.min(256, size - first) })
    for (const [i, { leaf }] of rows.entries()) {
      const stored = tile?.subarray(i * 32, (i + 1) * 32)
      if (stored === undefined || !Buffer.from(stored).equals(leafHashOf(leaf)))
        faults.add('edited', 'trail', `epoch ${epoch}, entry ${first + i}`)
    }
  }
  if (faults.list.length + faults.more === before) faults.add('edited', 'trail', `epoch ${epoch}`)
}

async function readCheckpoint(
  note: string,
  what: string,
  verifier: LogVerifier,
  epoch: number,
  faults: Faults,
): Promise<Checkpoint | undefined> {
  try {
    const parsed = parseNote(note)
    const checkpoint = parseCheckpoint(parsed.text)
    if (checkpoint.origin !== verifier.origin(epoch)) throw new Error('another log')
    await verifyNote(parsed, [verifier.verifierKey(epoch)], verifyRaw)
    return checkpoint
  } catch {
    faults.add('unsigned', 'trail', `epoch ${epoch}, ${what}`)
    return undefined
  }
}

/** Whether entries are leaves, and whether what queries read, and the rows by which they are found, repeat what they say. */
function checkEntries(
  entries: readonly TrailLeaf[],
  rows: readonly TrailRow[],
  epoch: number,
  heads: readonly TrailHead[],
  verifier: LogVerifier,
  faults: Faults,
): void {
  const byPosition = Map.groupBy(rows, ({ position }) => position)
  for (const entry of entries) {
    const leaf = leafOf(entry)
    const found = byPosition.get(entry.position) ?? []
    const its = found.map(({ rowTable: table, rowId: id, revision, digest }) => ({ table, id, revision, digest }))
    const isRestated = found.every(({ restated }) => restated === (entry.action === PRUNE_ACTION))
    byPosition.delete(entry.position)
    if (leaf === undefined || !repeats(entry, leaf) || !isRestated || !saysRows(leaf, its))
      faults.add('edited', 'trail', `epoch ${epoch}, entry ${entry.position}`)
    if (leaf?.kind !== 'epoch' || leaf.previous === undefined) continue
    // An epoch may name a larger tree than the store has: then its loss was accepted.
    const { origin, size, root } = leaf.previous
    const head = heads.find((one) => verifier.origin(one.epoch) === origin && one.size === size)
    if (head !== undefined && root !== Buffer.from(head.root).toString('base64')) faults.add('forked', 'trail', `epoch ${head.epoch}`)
  }
}

function leafOf({ leaf }: TrailLeaf): Leaf | undefined {
  try {
    return parseLeaf(leaf)
  } catch {
    return undefined
  }
}

function saysRows(leaf: Leaf, rows: readonly LeafRow[]): boolean {
  const said = leaf.kind !== undefined || leaf.row === undefined ? [] : [leaf.row, ...(leaf.rows ?? [])]
  const place = ({ table, id, revision, digest }: LeafRow) => JSON.stringify([table, id, revision, digest])
  return JSON.stringify(said.map(place).sort()) === JSON.stringify(rows.map(place).sort())
}

/** Compares each row with its newest entry, and each entry whose row should be there with the row; all tables at once, since most are small. */
async function checkRows(storage: Storage, faults: Faults): Promise<number> {
  const checked = await Promise.all(
    RECORDED_TABLES.flatMap((table) => [checkSide(storage, table, 'rows'), checkSide(storage, table, 'entries')]),
  )
  for (const { found } of checked) for (const { fault, table, id } of found) faults.add(fault, table, id)
  return checked.reduce((sum, { rows }) => sum + rows, 0)
}

async function checkSide(storage: Storage, table: string, side: 'rows' | 'entries'): Promise<{ found: RowFault[]; rows: number }> {
  const found: RowFault[] = []
  let rows = 0
  for (let after: string | null = null; ;) {
    const page: TrailComparison = await storage.compareTrail({ table, side, after, limit: ROWS })
    found.push(...page.faults)
    if (side === 'rows') rows += page.count
    if (page.last === null) return { found, rows }
    after = page.last
    await nextTurn()
  }
}
