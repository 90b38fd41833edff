// `npm run soak [-- kills|steps|scale]`: the operator's tests in full size, which takes long: 25 kills for each database and command, a kill
// at every step, and an installation of 20,000 keys.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { startPostgres } from '@vouchsafe/testkit/postgres'

const SOAKS: Record<string, { file: string; env: Record<string, string> }> = {
  kills: { file: 'test/operator-kills.test.ts', env: { VOUCHSAFE_TEST_KILLS: '25' } },
  steps: { file: 'test/operator-steps.test.ts', env: { VOUCHSAFE_TEST_STEPS: 'all' } },
  scale: { file: 'test/operator-scale.test.ts', env: { VOUCHSAFE_TEST_KEYS: '20000' } },
}

const wanted = process.argv.slice(2)
const unknown = wanted.find((name) => !Object.hasOwn(SOAKS, name))
if (unknown !== undefined) {
  console.error(`soak: there is no '${unknown}'; there are: ${Object.keys(SOAKS).join(', ')}`)
  process.exit(2)
}
await using postgres = await startPostgres()
for (const name of wanted.length > 0 ? wanted : Object.keys(SOAKS)) {
  const { file, env } = SOAKS[name]!
  const args = ['--disable-warning=ExperimentalWarning', '--test', '--test-reporter=spec', file]
  const child = spawn(process.execPath, args, {
    stdio: 'inherit',
    env: { ...process.env, ...env, VOUCHSAFE_TEST_DATABASE_URL: postgres.url },
  })
  const [code] = (await once(child, 'exit')) as [number | null]
  if (code !== 0) process.exitCode = 1
}
