// A log of ours, verified by what others wrote in Go: golang.org/x/mod/sumdb, on which Go's checksum database stands, and filippo.io/torchwood.
import assert from 'node:assert/strict'
import { createPrivateKey, createPublicKey, hash, randomBytes, sign, verify } from 'node:crypto'
import { mkdir, mkdtempDisposable, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import {
  appendEntries,
  appendLeaves,
  consistencyProof,
  edgeRoot,
  emptyEdge,
  encodeLeaf,
  formatCheckpoint,
  formatNote,
  formatVerifierKey,
  inclusionProof,
  leafHash,
  parseBundle,
  parseCheckpoint,
  encodeBundle,
  parseNote,
  parseVerifierKey,
  signNote,
  verifierKey,
  verifyExport,
  verifyNote,
  type Leaf,
  type NoteSigner,
  type SignatureCheck,
  type SignatureType,
} from '@vouchsafe/audit-log'
import { startTestServer } from '@vouchsafe/testkit/server'
import { openTerminal } from '@vouchsafe/testkit/terminal'
import { run } from './attested.ts'

const SIZE = 10_000
const ORIGIN = 'vouchsafe/0b6f7f5c/1'
const PROGRAM = fileURLToPath(new URL('go-tlog', import.meta.url))
const go = (...args: string[]) => run('go', ['run', '-C', PROGRAM, '.', ...args])

const sha256 = (bytes: Uint8Array) => hash('sha256', bytes, 'buffer')
const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64')
const check: SignatureCheck = (_, key, message, signature) =>
  verify(
    null,
    message,
    createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: Buffer.from(key).toString('base64url') }, format: 'jwk' }),
    signature,
  )

function ed25519(name: string, type: SignatureType): NoteSigner & { seed: Buffer } {
  const seed = randomBytes(32)
  // PKCS#8 of an Ed25519 seed (RFC 8410).
  const privateKey = createPrivateKey({
    key: Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed]),
    format: 'der',
    type: 'pkcs8',
  })
  const publicKey = Buffer.from(createPublicKey(privateKey).export({ format: 'jwk' }).x!, 'base64url')
  return { seed, key: verifierKey(sha256, name, type, publicKey), sign: (message) => sign(null, message, privateKey) }
}

function leafAt(index: number): Leaf {
  const common = { v: 1, salt: base64(randomBytes(16)), time: Date.now(), server: 's1', seq: index } as const
  if (index === 0) return { ...common, kind: 'epoch', epoch: 1, actor: 'uid:0', reason: 'first' }
  return { ...common, tenant: 't1', actor: 'app:1', action: 'Decrypt', object: `key-${index % 97}`, outcome: 'ok', request: `r-${index}` }
}

/** Writes the log in steps of random sizes, cosigned, with some proofs. */
async function writeLog(folder: string, log: NoteSigner, witness: NoteSigner): Promise<void> {
  const read = (path: string) => readFile(join(folder, path)).catch(() => undefined)
  let [edge, tail] = [emptyEdge(), new Uint8Array() as Uint8Array]
  const heads: { size: number; root: string }[] = []
  while (edge.size < SIZE) {
    const step = Math.min(SIZE - edge.size, 1 + (randomBytes(2).readUInt16BE() % 900))
    const entries = Array.from({ length: step }, (_, i) => encodeLeaf(leafAt(edge.size + i)))
    const { tail: newTail, bundles } = appendEntries(edge.size, tail, entries)
    const appended = appendLeaves(
      sha256,
      edge,
      entries.map((entry) => leafHash(sha256, entry)),
    )
    for (const { path, bytes } of [...bundles, ...appended.tiles]) {
      await mkdir(dirname(join(folder, path)), { recursive: true })
      await writeFile(join(folder, path), bytes)
    }
    ;[edge, tail] = [appended.edge, newTail]
    heads.push({ size: edge.size, root: base64(edgeRoot(sha256, edge)) })
  }
  const text = formatCheckpoint({ origin: ORIGIN, size: SIZE, root: edgeRoot(sha256, edge) })
  const signatures = [await signNote(text, log), await signNote(text, witness, Math.floor(Date.now() / 1000))]
  await writeFile(join(folder, 'checkpoint'), formatNote({ text, signatures }))
  const indexes = [0, 1, 255, 256, 5_000, 9_983, SIZE - 1, ...Array.from({ length: 20 }, () => randomBytes(2).readUInt16BE() % SIZE)]
  const inclusion = indexes.map(async (index) => ({ index, proof: (await inclusionProof(sha256, read, index, SIZE)).map(base64) }))
  const consistency = heads.map(async (head) => ({ ...head, proof: (await consistencyProof(sha256, read, head.size, SIZE)).map(base64) }))
  const proofs = { inclusion: await Promise.all(inclusion), consistency: await Promise.all(consistency) }
  await writeFile(join(folder, 'proofs.json'), JSON.stringify(proofs))
}

test('Go verifies 10,000 leaves: checkpoint, cosignature, tree, tiles and proofs; and finds one that was edited, as we do', async () => {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'vouchsafe-tlog-'))
  const [log, witness] = [ed25519(ORIGIN, 'note'), ed25519('witness.example/w1', 'cosignature-ed25519')]
  await writeLog(folder.path, log, witness)
  const verifyWithGo = () => go('verify', folder.path, formatVerifierKey(log.key), witness.seed.toString('hex'))
  assert.equal(await verifyWithGo(), `${SIZE}\n`)
  const read = (path: string) => readFile(join(folder.path, path)).catch(() => undefined)
  const options = { hash: sha256, check, read, origin: ORIGIN, keys: [log.key] }
  assert.deepEqual((await verifyExport(options)).faults, [])

  const bundle = join(folder.path, 'tile/entries/019')
  const entries = parseBundle(await readFile(bundle))
  await writeFile(bundle, encodeBundle(entries.with(7, encodeLeaf(leafAt(19 * 256 + 7)))))
  await assert.rejects(verifyWithGo(), /another tree hash/)
  const { faults } = await verifyExport(options)
  assert.deepEqual(
    faults.map(({ code, index }) => [code, index]),
    [['edited', 19 * 256 + 7]],
  )
})

test('Go verifies what a server exports: 10,000 entries, signature, tree, an inclusion and a consistency proof', async () => {
  await using server = await startTestServer()
  await using terminal = await openTerminal()
  terminal.env['VOUCHSAFE_DATA_DIR'] = server.dataDir
  const { storage } = server.server.context
  const done = async (...args: string[]) => {
    const { code, text, stderr } = await terminal.vouchsafe(args)
    assert.equal(code, 0, stderr)
    return text
  }
  const append = async (count: number) => {
    const audit = { at: Date.now(), tenant: 't1', actor: 'app:1', action: 'CreateKey', object: 'key', result: 'ok', requestId: 'r' }
    for (let i = 0; i < count; i += 500) await storage.appendAudit({ rows: Array.from({ length: 500 }, () => audit) })
  }
  await append(4_000)
  const old = parseCheckpoint(parseNote(await done('trail', 'checkpoint')).text)
  await append(6_000)
  const folder = terminal.path('export')
  await done('trail', 'export', folder)
  await done('trail', 'verify', folder)
  const key = await done('trail', 'checkpoint', '--key-only')
  const { size } = parseCheckpoint(parseNote(await readFile(join(folder, 'checkpoint'))).text)
  assert.ok(size > SIZE, String(size))

  const read = (path: string) => readFile(join(folder, path)).catch(() => undefined)
  const proofs = {
    inclusion: [{ index: 5_000, proof: (await inclusionProof(sha256, read, 5_000, size)).map(base64) }],
    consistency: [{ size: old.size, root: base64(old.root), proof: (await consistencyProof(sha256, read, old.size, size)).map(base64) }],
  }
  await writeFile(join(folder, 'proofs.json'), JSON.stringify(proofs))
  const verifyWithGo = () => go('verify', folder, key.trim(), 'none')
  assert.equal(await verifyWithGo(), `${size}\n`)

  const bundle = join(folder, 'tile/entries/019')
  const entries = parseBundle(await readFile(bundle))
  await writeFile(bundle, encodeBundle(entries.with(7, entries[8]!)))
  await assert.rejects(verifyWithGo(), /another tree hash/)
  assert.equal((await terminal.vouchsafe(['trail', 'verify', folder])).code, 1)
})

test('we verify a checkpoint that Go signed, and the cosignature of a witness in Go', async () => {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'vouchsafe-tlog-'))
  await writeFile(join(folder.path, 'text'), formatCheckpoint({ origin: ORIGIN, size: 7, root: randomBytes(32) }))
  const signed = JSON.parse(await go('sign', folder.path)) as { log: string; witness: string; note: string }
  const keys = [parseVerifierKey(sha256, signed.log), parseVerifierKey(sha256, signed.witness)]
  const signatures = await verifyNote(parseNote(Buffer.from(signed.note, 'base64')), keys, check)
  assert.deepEqual(
    signatures.map(({ key }) => key.type),
    ['note', 'cosignature-ed25519'],
  )
  assert.ok(Math.abs(signatures[1]!.timestamp! - Date.now() / 1000) < 60)
})
