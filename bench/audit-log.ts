/**
 * What the trail's log costs: entries a second that are appended, and that are verified offline, beside two bare hashes for each (of an entry and of a
 * node). Part of `npm run bench`; alone with `npm run bench -- --only audit-log`.
 */
import { createPublicKey, generateKeyPairSync, hash, sign, verify } from 'node:crypto'
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
  verifyExport,
  type Leaf,
} from '@vouchsafe/audit-log'
import type { Report } from './figures.ts'
import { median } from './statistics.ts'

const ENTRIES = 200_000
const BATCH = 375
const ROUNDS = 5
const ORIGIN = 'vouchsafe/bench/1'

const sha256 = (bytes: Uint8Array) => hash('sha256', bytes, 'buffer')

function leafAt(index: number): Leaf {
  const common = { v: 1, salt: 'AAAAAAAAAAAAAAAAAAAAAA==', time: 1_700_000_000_000, server: 's1', seq: index } as const
  if (index === 0) return { ...common, kind: 'epoch', epoch: 1, actor: 'uid:0', reason: 'first' }
  return { ...common, tenant: 't1', actor: 'app:9e107d9d', action: 'Decrypt', object: `key-${index}`, outcome: 'ok', request: `r-${index}` }
}

function rate(entries: number, work: () => unknown): number {
  const started = performance.now()
  work()
  return entries / ((performance.now() - started) / 1000)
}

/** Entries a second, if an entry took two hashes and nothing else. */
function bareRate(): number {
  const [entry, node] = [encodeLeaf(leafAt(1)), new Uint8Array(65)]
  return rate(ENTRIES, () => {
    for (let i = 0; i < ENTRIES; i++) {
      sha256(entry)
      sha256(node)
    }
  })
}

export async function benchAuditLog(report: Report): Promise<void> {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  const raw = Buffer.from(publicKey.export({ format: 'jwk' }).x!, 'base64url')
  const signer = { key: verifierKey(sha256, ORIGIN, 'note', raw), sign: (message: Uint8Array) => sign(null, message, privateKey) }
  const files = new Map<string, Uint8Array>()
  let [edge, tail] = [emptyEdge(), new Uint8Array() as Uint8Array]
  const appended = rate(ENTRIES, () => {
    while (edge.size < ENTRIES) {
      const count = Math.min(BATCH, ENTRIES - edge.size)
      const entries = Array.from({ length: count }, (_, i) => encodeLeaf(leafAt(edge.size + i)))
      const written = appendEntries(edge.size, tail, entries)
      const hashes = entries.map((entry) => leafHash(sha256, entry))
      const { edge: next, tiles } = appendLeaves(sha256, edge, hashes)
      for (const { path, bytes } of [...written.bundles, ...tiles]) files.set(path, bytes)
      ;[edge, tail] = [next, written.tail]
    }
  })
  report.row(`log: encoded and appended, ${BATCH} at a time`, {
    'entries a second': appended,
    'than bare hashes, times slower': bareRate() / appended,
  })

  const text = formatCheckpoint({ origin: ORIGIN, size: edge.size, root: edgeRoot(sha256, edge) })
  files.set('checkpoint', new TextEncoder().encode(formatNote({ text, signatures: [await signNote(text, signer)] })))
  const rates: number[] = []
  const slower: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    const bare = bareRate()
    const started = performance.now()
    const { ok } = await verifyExport({
      hash: sha256,
      check: (_, key, message, signature) =>
        verify(
          null,
          message,
          createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: Buffer.from(key).toString('base64url') }, format: 'jwk' }),
          signature,
        ),
      read: async (path) => files.get(path),
      origin: ORIGIN,
      keys: [signer.key],
    })
    if (!ok) throw new Error('the log does not verify')
    rates.push(ENTRIES / ((performance.now() - started) / 1000))
    slower.push(bare / rates.at(-1)!)
  }
  report.row('log: verified offline', { 'entries a second': median(rates), 'than bare hashes, times slower': median(slower) })
}
