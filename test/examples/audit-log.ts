// What the examples of packages/audit-log take for granted: SHA-256 and signatures, and a log of 300 entries in memory.
import { createPublicKey, generateKeyPairSync, hash, sign, verify } from 'node:crypto'
import {
  appendEntries,
  appendLeaves,
  batchOf,
  edgeRoot,
  emptyEdge,
  encodeLeaf,
  formatCheckpoint,
  formatNote,
  formatVerifierKey,
  leafHash,
  signNote,
  verifierKey,
  type BatchLeaf,
  type EpochLeaf,
  type RecordLeaf,
  type SignatureCheck,
} from '@vouchsafe/audit-log'

export const sha256 = (bytes: Uint8Array) => new Uint8Array(hash('sha256', bytes, 'buffer'))
export const verifySignature: SignatureCheck = (_, key, message, signature) =>
  verify(
    null,
    message,
    createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: Buffer.from(key).toString('base64url') }, format: 'jwk' }),
    signature,
  )

const keyPair = generateKeyPairSync('ed25519')
export const publicKey = new Uint8Array(Buffer.from(keyPair.publicKey.export({ format: 'jwk' }).x!, 'base64url'))
export const logSigner = {
  key: verifierKey(sha256, 'example.com/log', 'note', publicKey),
  sign: (message: Uint8Array) => new Uint8Array(sign(null, message, keyPair.privateKey)),
}
export const logVerifierKey = formatVerifierKey(logSigner.key)
const witnessKey = formatVerifierKey(verifierKey(sha256, 'witness.example', 'cosignature-ed25519', new Uint8Array(32).fill(1)))
export const policyFile = `log ${logVerifierKey}\nwitness w1 ${witnessKey}\nquorum w1\n`

const origin = { v: 1, salt: 'AAAAAAAAAAAAAAAAAAAAAA==', time: 1_700_000_000_000, server: 's1', seq: 0 } as const
const call = { tenant: 't1', actor: 'app:1', action: 'Decrypt', object: 'key-1', outcome: 'ok', request: '' } as const
const first: EpochLeaf = { ...origin, kind: 'epoch', epoch: 1, actor: 'operator:0', reason: 'first' }
export const leaf: RecordLeaf = { ...origin, ...call }
export const records = [1, 2, 3].map((time) => encodeLeaf({ ...leaf, time }))

export const batch: BatchLeaf = { ...origin, kind: 'batch', ...batchOf(sha256, records) }

const entries = [encodeLeaf(first), ...Array.from({ length: 299 }, (_, i) => encodeLeaf({ ...leaf, seq: i + 1 }))]
export const [leafA, leafB] = entries as [Uint8Array, Uint8Array]
export const oldSize = 100
export const size = entries.length
const hashes = entries.map((entry) => leafHash(sha256, entry))
const old = appendLeaves(sha256, emptyEdge(), hashes.slice(0, oldSize))
const { edge, tiles } = appendLeaves(sha256, old.edge, hashes.slice(oldSize))
export const oldRoot = edgeRoot(sha256, old.edge)
export const root = edgeRoot(sha256, edge)
const text = formatCheckpoint({ origin: 'example.com/log', size, root })
export const checkpoint = formatNote({ text, signatures: [await signNote(text, logSigner)] })

const files = new Map([...tiles, ...appendEntries(0, new Uint8Array(), entries).bundles].map(({ path, bytes }) => [path, bytes]))
files.set('checkpoint', new TextEncoder().encode(checkpoint))
export const readFile = async (path: string) => files.get(path)
