// RFC 6962 and RFC 9162: hashes, edges, tiles and proofs.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  appendEntries,
  appendLeaves,
  consistencyProof,
  edgePeaks,
  edgeRoot,
  emptyEdge,
  encodeBundle,
  inclusionProof,
  isPrunable,
  leafHash,
  LogFormatError,
  MissingTileError,
  newTiles,
  nodeHash,
  parseBundle,
  parseTilePath,
  partialTiles,
  readEdge,
  tilePath,
  treeRoot,
  verifyConsistency,
  verifyInclusion,
  type Edge,
} from '../src/index.ts'
import { sha256 } from './support/log.ts'

/** The leaves with which every implementation of RFC 6962 is tested, and the root over the first n. */
const LEAVES = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f']
const ROOTS = [
  'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
]

const MOST = 70_000
const hashes = Array.from({ length: MOST }, (_, i) => leafHash(sha256, new TextEncoder().encode(String(i))))

/** A tree grown in steps of these sizes, with the files that were written on the way. */
function grow(steps: readonly number[]): { edge: Edge; files: Map<string, Uint8Array> } {
  const files = new Map<string, Uint8Array>()
  let edge = emptyEdge()
  for (const step of steps) {
    const appended = appendLeaves(sha256, edge, hashes.slice(edge.size, edge.size + step))
    edge = appended.edge
    for (const { path, bytes } of appended.tiles) files.set(path, bytes)
  }
  return { edge, files }
}

const whole = grow([MOST])
const read = async (path: string) => whole.files.get(path)
/** Partial tiles of any size, as a log has them that never removes one. */
async function readOf(size: number) {
  const { edge, files } = grow([size])
  return { root: edgeRoot(sha256, edge), read: async (path: string) => files.get(path) }
}
const rootOf = (size: number) => edgeRoot(sha256, grow([size]).edge)

const size = fc.oneof(
  fc.integer({ min: 1, max: 600 }),
  fc.integer({ min: 1, max: MOST }),
  fc.constantFrom(1, 2, 255, 256, 257, 512, 65_535, 65_536, 65_537),
)

test('the known trees have their roots', () => {
  const leaves = LEAVES.map((hex) => leafHash(sha256, Uint8Array.fromHex(hex)))
  for (const [n, root] of ROOTS.entries()) {
    assert.equal(treeRoot(sha256, leaves.slice(0, n)).toHex(), root)
    assert.equal(edgeRoot(sha256, appendLeaves(sha256, emptyEdge(), leaves.slice(0, n)).edge).toHex(), root)
  }
})

test('the root is the recursive one of RFC 6962', () => {
  const recursive = (list: readonly Uint8Array[]): Uint8Array => {
    if (list.length === 1) return list[0]!
    let k = 1
    while (k * 2 < list.length) k *= 2
    return nodeHash(sha256, recursive(list.slice(0, k)), recursive(list.slice(k)))
  }
  for (const n of [1, 2, 3, 255, 256, 257, 511, 513, 1000])
    assert.deepEqual(treeRoot(sha256, hashes.slice(0, n)), recursive(hashes.slice(0, n)))
})

test('the compact range has one hash for each bit of the size', () => {
  for (const n of [1, 7, 256, 300, 65_537]) {
    const peaks = edgePeaks(sha256, grow([n]).edge)
    assert.equal(peaks.length, n.toString(2).replaceAll('0', '').length)
    assert.deepEqual(
      peaks.reduceRight((right, left) => nodeHash(sha256, left, right)),
      rootOf(n),
    )
  }
})

test('appending in random steps writes the tiles of one go, and an edge read back continues', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.oneof(fc.integer({ min: 0, max: 20 }), fc.integer({ min: 0, max: 700 })), { maxLength: 30 }),
      async (steps) => {
        const { edge, files } = grow(steps)
        const once = grow([edge.size])
        assert.deepEqual(edge, once.edge)
        for (const [path, bytes] of once.files) assert.deepEqual(files.get(path), bytes, path)
        for (const path of files.keys()) if (!path.includes('.p/')) assert.ok(once.files.has(path), path)
        const reread = await readEdge(async (path) => files.get(path), edge.size)
        assert.deepEqual(edgeRoot(sha256, reread), edgeRoot(sha256, edge))
        const more = hashes.slice(edge.size, edge.size + 300)
        assert.deepEqual(appendLeaves(sha256, reread, more), appendLeaves(sha256, edge, more))
      },
    ),
    { numRuns: 25 },
  )
})

test('newTiles names what an append writes', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 66_000 }), fc.integer({ min: 0, max: 1000 }), (from, count) => {
      const { edge } = grow([from])
      const { tiles } = appendLeaves(sha256, edge, hashes.slice(from, from + count))
      const expected = newTiles(from, from + count).filter(({ level }) => level !== 'entries')
      assert.deepEqual(tiles.map(({ path }) => path).sort(), expected.map(tilePath).sort())
    }),
    { numRuns: 15 },
  )
})

test('tiles of a tree of 70,000 leaves are those of the specification', () => {
  const paths = [...whole.files.keys()]
  assert.equal(paths.filter((path) => /^tile\/0\/\d+$/.test(path)).length, 273)
  assert.deepEqual(partialTiles(70_000).map(tilePath), ['tile/entries/273.p/112', 'tile/0/273.p/112', 'tile/1/001.p/17', 'tile/2/000.p/1'])
  for (const path of ['tile/0/273.p/112', 'tile/1/000', 'tile/1/001.p/17', 'tile/2/000.p/1']) assert.ok(paths.includes(path), path)
  assert.equal(paths.length, 273 + 4)
  assert.equal(tilePath({ level: 2, index: 1_234_067, width: 256 }), 'tile/2/x001/x234/067')
})

test('paths are read in their one form only', () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.constant('entries' as const), fc.integer({ min: 0, max: 63 })),
      fc.maxSafeNat(),
      fc.integer({ min: 1, max: 256 }),
      (level, index, width) => assert.deepEqual(parseTilePath(tilePath({ level, index, width })), { level, index, width }),
    ),
  )
  const refused = [
    'tile/0/0',
    'tile/00/000',
    'tile/64/000',
    'tile/0/x000/001',
    'tile/0/001/',
    '/tile/0/001',
    'tile/0/001.p/0',
    'tile/0/001.p/256',
    'tile/0/001.p/01',
  ]
  for (const path of [
    ...refused,
    'tile/-1/000',
    'tile/0/x001/1',
    'tile/entries',
    '',
    `tile/0/${'x999/'.repeat(9)}999`,
    'tile/0/x9007/199',
    'tile/data/000',
  ])
    assert.throws(() => parseTilePath(path), LogFormatError, path)
})

test('pruning keeps every tile that a tree from the minimum on needs', () => {
  assert.ok(isPrunable({ level: 0, index: 0, width: 256 }, 256))
  assert.ok(!isPrunable({ level: 0, index: 0, width: 256 }, 255))
  assert.ok(!isPrunable({ level: 0, index: 0, width: 7 }, 256))
  assert.ok(isPrunable({ level: 1, index: 0, width: 256 }, 65_536))
  assert.ok(!isPrunable({ level: 1, index: 0, width: 256 }, 65_535))
})

test('pruned logs still prove what is not before the minimum', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: MOST }), fc.nat(), fc.nat(), async (minimum, a, b) => {
      const pruned = new Map([...whole.files].filter(([path]) => !isPrunable(parseTilePath(path), minimum)))
      const readPruned = async (path: string) => pruned.get(path)
      const index = minimum + (a % (MOST - minimum + 1))
      if (index < MOST) await inclusionProof(sha256, readPruned, index, MOST)
      await consistencyProof(sha256, readPruned, minimum + (b % (MOST - minimum + 1)), MOST)
    }),
    { numRuns: 15 },
  )
})

test('bundles are read back, and appended in any steps', () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 600 }),
      fc.array(fc.integer({ min: 1, max: 300 }), { maxLength: 10 }),
      (entries, steps) => {
        const files = new Map<string, Uint8Array>()
        let [tail, done] = [new Uint8Array() as Uint8Array, 0]
        for (const step of [...steps, 600]) {
          const appended = appendEntries(done, tail, entries.slice(done, done + step))
          for (const { path, bytes } of appended.bundles) files.set(path, bytes)
          tail = appended.tail
          done = Math.min(entries.length, done + step)
        }
        const expected = newTiles(0, entries.length).filter(({ level }) => level === 'entries')
        const found = expected.flatMap((tile) => {
          const bundle = parseBundle(files.get(tilePath(tile))!)
          assert.equal(bundle.length, tile.width)
          return bundle
        })
        assert.deepEqual(
          found.map((entry) => entry.toHex()),
          entries.map((entry) => entry.toHex()),
        )
      },
    ),
    { numRuns: 25 },
  )
  assert.throws(() => encodeBundle([new Uint8Array(65_536)]), RangeError)
  assert.equal(parseBundle(encodeBundle([new Uint8Array(65_535)]))[0]!.length, 65_535)
  for (const cut of [[0], [0, 1], [0, 0, 0]]) assert.throws(() => parseBundle(new Uint8Array(cut)), LogFormatError)
  assert.throws(() => parseBundle(encodeBundle(new Array(257).fill(new Uint8Array()))), LogFormatError)
})

test('inclusion proofs of random leaves and sizes verify, and with any bit changed they do not', async () => {
  await fc.assert(
    fc.asyncProperty(size, fc.nat(), fc.nat(), async (n, at, bit) => {
      const index = at % n
      const tree = await readOf(n)
      const proof = await inclusionProof(sha256, tree.read, index, n)
      const claim = { index, leafHash: hashes[index]!, proof, size: n, root: tree.root }
      assert.ok(verifyInclusion(sha256, claim))
      const values = [claim.leafHash, claim.root, ...proof]
      const which = bit % values.length
      const changed = values.map((value, i) => (i === which ? flip(value, bit) : value))
      assert.ok(!verifyInclusion(sha256, { ...claim, leafHash: changed[0]!, root: changed[1]!, proof: changed.slice(2) }))
      assert.ok(!verifyInclusion(sha256, { ...claim, index: index + 1 }))
      assert.ok(!verifyInclusion(sha256, { ...claim, proof: [...proof, claim.root] }))
      if (n > 1) assert.ok(!verifyInclusion(sha256, { ...claim, proof: proof.slice(1) }))
    }),
    { numRuns: 50 },
  )
})

test('consistency proofs of random sizes verify, and with any bit changed they do not', async () => {
  await fc.assert(
    fc.asyncProperty(size, fc.nat(), fc.nat(), async (n, at, bit) => {
      const m = at % (n + 1)
      const tree = await readOf(n)
      const proof = await consistencyProof(sha256, tree.read, m, n)
      const claim = { from: { size: m, root: rootOf(m) }, to: { size: n, root: tree.root }, proof }
      assert.ok(verifyConsistency(sha256, claim))
      const values = [claim.from.root, claim.to.root, ...proof]
      // The root of the larger tree says nothing about the empty one.
      const which = m === 0 ? 0 : bit % values.length
      const changed = values.map((value, i) => (i === which ? flip(value, bit) : value))
      const altered = { from: { size: m, root: changed[0]! }, to: { size: n, root: changed[1]! }, proof: changed.slice(2) }
      assert.ok(!verifyConsistency(sha256, altered))
      assert.ok(!verifyConsistency(sha256, { ...claim, proof: [...proof, tree.root] }))
      if (proof.length > 0) assert.ok(!verifyConsistency(sha256, { ...claim, proof: proof.slice(1) }))
      if (m !== n) assert.ok(!verifyConsistency(sha256, { ...claim, from: claim.to, to: claim.from }))
    }),
    { numRuns: 50 },
  )
})

test('every pair of small sizes is proven', async () => {
  for (let n = 1; n <= 40; n++) {
    const tree = await readOf(n)
    for (let m = 0; m <= n; m++) {
      const proof = await consistencyProof(sha256, tree.read, m, n)
      assert.ok(verifyConsistency(sha256, { from: { size: m, root: rootOf(m) }, to: { size: n, root: tree.root }, proof }), `${m} of ${n}`)
      if (m < n) {
        const path = await inclusionProof(sha256, tree.read, m, n)
        assert.ok(verifyInclusion(sha256, { index: m, leafHash: hashes[m]!, proof: path, size: n, root: tree.root }), `${m} in ${n}`)
      }
    }
  }
})

test('a partial tile that was removed is taken from the full one', async () => {
  const { files } = grow([256])
  const fullOnly = async (path: string) => (path.includes('.p/') && path.startsWith('tile/0/') ? undefined : files.get(path))
  const proof = await inclusionProof(sha256, fullOnly, 3, 200)
  assert.ok(verifyInclusion(sha256, { index: 3, leafHash: hashes[3]!, proof, size: 200, root: rootOf(200) }))
})

test('tiles that are missing or of another length are refused by name', async () => {
  await assert.rejects(
    inclusionProof(sha256, async () => undefined, 0, 300),
    MissingTileError,
  )
  await assert.rejects(
    inclusionProof(sha256, async () => new Uint8Array(31), 0, 300),
    LogFormatError,
  )
  await assert.rejects(
    readEdge(async () => new Uint8Array(31), 300),
    LogFormatError,
  )
  await assert.rejects(inclusionProof(sha256, read, 5, 5), RangeError)
  await assert.rejects(consistencyProof(sha256, read, 6, 5), RangeError)
})

test('claims out of bounds are false, and end', () => {
  const root = hashes[0]!
  for (const index of [-1, 0.5, NaN, Infinity, 2 ** 53, 5])
    for (const n of [-1, 0.5, NaN, Infinity, 2 ** 53, 0]) {
      assert.ok(!verifyInclusion(sha256, { index, leafHash: root, proof: [], size: n, root }))
      assert.ok(!verifyConsistency(sha256, { from: { size: index, root }, to: { size: n, root }, proof: [root] }))
    }
  const long = new Array<Uint8Array>(1000).fill(root)
  assert.ok(!verifyInclusion(sha256, { index: 2 ** 52, leafHash: root, proof: long, size: 2 ** 53 - 1, root }))
  assert.ok(!verifyConsistency(sha256, { from: { size: 2 ** 52, root }, to: { size: 2 ** 53 - 1, root }, proof: long }))
  assert.ok(!verifyInclusion(sha256, { index: 0, leafHash: root, proof: [], size: 1, root: root.subarray(1) }))
})

test('proofs of the largest trees reach the root', async () => {
  // Every tile has the same hashes: the root is known without the leaves.
  const one = new Uint8Array(32).fill(9)
  const reader = async (path: string) => new Uint8Array(32 * parseTilePath(path).width).fill(9)
  const edge = await readEdge(reader, 2 ** 53 - 1)
  assert.equal(edgePeaks(sha256, edge).length, 53)
  const proof = await inclusionProof(sha256, reader, 0, 2 ** 53 - 1)
  assert.equal(proof.length, 53)
  assert.deepEqual(proof[0], one)
})

function flip(bytes: Uint8Array, bit: number): Uint8Array {
  const changed = bytes.slice()
  changed[bit % bytes.length]! ^= 1 << (bit % 8)
  return changed
}
