import { spawn } from 'node:child_process'
import type { Log } from '../foundation/index.ts'

/** What a service manager is told. */
export type ServiceState = 'ready' | 'reloading' | 'stopping'

/** The assignments of sd_notify(3); systemd-notify has options for all of them only since version 253. */
const ASSIGNMENTS: Readonly<Record<ServiceState, () => string[]>> = {
  ready: () => ['READY=1'],
  reloading: () => ['RELOADING=1', `MONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`],
  stopping: () => ['STOPPING=1'],
}

/**
 * Tells systemd how the server is (sd_notify(3)), where it asks for that by NOTIFY_SOCKET. Its message is a datagram to a UNIX socket, which
 * Node can't send, so systemd's own program does.
 */
export function tellServiceManager(state: ServiceState, env: Readonly<Record<string, string | undefined>>, log: Log): Promise<void> {
  const { NOTIFY_SOCKET, PATH } = env
  if (!NOTIFY_SOCKET) return Promise.resolve()
  return new Promise((resolve) => {
    const failed = (reason: unknown): void => {
      log.warn({ err: reason, state }, 'systemd-notify failed: systemd does not know how this server is')
      resolve()
    }
    const child = spawn('systemd-notify', ASSIGNMENTS[state](), { env: { NOTIFY_SOCKET, PATH }, stdio: 'ignore' })
    child.on('error', failed)
    child.on('exit', (code) => (code === 0 ? resolve() : failed(new Error(`exit code ${code}`))))
  })
}
