import { spawn } from 'node:child_process'

/** What a service manager is told; `alive` is the watchdog's sign of life. */
export type ServiceState = 'ready' | 'reloading' | 'stopping' | 'alive'

/** The service manager that started this process. Disposing tells it that the service stops. */
export interface ServiceManager extends AsyncDisposable {
  /** Resolves once it has been told, or `onFailure` has; never rejects. */
  tell(state: ServiceState): Promise<void>
}

/** The assignments of sd_notify(3); systemd-notify has options for all of them only since version 253. */
const ASSIGNMENTS: Readonly<Record<ServiceState, () => string[]>> = {
  ready: () => ['READY=1'],
  reloading: () => ['RELOADING=1', `MONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`],
  stopping: () => ['STOPPING=1'],
  alive: () => ['WATCHDOG=1'],
}

/**
 * systemd, where NOTIFY_SOCKET says that it wants to know; otherwise nobody is told anything. A message is a datagram to a UNIX socket, which
 * Node cannot send, so systemd's own program sends it (the unit needs `NotifyAccess=all`). With WATCHDOG_USEC, systemd hears twice in that
 * time that this process's event loop still turns.
 *
 * @param onFailure told that systemd does not know the state, and why
 */
export function serviceManager(
  env: Readonly<Record<string, string | undefined>>,
  onFailure: (error: Error, state: ServiceState) => void,
): ServiceManager {
  const { NOTIFY_SOCKET, WATCHDOG_USEC, PATH } = env
  if (!NOTIFY_SOCKET) return { tell: async () => undefined, [Symbol.asyncDispose]: async () => undefined }

  const tell = (state: ServiceState): Promise<void> =>
    new Promise((resolve) => {
      const failed = (error: Error): void => {
        onFailure(error, state)
        resolve()
      }
      const child = spawn('systemd-notify', ASSIGNMENTS[state](), { env: { NOTIFY_SOCKET, PATH }, stdio: 'ignore' })
      child.on('error', failed)
      child.on('exit', (code) => (code === 0 ? resolve() : failed(new Error(`exit code ${code}`))))
    })
  const period = Number(WATCHDOG_USEC) / 2000
  const timer = period >= 1 ? setInterval(() => void tell('alive'), period) : undefined
  timer?.unref()
  return {
    tell,
    async [Symbol.asyncDispose]() {
      clearInterval(timer)
      await tell('stopping')
    },
  }
}
