/**
 * What appraising evidence costs, as ratios within the same run where there is something to compare with, since machines differ. Part of
 * `npm run bench`; alone with `npm run bench -- --only attestation`. Prints; judges nothing.
 */
import { createHash, generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import { Appraiser } from '../packages/server/src/attestation/appraisal/appraiser.ts'
import { evaluatePolicy, PolicyTime } from '../packages/server/src/attestation/appraisal/evaluation.ts'
import { referenceSets } from '../packages/server/src/attestation/reference-values/references.ts'
import { verifierOf } from '../packages/server/src/attestation/verifiers/index.ts'
import { benchAttest } from './attest.ts'

const VALUES = 1_000_000
const BASELINES = 10
const ENTRIES = 10_000
const ROUNDS = 5
const EVALUATIONS = 2_000

const POLICY = `package verification

default log_valid = false
log_valid { input.evidence.logs[_].is_log_valid }

pcr_10 { input.evidence.pcrs.pcr_values[_].pcr_index == 10 }

default ok = false
ok {
    log_valid
    pcr_10
}

result = {"policy_matched": ok, "custom_data": {"hash_alg": input.evidence.pcrs.hash_alg}}
`

export async function benchAttestation(): Promise<void> {
  await using appraiser = new Appraiser({ workers: 1 })
  await benchReferences(appraiser)
  await benchPolicies(appraiser)
  await benchAttest()
}

/** 10,000 log entries, half of them known, against a million reference values, beside a JavaScript Set of the same texts. */
async function benchReferences(appraiser: Appraiser): Promise<void> {
  const values = Array.from({ length: VALUES }, (_, i) => ({ fileName: `/usr/lib/file${i}`, sha256: randomBytes(32).toString('hex') }))
  for (const matchFileName of [false, true]) {
    const sets: Uint8Array[] = []
    const reading = performance.now()
    for (let i = 0; i < BASELINES; i++) {
      const referenceValues = values.slice((i * VALUES) / BASELINES, ((i + 1) * VALUES) / BASELINES)
      const payload = Buffer.from(JSON.stringify({ matchFileName, referenceValues })).toString('base64url')
      sets.push((await appraiser.readBaseline('bench', payload)).digests)
    }
    const building = performance.now()
    const index = await appraiser.buildReferences('bench', sets)
    const built = performance.now()
    const { lookup } = referenceSets({ index, altered: [] })
    const known = new Set(values.map(({ sha256 }) => sha256))
    let [best, bestSet] = [Infinity, Infinity]
    for (let round = 0; round < ROUNDS; round++) {
      const entries = Array.from({ length: ENTRIES }, (_, i) =>
        i % 2 === 0
          ? { fileName: '/usr/bin/unknown', digest: randomBytes(32).toString('hex') }
          : entryOf(values[Math.floor(Math.random() * VALUES)]!),
      )
      best = Math.min(
        best,
        timed(() => entries.forEach(({ digest, fileName }) => lookup(digest, fileName))),
      )
      bestSet = Math.min(
        bestSet,
        timed(() => entries.forEach(({ digest }) => known.has(digest))),
      )
    }
    console.log(
      `${ENTRIES} lookups in ${VALUES} reference values${matchFileName ? ' with names' : ''}: ${best.toFixed(1)} ms ` +
        `(a Set of the texts ${bestSet.toFixed(1)} ms); index of ${(index.byteLength / 2 ** 20).toFixed(0)} MiB built in ` +
        `${(built - building).toFixed(0)} ms; ${BASELINES} baselines read in ${(building - reading).toFixed(0)} ms`,
    )
  }
}

/** As a log has it: a text of its own. */
function entryOf({ fileName, sha256 }: { fileName: string; sha256: string }): { fileName: string; digest: string } {
  return { fileName, digest: Buffer.from(sha256).toString() }
}

/** A policy on the IMA sample: inside a worker, and with the way there and back; beside one RSA-3072 signature, which a token costs. */
async function benchPolicies(appraiser: Appraiser): Promise<void> {
  const source = { id: 'bench', version: 1, hash: createHash('sha256').update(POLICY).digest('hex'), text: POLICY }
  const [input] = verifierOf('tpm_ima')!.samples()
  evaluatePolicy(source, input!, false, new PolicyTime(1_000))
  const inside = timed(() => {
    for (let i = 0; i < EVALUATIONS; i++) evaluatePolicy(source, input!, false, new PolicyTime(1_000))
  })
  const started = performance.now()
  for (let i = 0; i < EVALUATIONS / 10; i++) await appraiser.tryPolicy('bench', POLICY, [input!])
  const trials = (performance.now() - started) * 10
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 3072 })
  const signatures = timed(() => {
    for (let i = 0; i < EVALUATIONS / 10; i++) sign('sha256', Buffer.alloc(32), privateKey)
  })
  const rate = (milliseconds: number) => ((EVALUATIONS / milliseconds) * 1000).toFixed(0)
  console.log(
    `policy evaluations: ${rate(inside)} per second on one thread, compiled once; ${rate(trials)} compiled each time, to a worker and back; ` +
      `RSA-3072 signatures: ${rate(signatures * 10)} per second`,
  )
}

function timed(work: () => void): number {
  const started = performance.now()
  work()
  return performance.now() - started
}
