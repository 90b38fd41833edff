// `npm run test:clients [-- NAMES…]`: clients that others wrote against our server. Each is installed from its own registry into a folder that is
// removed afterwards. One that cannot be had here is named, with the reason, and left out; npm test needs none of them.
import { spawnSync } from 'node:child_process'
import { mkdtempDisposable } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

interface ForeignClient {
  /** In test/clients. */
  file: string
  /** Commands that install it into `folder`, in order; the first that fails is why it is left out. */
  install: (folder: string) => string[][]
  /** Environment in which it is installed, and in which its tests find it. */
  env: (folder: string) => Record<string, string>
}

const CLIENTS: Record<string, ForeignClient> = {
  pyjwt: {
    file: 'pyjwt.test.ts',
    install: (folder) => [
      ['python3', '-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--target', folder, 'PyJWT[crypto]'],
    ],
    env: (folder) => ({ PYTHONPATH: folder }),
  },
  go: {
    file: 'go.test.ts',
    install: () => [['go', 'version']],
    env: (folder) => ({ GOCACHE: folder, GOTOOLCHAIN: 'local' }),
  },
  'go-tlog': {
    file: 'go-tlog.test.ts',
    install: () => [['go', '-C', 'test/clients/go-tlog', 'mod', 'download']],
    // Without the flag the modules would be read-only, and the folder could not be removed.
    env: (folder) => ({
      GOCACHE: join(folder, 'cache'),
      GOMODCACHE: join(folder, 'modules'),
      GOFLAGS: '-modcacherw',
      GOTOOLCHAIN: 'local',
    }),
  },
  litewitness: {
    file: 'litewitness.test.ts',
    install: () => [
      ['sh', '-c', 'command -v ssh-agent > /dev/null || { echo "there is no ssh-agent" >&2; exit 1; }'],
      ['go', 'install', 'filippo.io/torchwood/cmd/litewitness@v0.6.1'],
    ],
    env: (folder) => ({
      GOBIN: join(folder, 'bin'),
      GOCACHE: join(folder, 'cache'),
      GOMODCACHE: join(folder, 'modules'),
      GOFLAGS: '-modcacherw',
      GOTOOLCHAIN: 'local',
    }),
  },
}

const wanted = process.argv.slice(2)
const unknown = wanted.find((name) => !Object.hasOwn(CLIENTS, name))
if (unknown !== undefined) {
  console.error(`test:clients: there is no '${unknown}'; there are: ${Object.keys(CLIENTS).join(', ')}`)
  process.exit(2)
}

/** Why the client cannot be installed, if so. */
function installed({ install, env }: ForeignClient, folder: string): string | undefined {
  for (const [program, ...args] of install(folder)) {
    const { status, error, stderr } = spawnSync(program!, args, { encoding: 'utf8', env: { ...process.env, ...env(folder) } })
    if (status !== 0) return error?.message ?? stderr.trim().split('\n').at(-1) ?? `${program} failed`
  }
  return undefined
}

const summary: string[] = []
for (const name of wanted.length > 0 ? wanted : Object.keys(CLIENTS)) {
  const client = CLIENTS[name]!
  await using folder = await mkdtempDisposable(join(tmpdir(), 'vouchsafe-client-'))
  const missing = installed(client, folder.path)
  if (missing !== undefined) {
    summary.push(`${name}: SKIPPED, not available here: ${missing}`)
    continue
  }
  const args = ['--disable-warning=ExperimentalWarning', '--test', '--test-reporter=spec', join('test/clients', client.file)]
  const { status } = spawnSync(process.execPath, args, { stdio: 'inherit', env: { ...process.env, ...client.env(folder.path) } })
  if (status !== 0) process.exitCode = 1
  summary.push(`${name}: ${status === 0 ? 'passed' : 'FAILED'}`)
}
for (const line of summary) console.log(line)
