// A worker that reads and replays mutated IMA logs; see fuzz-event-logs.ts.
import { parentPort, workerData } from 'node:worker_threads'
import type { Measurement } from '@vouchsafe/testkit/ima-log-writer'
import { hostMeasurements, writeImaLog } from '@vouchsafe/testkit/ima-log-writer'
import { ecAk } from '@vouchsafe/testkit/software-quote'
import { TpmError, imaSigningKey, replayImaLog, parseImaLog, verifyFileSignature } from '../../src/index.ts'
import type { FuzzResult } from './fuzz-event-logs.ts'
import { mutate, randomNumbers } from './mutations.ts'

const { count, seed } = workerData as { count: number; seed: number }

const HOST: Measurement[] = [
  ...hostMeasurements(6),
  { path: '/old', template: 'ima' },
  { path: '/two\nlines 10', template: 'ima-sig', sig: Buffer.from('0302040102030400083006020101020101', 'hex') },
  { path: '/written', violation: true },
  { path: '/m.ko', template: 'ima-modsig', modsig: Buffer.from('300b06092a864886f70d010702', 'hex') },
  { path: '/evm', template: 'evm-sig', uid: 1, gid: 2, mode: 3, xattrs: [{ name: 'security.ima', value: Buffer.alloc(34) }] },
]
const BASES = (['ascii', 'binary'] as const).flatMap((format) =>
  ['sha1', 'sha256', 'sha384'].map((digests) => writeImaLog(HOST, { format, digests })),
)

const keys = [imaSigningKey(ecAk('P-256', 'sha256').publicKey)]
const random = randomNumbers(seed)
const result: FuzzResult = { logs: 0, parsed: 0, buffers: 0 }
for (; result.logs < count; result.logs++) {
  const bytes = mutate(BASES[random(BASES.length)]!, random)
  try {
    const { entries } = parseImaLog(bytes)
    result.parsed++
    for (const entry of entries) {
      void [entry.path, entry.fileDigest, entry.templateDigestMatches, entry.templateDigest]
      verifyFileSignature(entry, keys)
    }
    replayImaLog(entries, { algorithm: 'sha256', expected: new Uint8Array(32).fill(1) })
  } catch (error) {
    if (!(error instanceof TpmError)) throw error
  }
  if (result.logs % 100 === 0) result.buffers = Math.max(result.buffers, process.memoryUsage().arrayBuffers)
}
parentPort!.postMessage(result)
