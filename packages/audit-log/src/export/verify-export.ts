/** Offline verification of a log's files: every entry, every hash, and whether older checkpoints are its beginning. */
import { equalBytes } from '../bytes.ts'
import { MAX_BUNDLE_BYTES, parseBundle } from '../bundle.ts'
import { parseCheckpoint, type Checkpoint } from '../checkpoint.ts'
import { emptyEdge, readEdge } from '../edge.ts'
import { LogFormatError, MissingTileError, SignatureError } from '../errors.ts'
import type { Leaf } from '../leaf.ts'
import { parseLeaf } from '../leaf-format.ts'
import { parseNote } from '../note.ts'
import { consistencyProof, verifyConsistency } from '../proof.ts'
import { verifyNote, type SignatureCheck } from '../signature.ts'
import { parseTilePath, TILE_WIDTH, tileHolding, tilePath } from '../tile.ts'
import { readHashTile, type ReadFile } from '../tile-reader.ts'
import { HASH_BYTES, hashAt, leafHash, type Hash } from '../tree.ts'
import type { VerifierKey } from '../verifier-key.ts'
import { Faults, type Fault } from './fault.ts'
import { Sequences } from './sequences.ts'
import { Trees } from './trees.ts'

export interface ExportOptions {
  /** SHA-256. */
  hash: Hash
  check: SignatureCheck
  /** Reads a file of the export: `checkpoint`, and what {@link tilePath} names. */
  read: ReadFile
  origin: string
  /** The log's keys. */
  keys: readonly VerifierKey[]
  /** Signed checkpoints of the log that the verifier has kept, at most 10,000. */
  checkpoints?: readonly (Uint8Array | string)[]
  /** Entries before it may be absent (C2SP tlog-tiles, minimum index); it counts in whole bundles. 0 by default. */
  minimum?: number
  /** Called with each entry that is as it was logged, as far as is known when it is read, in their order. */
  onLeaf?: (leaf: Leaf, index: number) => void
}

export interface ExportReport {
  /** Nothing is wrong: every entry from `from` on is what the signed checkpoint stands for. */
  ok: boolean
  /** In the order in which they were found, at most 100. */
  faults: Fault[]
  /** How many were found beyond those. */
  moreFaults: number
  /** The signed checkpoint; absent if it is not believed. */
  checkpoint?: Checkpoint
  /** The first entry that was read. */
  from: number
  /** How many entries were read. */
  entries: number
}

const MAX_CHECKPOINTS = 10_000

/** What is known of one bundle. */
interface Bundle {
  bytes: Uint8Array | undefined
  /** Stored hashes of its entries. */
  tile: Uint8Array | undefined
  problem: Fault | undefined
}

/**
 * Verifies an exported log: the checkpoint's signature and origin, every entry (a leaf in its strict form, numbered without gaps or repetition), every tile
 * rebuilt from the entries, and that each older checkpoint is the log's beginning. Names each fault. Reads bundle after bundle; memory does not grow with
 * the log. Throws only what `read`, `hash`, `check` and `onLeaf` throw.
 *
 * @example
 * const log = { hash: sha256, check: verifySignature, read: readFile, origin: 'example.com/log', keys: [logSigner.key] }
 * const report = await verifyExport({ ...log, checkpoints: [checkpoint] })
 * report.ok // → true
 * const { faults } = await verifyExport({ ...log, origin: 'example.com/other' })
 * faults.map(({ code }) => code) // → ['wrong_origin']
 */
export async function verifyExport(options: ExportOptions): Promise<ExportReport> {
  const faults = new Faults()
  const checkpoint = await readCheckpoint(options, await options.read('checkpoint'), 'checkpoint', faults)
  if (checkpoint === undefined) return report(faults, { from: 0, entries: 0 })
  const older = await olderCheckpoints(options, checkpoint, faults)
  const from = Math.min(bundleStart(options.minimum ?? 0), bundleStart(checkpoint.size))
  const trees = await startTrees(options, from, checkpoint.size, faults)
  if (trees === undefined) return report(faults, { checkpoint, from, entries: 0 })
  const isRead = await readEntries(options, checkpoint, older, trees, faults)
  if (isRead) {
    await trees.comparePartialTiles()
    const rootAt = trees.judge(checkpoint.root, (entriesAt) => intactSize(older, entriesAt))
    for (const one of older) await compareOlder(options, one, checkpoint, from, rootAt, faults)
  }
  return report(faults, { checkpoint, from, entries: trees.size - from })
}

function report(faults: Faults, rest: Omit<ExportReport, 'ok' | 'faults' | 'moreFaults'>): ExportReport {
  return { ok: faults.list.length === 0 && faults.more === 0, faults: faults.list, moreFaults: faults.more, ...rest }
}

/** The checkpoint if it is one of this log, signed by one of its keys. */
async function readCheckpoint(
  { origin, keys, check }: ExportOptions,
  file: Uint8Array | string | undefined,
  path: string,
  faults: Faults,
): Promise<Checkpoint | undefined> {
  if (file === undefined) return void faults.add({ code: 'missing', path, detail: 'there is no checkpoint' })
  try {
    const note = parseNote(file)
    const checkpoint = parseCheckpoint(note.text)
    if (checkpoint.origin !== origin) return void faults.add({ code: 'wrong_origin', path, detail: `it is of ${checkpoint.origin}` })
    await verifyNote(note, keys, check)
    return checkpoint
  } catch (error) {
    if (!(error instanceof LogFormatError || error instanceof SignatureError)) throw error
    return void faults.add({ code: 'unsigned', path, detail: error.message })
  }
}

/** Those that this log can continue, smallest first. */
async function olderCheckpoints(options: ExportOptions, { size }: Checkpoint, faults: Faults): Promise<Checkpoint[]> {
  const { checkpoints = [] } = options
  if (checkpoints.length > MAX_CHECKPOINTS) throw new RangeError(`more than ${MAX_CHECKPOINTS} checkpoints`)
  const older: Checkpoint[] = []
  for (const [i, file] of checkpoints.entries()) {
    const one = await readCheckpoint(options, file, `older checkpoint ${i}`, faults)
    if (one === undefined) continue
    if (one.size <= size) older.push(one)
    else faults.add({ code: 'truncated', index: size, until: one.size, detail: 'an older checkpoint has more entries' })
  }
  return older.sort((a, b) => a.size - b.size)
}

async function startTrees({ hash, read }: ExportOptions, from: number, size: number, faults: Faults): Promise<Trees | undefined> {
  // Of partial tiles there are those of the signed tree; a smaller tree's are their beginnings.
  const readAt: ReadFile = async (path) => {
    const { level, index, width } = parseTilePath(path)
    const tile = tileHolding(level, index * TILE_WIDTH, size)
    const bytes = await readEither(read, tilePath(tile), tilePath({ ...tile, width: TILE_WIDTH }))
    return bytes?.slice(0, width * HASH_BYTES)
  }
  try {
    return new Trees(hash, read, faults, from === 0 ? emptyEdge() : await readEdge(readAt, from))
  } catch (error) {
    if (error instanceof MissingTileError) return void faults.add({ code: 'missing', path: error.path, detail: 'a tile is missing' })
    if (error instanceof LogFormatError) return void faults.add({ code: 'malformed', path: error.field, detail: error.message })
    throw error
  }
}

/** Reads all bundles into the trees; false if something without which there is no root is missing. */
async function readEntries(
  options: ExportOptions,
  { size }: Checkpoint,
  older: readonly Checkpoint[],
  trees: Trees,
  faults: Faults,
): Promise<boolean> {
  const sequences = new Sequences(faults, trees.size === 0)
  const marks = [...new Set(older.map((one) => one.size))].filter((one) => one >= trees.size)
  const mark = () => {
    while (marks[0] === trees.size) {
      trees.mark()
      marks.shift()
    }
  }
  mark()
  if (size === 0) return true
  let next: Promise<Bundle> | undefined
  while (trees.size < size) {
    const first = trees.size
    const width = Math.min(TILE_WIDTH, size - first)
    const bundle = await (next ?? readBundle(options.read, first, size))
    // Read while this one is verified. A failure is seen when it is waited for.
    next = first + width < size ? readBundle(options.read, first + width, size) : undefined
    next?.catch(() => undefined)
    if (bundle.problem !== undefined) faults.add(bundle.problem)
    const entries = entriesOf(bundle, first, width, faults)
    const stored = bundle.tile === undefined ? undefined : Array.from({ length: width }, (_, i) => hashAt(bundle.tile!, i))
    const found = entries?.map((entry) => leafHash(options.hash, entry)) ?? []
    const isWhole = found.length === width
    if (!isWhole && stored === undefined) return false
    // What cannot be read is taken as stored, so that the rest can still be judged.
    const hashes = isWhole ? found : [...found, ...stored!.slice(found.length)]
    const differs: boolean[] = []
    for (let done = 0; done < width;) {
      const end = Math.min(width, (marks[0] ?? Infinity) - first)
      differs.push(...(await trees.append(hashes.slice(done, end), (stored ?? hashes).slice(done, end))))
      done = end
      mark()
    }
    for (const [i, entry] of (entries ?? []).entries()) readEntry(options, entry, first + i, differs[i]!, sequences, faults)
    if (!isWhole) sequences.interrupt()
  }
  sequences.finish()
  return true
}

async function readBundle(read: ReadFile, first: number, size: number): Promise<Bundle> {
  const tile = tileHolding('entries', first, size)
  const path = tilePath(tile)
  const [hashes, bytes] = await Promise.all([
    readLeafTile(read, first, size),
    readEither(read, path, tilePath({ ...tile, width: TILE_WIDTH })),
  ])
  if (bytes !== undefined) return { bytes, ...hashes }
  const isLast = await isEnd(read, first + TILE_WIDTH, size)
  const problem: Fault = { code: isLast ? 'truncated' : 'missing', index: first, until: first + tile.width, detail: `${path} is missing` }
  return { bytes, tile: hashes.tile, problem }
}

/** A full one stands for a partial one that has been removed. */
async function readEither(read: ReadFile, path: string, full: string): Promise<Uint8Array | undefined> {
  const bytes = await read(path)
  return bytes ?? (path === full ? undefined : await read(full))
}

async function readLeafTile(read: ReadFile, first: number, size: number): Promise<Pick<Bundle, 'tile' | 'problem'>> {
  const tile = tileHolding(0, first, size)
  const path = tilePath(tile)
  try {
    return { tile: await readHashTile(read, tile), problem: undefined }
  } catch (error) {
    if (error instanceof MissingTileError) return { tile: undefined, problem: { code: 'missing', path, detail: 'a tile is missing' } }
    if (error instanceof LogFormatError) return { tile: undefined, problem: { code: 'malformed', path, detail: error.message } }
    throw error
  }
}

/** Whether no bundle that follows is there: the next and the last are looked for. */
async function isEnd(read: ReadFile, next: number, size: number): Promise<boolean> {
  for (const first of new Set([next, bundleStart(size - 1)])) {
    if (first >= size) continue
    const tile = tileHolding('entries', first, size)
    if ((await readEither(read, tilePath(tile), tilePath({ ...tile, width: TILE_WIDTH }))) !== undefined) return false
  }
  return true
}

/** As many of the bundle's entries as can be read, at most `width`; undefined if there is no bundle. */
function entriesOf({ bytes }: Bundle, first: number, width: number, faults: Faults): Uint8Array[] | undefined {
  if (bytes === undefined) return undefined
  let entries: Uint8Array[]
  try {
    entries = parseBundle(bytes.length > MAX_BUNDLE_BYTES ? bytes.subarray(0, MAX_BUNDLE_BYTES + 1) : bytes)
  } catch (error) {
    if (!(error instanceof LogFormatError)) throw error
    faults.add({ code: 'malformed', index: first, until: first + width, detail: error.message })
    return undefined
  }
  const isFull = entries.length === TILE_WIDTH
  if (entries.length < width)
    faults.add({ code: 'truncated', index: first + entries.length, until: first + width, detail: 'its bundle ends before it' })
  else if (entries.length > width && !isFull)
    faults.add({ code: 'malformed', index: first, until: first + width, detail: `its bundle has ${entries.length} entries, not ${width}` })
  return entries.slice(0, width)
}

function readEntry(
  { onLeaf }: ExportOptions,
  entry: Uint8Array,
  index: number,
  differs: boolean,
  sequences: Sequences,
  faults: Faults,
): void {
  // What is wrong with it is told by its hash.
  if (differs) return sequences.interrupt()
  let leaf: Leaf
  try {
    leaf = parseLeaf(entry)
  } catch (error) {
    if (!(error instanceof LogFormatError)) throw error
    faults.add({ code: 'malformed', index, detail: error.message })
    return sequences.interrupt()
  }
  if ((leaf.kind === 'epoch') !== (index === 0))
    faults.add({
      code: 'misplaced_epoch',
      index,
      detail: index === 0 ? 'the log does not begin with an epoch' : 'an epoch begins within the log',
    })
  sequences.leaf(leaf, index)
  onLeaf?.(leaf, index)
}

/** The size of the largest older checkpoint whose root is that of the entries. */
function intactSize(older: readonly Checkpoint[], entriesAt: (size: number) => Uint8Array | undefined): number {
  return older.reduce((size, one) => {
    const root = entriesAt(one.size)
    return root !== undefined && equalBytes(root, one.root) ? one.size : size
  }, 0)
}

/** Tells of an older checkpoint that is not the beginning of the signed tree. */
async function compareOlder(
  { hash, read }: ExportOptions,
  older: Checkpoint,
  checkpoint: Checkpoint,
  from: number,
  rootAt: ((size: number) => Uint8Array | undefined) | undefined,
  faults: Faults,
): Promise<void> {
  const detail = `the signed checkpoint of ${older.size} entries is not its beginning`
  if (older.size >= from) {
    const root = rootAt?.(older.size)
    // Without a tree that leads to the signed root nothing can be said: what was altered has been named.
    if (root !== undefined && !equalBytes(root, older.root)) faults.add({ code: 'forked', index: 0, until: older.size, detail })
    return
  }
  try {
    const proof = await consistencyProof(hash, read, older.size, checkpoint.size)
    if (!verifyConsistency(hash, { from: older, to: checkpoint, proof }))
      faults.add({ code: 'forked', index: 0, until: older.size, detail })
  } catch (error) {
    if (!(error instanceof MissingTileError || error instanceof LogFormatError)) throw error
    faults.add({ code: 'missing', detail: `older checkpoint of ${older.size} entries: ${error.message}` })
  }
}

function bundleStart(index: number): number {
  return index - (index % TILE_WIDTH)
}
