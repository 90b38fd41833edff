// `npm test [-- files…]`: the checks (unless files are given), then the tests, with the services that they need: a temporary PostgreSQL
// cluster, openssl, curl, python3, swtpm and tpm2-tools. What is missing is installed when that is possible, and named when it is not; never skipped.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { globSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { chmod, mkdtempDisposable } from 'node:fs/promises'
import { constants as os, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { postgresPrograms, startPostgres } from '@vouchsafe/testkit/postgres'
import { isInPath, requireServices, type Service } from './services.ts'
import { writeGroups } from './test-groups.ts'

/** Those of the first start the most processes, and so come first. */
const PATTERNS = ['test/*.test.ts', 'packages/*/test/**/*.test.ts']
/** More than the cores of a small machine, since many tests wait. */
const CONCURRENCY = 3
/** Most of it for PostgreSQL. */
const ROOM_BYTES = 4 * 1024 ** 3

/** What tests call, and the Debian package that it comes with. */
const SERVICES: readonly Service[] = [
  ["PostgreSQL's server programs", 'postgresql', () => postgresPrograms() !== undefined],
  ['openssl', 'openssl', () => isInPath('openssl')],
  ['curl', 'curl', () => isInPath('curl')],
  ['python3', 'python3', () => isInPath('python3')],
  ['systemd-notify', 'systemd', () => isInPath('systemd-notify')],
  ['swtpm', 'swtpm', () => isInPath('swtpm')],
  ["swtpm's tools", 'swtpm-tools', () => isInPath('swtpm_setup')],
  ['tpm2-tools', 'tpm2-tools', () => isInPath('tpm2_quote')],
]

/**
 * A folder in memory, where there is one with room from which programs can be run. Tests make and remove hundreds of thousands of small files,
 * and a disk's file system is slow to give the numbers of removed files again.
 */
function inMemory(): string | undefined {
  const folder = '/dev/shm'
  const probe = join(folder, `vouchsafe-probe-${process.pid}`)
  try {
    const { bavail, bsize } = statfsSync(folder)
    if (bavail * bsize < ROOM_BYTES) return undefined
    writeFileSync(probe, '#!/bin/sh\n', { mode: 0o700 })
    return spawnSync(probe).status === 0 ? folder : undefined
  } catch {
    return undefined
  } finally {
    rmSync(probe, { force: true })
  }
}

async function main(files: string[]): Promise<number> {
  let running: ChildProcess | undefined
  let stopped: NodeJS.Signals | undefined
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      stopped ??= signal
      running?.kill(signal)
    })
  }

  /** Runs Node with these arguments and gives its exit code. */
  async function runNode(args: string[], env: NodeJS.ProcessEnv = process.env): Promise<number> {
    if (stopped !== undefined) return 1
    running = spawn(process.execPath, args, { stdio: 'inherit', env })
    const [code] = (await once(running, 'exit')) as [number | null]
    return code ?? 1
  }

  const status = await (async () => {
    if (files.length === 0) {
      const checked = await runNode(['tools/check.ts'])
      if (checked !== 0) return checked
    }
    requireServices(SERVICES, 'test')
    await using temporary = await mkdtempDisposable(join(inMemory() ?? tmpdir(), 'vouchsafe-tests-'))
    // PostgreSQL runs as a user of its own.
    await chmod(temporary.path, 0o711)
    process.env.TMPDIR = temporary.path
    await using postgres = await startPostgres()
    // Modules compiled once for the hundreds of processes that tests start: half of the time would go into it.
    await using compiled = await mkdtempDisposable(join(tmpdir(), 'vouchsafe-compiled-'))
    const args = ['--disable-warning=ExperimentalWarning', '--test']
    const reporters = { spec: 'stdout', [fileURLToPath(new URL('./slow-tests.ts', import.meta.url))]: 'stderr' }
    for (const [reporter, destination] of Object.entries(reporters))
      args.push(`--test-reporter=${reporter}`, `--test-reporter-destination=${destination}`)
    const limits = [`--test-concurrency=${CONCURRENCY}`, `--import=${new URL('./test-process.ts', import.meta.url).href}`]
    const all = PATTERNS.flatMap((pattern) => globSync(pattern).sort())
    const targets = files.length === 0 ? await writeGroups(all, join(temporary.path, 'groups')) : files
    const seed = process.env.VOUCHSAFE_TEST_SEED ?? String(randomInt(2 ** 31))
    const tested = await runNode([...args, ...limits, ...targets], {
      ...process.env,
      VOUCHSAFE_TEST_DATABASE_URL: postgres.url,
      VOUCHSAFE_TEST_SEED: seed,
      NODE_COMPILE_CACHE: compiled.path,
    })
    if (tested !== 0) console.error(`test: to try the same random choices again, set VOUCHSAFE_TEST_SEED=${seed}`)
    return tested
  })()
  return stopped === undefined ? status : 128 + os.signals[stopped]
}

process.exitCode = await main(process.argv.slice(2))
