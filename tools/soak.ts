// `npm run soak [-- NAMES…]`: the tests that `npm test` runs on a sample, in full, which takes long: 60 kills of the server and 25 of each command on each
// database, a kill at every step, an installation of 20,000 keys, tens of thousands of mutated requests, quotes and logs.
import { spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { startPostgres } from '@vouchsafe/testkit/postgres'

/** Test files that read VOUCHSAFE_TEST_FULL. */
const SOAKS: Record<string, string> = {
  kills: 'test/operator-kills.test.ts',
  steps: 'test/operator-steps.test.ts',
  scale: 'test/operator-scale.test.ts',
  requests: 'packages/server/test/ehsm/mutated-requests.test.ts',
  'replay-threads': 'packages/server/test/replay/threads.test.ts',
  'thread-load': 'packages/server/test/process/thread-load.test.ts',
  'replay-cuts': 'packages/server/test/replay/cut-off.test.ts',
  differential: 'packages/server/test/storage/differential.test.ts',
  rows: 'packages/server/test/storage/mutations.test.ts',
  'trail-rows': 'packages/server/test/storage/trail-mutations.test.ts',
  quotes: 'packages/dcap/test/mutation.test.ts',
  'boot-logs': 'packages/tpm/test/event-log-mutation.test.ts',
  'ima-logs': 'packages/tpm/test/ima-log.test.ts',
  'rego-recorded': 'packages/rego/test/recorded.test.ts',
  'rego-hostile': 'packages/rego/test/hostile.test.ts',
  'trail-formats': 'packages/audit-log/test/fuzz.test.ts',
}

const wanted = process.argv.slice(2)
const unknown = wanted.find((name) => !Object.hasOwn(SOAKS, name))
if (unknown !== undefined) {
  console.error(`soak: there is no '${unknown}'; there are: ${Object.keys(SOAKS).join(', ')}`)
  process.exit(2)
}
const seed = process.env.VOUCHSAFE_TEST_SEED ?? String(randomInt(2 ** 31))
const env = { ...process.env, VOUCHSAFE_TEST_FULL: '1', VOUCHSAFE_TEST_SEED: seed }
await using postgres = await startPostgres()
for (const name of wanted.length > 0 ? wanted : Object.keys(SOAKS)) {
  const args = ['--disable-warning=ExperimentalWarning', '--test', '--test-reporter=spec', SOAKS[name]!]
  const child = spawn(process.execPath, args, { stdio: 'inherit', env: { ...env, VOUCHSAFE_TEST_DATABASE_URL: postgres.url } })
  const [code] = (await once(child, 'exit')) as [number | null]
  if (code === 0) continue
  process.exitCode = 1
  console.error(`soak: ${name} failed; to try the same random choices again, set VOUCHSAFE_TEST_SEED=${seed}`)
}
