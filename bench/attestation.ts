/**
 * What appraising evidence costs, as ratios within the same run where there is something to compare with, since machines differ. Part of
 * `npm run bench`; alone with `npm run bench -- --only attestation`.
 */
import { createHash, generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import { Appraiser } from '../packages/server/src/attestation/appraisal/appraiser.ts'
import { evaluatePolicy, PolicyTime } from '../packages/server/src/attestation/appraisal/evaluation.ts'
import { referenceSets } from '../packages/server/src/attestation/reference-values/references.ts'
import { verifierOf } from '../packages/server/src/attestation/verifiers/index.ts'
import { benchAttest } from './attest.ts'
import type { Report } from './figures.ts'
import { median } from './statistics.ts'

const VALUES = 1_000_000
const BASELINES = 10
const ENTRIES = 10_000
const ROUNDS = 5
const EVALUATIONS = 2_000
const TRIALS = 200

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

export async function benchAttestation(report: Report, serverArgs: readonly string[]): Promise<void> {
  {
    await using appraiser = new Appraiser({ workers: 1 })
    await benchReferences(report, appraiser)
    await benchPolicies(report, appraiser)
  }
  await benchAttest(report, serverArgs)
}

/** 10,000 log entries, half of them known, against a million reference values, beside a JavaScript Set of the same texts. */
async function benchReferences(report: Report, appraiser: Appraiser): Promise<void> {
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
    const rounds: { ms: number; set: number }[] = []
    for (let round = 0; round < ROUNDS; round++) {
      const entries = Array.from({ length: ENTRIES }, (_, i) =>
        i % 2 === 0
          ? { fileName: '/usr/bin/unknown', digest: randomBytes(32).toString('hex') }
          : entryOf(values[Math.floor(Math.random() * VALUES)]!),
      )
      const ms = timed(() => entries.forEach(({ digest, fileName }) => lookup(digest, fileName)))
      rounds.push({ ms, set: timed(() => entries.forEach(({ digest }) => known.has(digest))) })
    }
    report.row(`${ENTRIES} lookups in ${VALUES} reference values${matchFileName ? ' with names' : ''}`, {
      ms: median(rounds.map(({ ms }) => ms)),
      'of a Set of the texts': median(rounds.map(({ ms, set }) => ms / set)),
      'MiB of index': index.byteLength / 2 ** 20,
      'ms to build it': built - building,
      'ms to read its baselines': building - reading,
    })
  }
}

/** As a log has it: a text of its own. */
function entryOf({ fileName, sha256 }: { fileName: string; sha256: string }): { fileName: string; digest: string } {
  return { fileName, digest: Buffer.from(sha256).toString() }
}

/** A policy on the IMA sample: inside a worker, and with the way there and back; beside one RSA-3072 signature, which a token costs. */
async function benchPolicies(report: Report, appraiser: Appraiser): Promise<void> {
  const source = { id: 'bench', version: 1, hash: createHash('sha256').update(POLICY).digest('hex'), text: POLICY }
  const [input] = verifierOf('tpm_ima')!.samples()
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 3072 })
  const rounds: { inside: number; trial: number; signature: number }[] = []
  for (let round = 0; round <= ROUNDS; round++) {
    const inside = timed(() => {
      for (let i = 0; i < EVALUATIONS; i++) evaluatePolicy(source, input!, false, new PolicyTime(1_000))
    })
    const started = performance.now()
    for (let i = 0; i < TRIALS; i++) await appraiser.tryPolicy('bench', POLICY, [input!])
    const trial = (performance.now() - started) / TRIALS
    const signatures = timed(() => {
      for (let i = 0; i < TRIALS; i++) sign('sha256', Buffer.alloc(32), privateKey)
    })
    // The first warms up.
    if (round > 0) rounds.push({ inside: inside / EVALUATIONS, trial, signature: signatures / TRIALS })
  }
  report.row('policy: evaluated, compiled once', {
    'a second': 1000 / median(rounds.map(({ inside }) => inside)),
    'of an RSA-3072 signature': median(rounds.map(({ inside, signature }) => inside / signature)),
  })
  report.row('policy: compiled each time, to a worker and back', {
    'a second': 1000 / median(rounds.map(({ trial }) => trial)),
    'of an RSA-3072 signature': median(rounds.map(({ trial, signature }) => trial / signature)),
  })
}

function timed(work: () => void): number {
  const started = performance.now()
  work()
  return performance.now() - started
}
