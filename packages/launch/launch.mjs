// Plain JavaScript, so that any Node >= 20 can start it: finds Node 26, which runs the TypeScript directly.
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { constants } from 'node:os'
import { dirname, join } from 'node:path'
import { watchParents } from './parents.mjs'
import { hasNoTerminal, isOnTerminal, isTerminalForeground } from './terminal.mjs'

const WANTED_MAJOR = 26

/** The path of a Node >= 26: the running one, the packaged one, or undefined. */
export function findNode() {
  if (Number(process.versions.node.split('.')[0]) >= WANTED_MAJOR) return process.execPath
  const require = createRequire(import.meta.url)
  try {
    const manifest = require.resolve(`node-${process.platform}-${process.arch}/package.json`)
    const node = join(dirname(manifest), 'bin', 'node')
    if (existsSync(node)) return node
  } catch {
    // Not installed for this platform.
  }
  return undefined
}

/**
 * Runs `args` under Node 26, with `env` in its environment unless it is set already, and exits as it exits. `name` is the command that speaks when
 * that fails. Signals are passed on, and what was started never outlives what started it, whatever signal ended that:
 * - The child holds an IPC channel to this process. When this launcher is killed, the channel closes, and a server takes that as SIGTERM.
 * - When npm or its shell is gone, the child gets SIGTERM (see parents.mjs).
 * - SIGHUP asks a server to reload, but a closed terminal sends it too: the child then gets SIGTERM.
 */
export function launch(args, { env: defaults = {}, name = 'vouchsafe' } = {}) {
  const node = findNode()
  if (node === undefined) {
    return fail(
      `${name}: needs Node ${WANTED_MAJOR} or newer; this is ${process.version}, and the package ` +
        `node-${process.platform}-${process.arch} is not installed. Install Node ${WANTED_MAJOR}, or run 'npm ci' without --omit=optional.`,
    )
  }
  const library = node === process.execPath ? undefined : missingLibrary(node)
  if (library !== undefined) {
    return fail(`${name}: the packaged Node ${WANTED_MAJOR} needs ${library.name}, which this system lacks. ${library.remedy}`)
  }
  const wasOnTerminal = isOnTerminal()
  const child = spawn(node, args, { stdio: ['inherit', 'inherit', 'inherit', 'ipc'], env: { ...defaults, ...process.env } })

  let toldToStop = false
  function stop(signal) {
    toldToStop = true
    child.kill(signal)
  }
  // A server ends at once at the second signal: none may come from here that nobody sent.
  function stopOnce() {
    if (!toldToStop) stop('SIGTERM')
  }
  process.on('SIGTERM', stop)
  process.on('SIGUSR2', () => child.kill('SIGUSR2'))
  process.on('SIGHUP', () => (wasOnTerminal && hasNoTerminal() ? stopOnce() : child.kill('SIGHUP')))
  for (const signal of ['SIGINT', 'SIGQUIT']) {
    process.on(signal, () => {
      // A terminal's keys reach the child as well.
      if (isTerminalForeground()) toldToStop = true
      else stop(signal)
    })
  }
  watchParents(stopOnce)
  child.on('error', (error) => fail(`${name}: cannot start ${node}: ${error.message}`))
  child.on('exit', (code, signal) => process.exit(signal ? 128 + constants.signals[signal] : (code ?? 1)))
}

function fail(message) {
  console.error(message)
  process.exit(1)
}

/** Shared libraries that the packaged Node needs and a minimal system may lack, with the package that has them. */
const LIBRARIES = {
  'libatomic.so.1': { debian: 'libatomic1', fedora: 'libatomic' },
  'libstdc++.so.6': { debian: 'libstdc++6', fedora: 'libstdc++' },
}

/**
 * The library for want of which `node` cannot start, and what to do about it. Where the loader's cache lists all that may be missing, nothing is
 * tried out, since that would cost every command a start of Node.
 */
function missingLibrary(node) {
  const cache = read('/etc/ld.so.cache')
  if (Object.keys(LIBRARIES).every((library) => cache.includes(library))) return undefined
  const { stderr, status } = spawnSync(node, ['--version'], { encoding: 'utf8' })
  const name = status === 127 ? /shared libraries: (\S+): cannot open/.exec(stderr)?.[1] : undefined
  if (name === undefined) return undefined
  const { debian, fedora } = LIBRARIES[name] ?? {}
  const remedy = debian
    ? `Install it: apt-get install ${debian} (Debian, Ubuntu) or dnf install ${fedora} (Fedora, RHEL).`
    : 'Install the package that has it.'
  return { name, remedy }
}

function read(file) {
  try {
    return readFileSync(file, 'latin1')
  } catch {
    return ''
  }
}
