// Verification of an export: what is right passes, and whatever was done to it is named.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  encodeBundle,
  encodeLeaf,
  formatCheckpoint,
  formatNote,
  leafHash,
  parseBundle,
  signNote,
  tilePath,
  verifyExport,
  type ExportOptions,
  type Fault,
  type Leaf,
} from '../src/index.ts'
import { check, epochLeaf, gapLeaf, logOf, makeLog, makeSigner, ORIGIN, recordLeaf, sha256, type TestLog } from './support/log.ts'

const SIZE = 1000
/** One key for all, so that logs can be exchanged behind a verifier's back. */
const signer = makeSigner(ORIGIN)

async function verify(log: TestLog, options: Partial<ExportOptions> = {}) {
  return verifyExport({ hash: sha256, check, read: log.read, origin: ORIGIN, keys: [signer.key], ...options })
}

/** Faults as code and place. */
const places = (faults: readonly Fault[]) =>
  faults.map(({ code, index, until, path }) => [code, ...(path === undefined ? [index, until] : [path])])

/** Changes the entries of one bundle. */
function edit(log: TestLog, bundle: string, change: (entries: Uint8Array[]) => Uint8Array[]): void {
  const path = `tile/entries/${bundle}`
  log.files.set(path, encodeBundle(change(parseBundle(log.files.get(path)!))))
}

/** Puts the tiles of another log in place of these. */
function replaceTiles(log: TestLog, other: TestLog, pattern: RegExp): void {
  for (const [path, bytes] of other.files) if (pattern.test(path)) log.files.set(path, bytes)
}

const other = encodeLeaf(recordLeaf('s1', 299, { actor: 'someone else' }))

test('a log is what its checkpoint stands for, at any size', async () => {
  for (const size of [1, 2, 255, 256, 257, 512, 1000, 66_000]) {
    const log = await logOf(size, signer)
    const seen: number[] = []
    const report = await verify(log, { onLeaf: (_, index) => seen.push(index) })
    assert.deepEqual(
      { ...report, checkpoint: undefined },
      { ok: true, faults: [], moreFaults: 0, checkpoint: undefined, from: 0, entries: size },
    )
    assert.equal(seen.length, size)
  }
})

test('the empty log is verified too', async () => {
  const log = makeLog(signer)
  await log.append([])
  assert.deepEqual((await verify(log)).faults, [])
})

test('every older checkpoint is the beginning', async () => {
  const log = makeLog(signer)
  const checkpoints = [await log.append([]), await log.append([epochLeaf()])]
  for (let seq = 0; seq < 900;) {
    const step = 1 + (seq % 97)
    checkpoints.push(await log.append(Array.from({ length: step }, (_, i) => recordLeaf('s1', seq + i))))
    seq += step
  }
  assert.deepEqual((await verify(log, { checkpoints })).faults, [])
})

test('no checkpoint, one of another log, and one without a right signature are named', async () => {
  const log = await logOf(10, signer)
  assert.deepEqual(places((await verify(log, { origin: 'vouchsafe/store-1/2' })).faults), [['wrong_origin', 'checkpoint']])
  assert.deepEqual(places((await verify(log, { keys: [makeSigner(ORIGIN).key] })).faults), [['unsigned', 'checkpoint']])
  const checkpoint = log.files.get('checkpoint')!
  for (const at of [25, 90, checkpoint.length - 10]) {
    log.files.set('checkpoint', checkpoint.with(at, checkpoint[at]! ^ 1))
    assert.deepEqual(places((await verify(log)).faults), [['unsigned', 'checkpoint']], String(at))
  }
  log.files.set('checkpoint', checkpoint.subarray(0, -5))
  assert.deepEqual(places((await verify(log)).faults), [['unsigned', 'checkpoint']])
  log.files.delete('checkpoint')
  assert.deepEqual(places((await verify(log)).faults), [['missing', 'checkpoint']])
})

test('entries that are cut off are named', async () => {
  const log = await logOf(SIZE, signer)
  log.files.delete('tile/entries/003.p/232')
  assert.deepEqual(places((await verify(log)).faults), [['truncated', 768, 1000]])
  log.files.delete('tile/entries/002')
  assert.deepEqual(places((await verify(log)).faults), [['truncated', 512, 1000]])
  log.files.delete('tile/0/002')
  assert.deepEqual(places((await verify(log)).faults), [['truncated', 512, 768]], 'no more can be said without leaf hashes')
  const short = await logOf(SIZE, signer)
  edit(short, '003.p/232', (entries) => entries.slice(0, 200))
  assert.deepEqual(places((await verify(short)).faults), [['truncated', 968, 1000]])
})

test('a whole log put back is found by a newer checkpoint', async () => {
  const log = await logOf(500, signer)
  const old = new Map(log.files)
  const newer = await log.append([recordLeaf('s1', 499), recordLeaf('s1', 500)])
  log.files.clear()
  for (const [path, bytes] of old) log.files.set(path, bytes)
  assert.deepEqual(places((await verify(log)).faults), [], 'unseen without it')
  assert.deepEqual(places((await verify(log, { checkpoints: [newer] })).faults), [['truncated', 500, 502]])
})

test('a file missing in the middle is not the end', async () => {
  const log = await logOf(SIZE, signer)
  log.files.delete('tile/entries/001')
  assert.deepEqual(places((await verify(log)).faults), [['missing', 256, 512]])
})

test('an edited entry is named by its index', async () => {
  const log = await logOf(SIZE, signer)
  edit(log, '001', (entries) => entries.with(44, other))
  assert.deepEqual(places((await verify(log)).faults), [['edited', 300, 301]])
  edit(log, '003.p/232', (entries) => entries.with(231, other))
  assert.deepEqual(places((await verify(log)).faults), [
    ['edited', 300, 301],
    ['edited', 999, 1000],
  ])
})

test('an entry edited together with its hash is found by the tiles above, and by the root if those are too', async () => {
  const log = await logOf(SIZE, signer)
  const leaves = Array.from({ length: SIZE - 1 }, (_, i) => recordLeaf('s1', i, i === 299 ? { actor: 'someone else' } : {}))
  const forged = makeLog(signer)
  await forged.append([epochLeaf(), ...leaves])
  replaceTiles(log, forged, /^tile\/(entries|0)\//)
  assert.deepEqual(places((await verify(log)).faults), [['edited', 256, 512]])
  replaceTiles(log, forged, /^tile\//)
  assert.deepEqual(places((await verify(log)).faults), [['edited', 0, 1000]])
})

test('an older checkpoint narrows down where an entry was edited', async () => {
  const log = await logOf(200, signer)
  const old = new TextDecoder().decode(log.files.get('checkpoint'))
  const forged = makeLog(signer)
  const rest = (actor: string): Leaf[] => Array.from({ length: 100 }, (_, i) => recordLeaf('s1', 199 + i, i === 50 ? { actor } : {}))
  await log.append(rest('app:1'))
  await forged.append([epochLeaf(), ...Array.from({ length: 199 }, (_, i) => recordLeaf('s1', i)), ...rest('app:2')])
  replaceTiles(log, forged, /^tile\//)
  assert.deepEqual(places((await verify(log, { checkpoints: [old] })).faults), [['edited', 200, 300]])
})

test('an edited tile is named, and the entries are not blamed', async () => {
  for (const [path, at] of [
    ['tile/0/001', 1000],
    ['tile/0/003.p/232', 0],
    ['tile/1/000.p/3', 40],
  ] as const) {
    const log = await logOf(SIZE, signer)
    const bytes = log.files.get(path)!
    log.files.set(path, bytes.with(at, bytes[at]! ^ 1))
    assert.deepEqual(places((await verify(log)).faults), [['edited', path]])
    log.files.set(path, bytes.subarray(1))
    assert.deepEqual(places((await verify(log)).faults), [['malformed', path]])
    log.files.delete(path)
    assert.deepEqual(places((await verify(log)).faults), [['missing', path]])
  }
})

test('reordered entries are named, within a bundle and across bundles', async () => {
  const log = await logOf(SIZE, signer)
  edit(log, '000', (entries) => entries.with(20, entries[10]!).with(10, entries[20]!))
  assert.deepEqual(places((await verify(log)).faults), [
    ['reordered', 10, 11],
    ['reordered', 20, 21],
  ])
  const far = await logOf(SIZE, signer)
  const [a, b] = [parseBundle(far.files.get('tile/entries/000')!)[7]!, parseBundle(far.files.get('tile/entries/002')!)[9]!]
  edit(far, '000', (entries) => entries.with(7, b))
  edit(far, '002', (entries) => entries.with(9, a))
  assert.deepEqual(places((await verify(far)).faults), [
    ['reordered', 7, 8],
    ['reordered', 521, 522],
  ])
})

test('a removed entry is named, and those that moved up', async () => {
  const log = await logOf(SIZE, signer)
  edit(log, '001', (entries) => [...entries.toSpliced(44, 1), entries[255]!])
  assert.deepEqual(places((await verify(log)).faults), [
    ['edited', 300, 301],
    ['reordered', 301, 511],
  ])
})

test('a history rewritten by whoever has the key is a fork of an older checkpoint', async () => {
  const log = await logOf(SIZE, signer)
  const old = new TextDecoder().decode(log.files.get('checkpoint'))
  const leaves = Array.from({ length: 1200 }, (_, i) => recordLeaf('s1', i, i === 299 ? { actor: 'someone else' } : {}))
  const forged = makeLog(signer)
  await forged.append([epochLeaf(), ...leaves])
  assert.deepEqual(places((await verify(forged)).faults), [], 'right in itself')
  assert.deepEqual(places((await verify(forged, { checkpoints: [old] })).faults), [['forked', 0, 1000]])
})

test('an edited entry does not make a fork of the log', async () => {
  const log = await logOf(500, signer)
  const old = new TextDecoder().decode(log.files.get('checkpoint'))
  await log.append([recordLeaf('s1', 499)])
  edit(log, '000', (entries) => entries.with(100, other))
  assert.deepEqual(places((await verify(log, { checkpoints: [old] })).faults), [['edited', 100, 101]])
})

test('an older checkpoint must be signed too', async () => {
  const log = await logOf(10, signer)
  const text = formatCheckpoint({ origin: ORIGIN, size: 5, root: new Uint8Array(32) })
  const stranger = formatNote({ text, signatures: [await signNote(text, makeSigner(ORIGIN))] })
  const elsewhere = formatCheckpoint({ origin: 'other', size: 5, root: new Uint8Array(32) })
  const foreign = formatNote({ text: elsewhere, signatures: [await signNote(elsewhere, signer)] })
  assert.deepEqual(places((await verify(log, { checkpoints: [stranger, foreign, 'nothing'] })).faults), [
    ['unsigned', 'older checkpoint 0'],
    ['wrong_origin', 'older checkpoint 1'],
    ['unsigned', 'older checkpoint 2'],
  ])
})

/** Faults of a log of these leaves after an epoch's. */
async function faultsOf(leaves: readonly (Leaf | Uint8Array)[]): Promise<unknown[]> {
  const log = makeLog(signer)
  await log.append([epochLeaf(), ...leaves])
  return places((await verify(log)).faults)
}

const records = (server: string, ...seqs: number[]) => seqs.map((seq) => recordLeaf(server, seq))

test('numbers of each server grow without gaps, whatever the servers’ order', async () => {
  assert.deepEqual(await faultsOf([...records('a', 0, 1), ...records('b', 0), ...records('a', 2), ...records('b', 1, 2)]), [])
  assert.deepEqual(await faultsOf(records('a', 0, 1, 3)), [['sequence_gap', 3, 4]])
  assert.deepEqual(await faultsOf(records('a', 1)), [['sequence_gap', 1, 2]])
  assert.deepEqual(await faultsOf(records('a', 0, 1, 1)), [['duplicate', 3, 4]])
  assert.deepEqual(await faultsOf(records('a', 0, 2, 1)), [['reordered', 3, 4]])
})

test('a gap leaf explains what is missing, before or after, and no more than that', async () => {
  assert.deepEqual(await faultsOf([...records('a', 0), gapLeaf(1, 'a', 1, 3), ...records('a', 4)]), [])
  assert.deepEqual(await faultsOf([...records('a', 0, 4), gapLeaf(1, 'a', 1, 3)]), [])
  assert.deepEqual(await faultsOf([...records('a', 0, 4), gapLeaf(1, 'a', 2, 2), gapLeaf(2, 'a', 3, 3), gapLeaf(3, 'a', 1, 1)]), [])
  assert.deepEqual(await faultsOf([...records('a', 0, 4), gapLeaf(1, 'a', 1, null)]), [['sequence_gap', 3, 4]], 'number 4 is there')
  assert.deepEqual(await faultsOf([...records('a', 0, 5), gapLeaf(1, 'a', 1, 3)]), [['sequence_gap', 2, 3]])
  assert.deepEqual(await faultsOf([...records('a', 0, 1), gapLeaf(1, 'a', 1, 1)]), [['sequence_gap', 3, 4]], 'number 1 is there')
  assert.deepEqual(await faultsOf([...records('a', 0), gapLeaf(1, 'a', 1, null)]), [])
  assert.deepEqual(
    await faultsOf([...records('a', 0), gapLeaf(1, 'a', 1, null), ...records('a', 1)]),
    [['sequence_gap', 3, 4]],
    'it had ended',
  )
  assert.deepEqual(await faultsOf([...records('a', 0), gapLeaf(1, 'a', 1, 3), ...records('a', 2)]), [['duplicate', 3, 4]])
  assert.deepEqual(await faultsOf([gapLeaf(1, 'never', 0, null)]), [])
})

test('a log begins with an epoch, and has no other', async () => {
  const log = makeLog(signer)
  await log.append(records('a', 0))
  assert.deepEqual(places((await verify(log)).faults), [['misplaced_epoch', 0, 1]])
  assert.deepEqual(await faultsOf([{ ...epochLeaf(), seq: 1 }]), [['misplaced_epoch', 1, 2]])
})

test('an entry that is no leaf is named', async () => {
  const text = (value: string) => new TextEncoder().encode(value)
  assert.deepEqual(await faultsOf([...records('a', 0), text('{}'), text('not JSON'), ...records('a', 7, 8)]), [['malformed', 2, 4]])
})

test('a log whose older entries were removed is verified from there on', async () => {
  const log = makeLog(signer)
  const checkpoints = [await log.append([epochLeaf(), ...Array.from({ length: 599 }, (_, i) => recordLeaf('s1', i))])]
  checkpoints.push(await log.append(Array.from({ length: 400 }, (_, i) => recordLeaf('s1', 599 + i))))
  for (const index of [0, 1]) log.files.delete(tilePath({ level: 'entries', index, width: 256 }))
  const report = await verify(log, { minimum: 600, checkpoints })
  assert.deepEqual([report.faults, report.from, report.entries], [[], 512, 488])
  const early = makeLog(signer)
  const old = await early.append([epochLeaf(), ...Array.from({ length: 99 }, (_, i) => recordLeaf('s1', i))])
  assert.deepEqual((await verify(log, { minimum: 600, checkpoints: [old] })).faults, [], 'proven by the tiles')
  const forged = makeLog(signer)
  const fork = await forged.append([epochLeaf(), ...Array.from({ length: 99 }, (_, i) => recordLeaf('s1', i + 1))])
  assert.deepEqual(places((await verify(log, { minimum: 600, checkpoints: [fork] })).faults), [['forked', 0, 100]])
  assert.deepEqual(places((await verify(log)).faults), [['missing', 0, 512]], 'without saying so they are missing')
})

test('faults are bounded, and the rest is counted', async () => {
  const log = await logOf(5000, signer)
  for (const path of [...log.files.keys()].filter((one) => one.startsWith('tile/entries/')))
    edit(log, path.slice('tile/entries/'.length), (entries) => entries.map((entry, i) => (i % 2 === 0 ? other : entry)))
  const report = await verify(log)
  assert.equal(report.faults.length, 100)
  assert.equal(report.moreFaults, 2400)
})

test('what the reader and the callback throw reaches the caller', async () => {
  const log = await logOf(1000, signer)
  const broken = async (path: string) => (path === 'tile/entries/002' ? Promise.reject(new Error('disk')) : log.read(path))
  await assert.rejects(verify(log, { read: broken }), /disk/)
  const onLeaf = () => {
    throw new Error('mine')
  }
  await assert.rejects(verify(log, { onLeaf }), /mine/)
  await assert.rejects(verify(log, { checkpoints: new Array(10_001).fill('') }), RangeError)
})

test('only leaves that are as logged are handed out', async () => {
  const log = await logOf(10, signer)
  edit(log, '000.p/10', (entries) => entries.with(4, other))
  const seen: number[] = []
  await verify(log, { onLeaf: (leaf, index) => seen.push(leaf.kind === 'epoch' ? -1 : index) })
  assert.deepEqual(seen, [-1, 1, 2, 3, 5, 6, 7, 8, 9])
  assert.notDeepEqual(leafHash(sha256, other), leafHash(sha256, encodeLeaf(recordLeaf('s1', 3))))
})
