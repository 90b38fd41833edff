// Plain JavaScript, so that any Node >= 20 can start it: finds Node 26, which runs the TypeScript directly.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { constants } from 'node:os'
import { dirname, join } from 'node:path'

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
 * Runs `args` under Node 26, with `env` in its environment unless it is set already, and exits as it exits; `name` is who speaks when that fails. Signals
 * are passed on. The child holds an IPC channel to this process: when this launcher is killed, the channel closes, and a server takes that as SIGTERM
 * instead of living on unseen.
 */
export function launch(args, { env: defaults = {}, name = 'vouchsafe' } = {}) {
  const node = findNode()
  if (node === undefined) {
    console.error(
      `${name}: needs Node ${WANTED_MAJOR} or newer; this is ${process.version}, and the package ` +
        `node-${process.platform}-${process.arch} is not installed. Install Node ${WANTED_MAJOR}, or run 'npm ci' without --omit=optional.`,
    )
    process.exit(1)
  }
  const child = spawn(node, args, { stdio: ['inherit', 'inherit', 'inherit', 'ipc'], env: { ...defaults, ...process.env } })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR2']) process.on(signal, () => child.kill(signal))
  child.on('error', (error) => {
    console.error(`${name}: cannot start ${node}: ${error.message}`)
    process.exit(1)
  })
  child.on('exit', (code, signal) => process.exit(signal ? 128 + constants.signals[signal] : (code ?? 1)))
}
