// What the tests share: SHA-256 and signatures from node:crypto, leaves, and a log in memory.
import { createPublicKey, generateKeyPairSync, hash, sign, verify, type KeyObject } from 'node:crypto'
import {
  appendEntries,
  appendLeaves,
  edgeRoot,
  emptyEdge,
  encodeLeaf,
  formatCheckpoint,
  formatNote,
  leafHash,
  signNote,
  verifierKey,
  type Edge,
  type Leaf,
  type NoteSigner,
  type RecordLeaf,
  type SignatureCheck,
  type SignatureType,
} from '../../src/index.ts'

export const sha256 = (bytes: Uint8Array): Uint8Array => new Uint8Array(hash('sha256', bytes, 'buffer'))

export const check: SignatureCheck = (algorithm, key, message, signature) => {
  const text = Buffer.from(key).toString('base64url')
  const jwk = algorithm === 'ed25519' ? { kty: 'OKP', crv: 'Ed25519', x: text } : { kty: 'AKP', alg: 'ML-DSA-44', pub: text }
  return verify(null, message, createPublicKey({ key: jwk, format: 'jwk' }), signature)
}

export function makeSigner(name: string, type: SignatureType = 'note'): NoteSigner {
  const pair: { publicKey: KeyObject; privateKey: KeyObject } =
    type === 'cosignature-ml-dsa-44' ? generateKeyPairSync('ml-dsa-44') : generateKeyPairSync('ed25519')
  const { x, pub } = pair.publicKey.export({ format: 'jwk' }) as { x?: string; pub?: string }
  const key = verifierKey(sha256, name, type, new Uint8Array(Buffer.from(x ?? pub!, 'base64url')))
  return { key, sign: (message) => new Uint8Array(sign(null, message, pair.privateKey)) }
}

export const ORIGIN = 'vouchsafe/store-1/1'
export const SALT = 'AAAAAAAAAAAAAAAAAAAAAA=='
export const DIGEST = 'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA='

export function epochLeaf(): Leaf {
  return { v: 1, kind: 'epoch', salt: SALT, time: 1, server: 's0', seq: 0, epoch: 1, actor: 'operator:0', reason: 'first' }
}

export function recordLeaf(server: string, seq: number, fields: Partial<RecordLeaf> = {}): RecordLeaf {
  return {
    v: 1,
    salt: SALT,
    time: 1_700_000_000_000 + seq,
    server,
    seq,
    tenant: 't1',
    actor: 'app:9e107d9d',
    action: 'Decrypt',
    object: `key-${seq}`,
    outcome: 'ok',
    request: `r-${seq}`,
    ...fields,
  }
}

export function gapLeaf(seq: number, server: string, from: number, to: number | null): Leaf {
  return { v: 1, kind: 'gap', salt: SALT, time: 1, server: 's0', seq, missing: { server, from, to }, reason: 'crash' }
}

/** A log in memory, whose files may be tampered with. */
export interface TestLog {
  files: Map<string, Uint8Array>
  signer: NoteSigner
  edge: Edge
  read: (path: string) => Promise<Uint8Array | undefined>
  /** Appends entries, and signs a checkpoint, which is returned. */
  append: (entries: readonly (Leaf | Uint8Array)[]) => Promise<string>
}

export function makeLog(signer = makeSigner(ORIGIN)): TestLog {
  const files = new Map<string, Uint8Array>()
  let tail: Uint8Array = new Uint8Array()
  const log: TestLog = {
    files,
    signer,
    edge: emptyEdge(),
    read: async (path) => files.get(path),
    append: async (leaves) => {
      const entries = leaves.map((leaf) => (leaf instanceof Uint8Array ? leaf : encodeLeaf(leaf)))
      const written = appendEntries(log.edge.size, tail, entries)
      const { edge, tiles } = appendLeaves(
        sha256,
        log.edge,
        entries.map((entry) => leafHash(sha256, entry)),
      )
      tail = written.tail
      log.edge = edge
      for (const { path, bytes } of [...written.bundles, ...tiles]) files.set(path, bytes)
      const text = formatCheckpoint({ origin: signer.key.name, size: edge.size, root: edgeRoot(sha256, edge) })
      const checkpoint = formatNote({ text, signatures: [await signNote(text, signer)] })
      files.set('checkpoint', new TextEncoder().encode(checkpoint))
      return checkpoint
    },
  }
  return log
}

/** A log of an epoch's leaf and records of one server. */
export async function logOf(size: number, signer?: NoteSigner): Promise<TestLog> {
  const log = makeLog(signer)
  await log.append([epochLeaf(), ...Array.from({ length: size - 1 }, (_, i) => recordLeaf('s1', i))])
  return log
}
