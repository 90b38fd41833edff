import { spawn } from 'node:child_process'
import type { Log } from './log.ts'

/** systemd's protocol for services (sd_notify(3)). */
export interface ServiceManager extends AsyncDisposable {
  tell(state: 'READY=1' | 'STOPPING=1'): Promise<void>
}

/**
 * The service manager that has started this process, where there is one: `NOTIFY_SOCKET` says so. Its messages are datagrams to a UNIX socket, which Node can't
 * send, so systemd's own program sends them (and the unit must have `NotifyAccess=all`). With `WATCHDOG_USEC` it is told, twice in that time, that this process
 * still turns.
 */
export function serviceManager(env: Readonly<Record<string, string | undefined>>, log: Log): ServiceManager {
  const { NOTIFY_SOCKET, WATCHDOG_USEC, PATH } = env
  if (!NOTIFY_SOCKET) return { tell: async () => undefined, [Symbol.asyncDispose]: async () => undefined }

  const send = (message: string): Promise<void> =>
    new Promise((resolve) => {
      const failed = (problem: string): void => {
        log.warn('systemd-notify failed: systemd does not know the state of this service', { error: problem })
        resolve()
      }
      const child = spawn('systemd-notify', [message], { env: { NOTIFY_SOCKET, PATH }, stdio: 'ignore' })
      child.on('error', (error) => failed(error.message))
      child.on('exit', (code) => (code === 0 ? resolve() : failed(`exit code ${code}`)))
    })
  const period = Number(WATCHDOG_USEC) / 2000
  const timer = period >= 1 ? setInterval(() => void send('WATCHDOG=1'), period) : undefined
  timer?.unref()
  return {
    tell: send,
    async [Symbol.asyncDispose]() {
      clearInterval(timer)
      await send('STOPPING=1')
    },
  }
}
