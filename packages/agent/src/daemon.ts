// The agent as a service: REST API, scheduled attestation, renewal of the certificate, and word to the service manager.
import { serviceManager } from '@vouchsafe/service'
import { createAgent } from './agent.ts'
import type { Config } from './config.ts'
import { startApi } from './http/server.ts'
import type { Log } from './log.ts'
import type { Runtime } from './runtime.ts'
import { distinctKeys, provision } from './provision/provision.ts'
import { certifyAtServer } from './provision/server-certifier.ts'
import { startRenewal } from './renewal.ts'
import { startScheduler } from './scheduler.ts'
import type { LastResult, Scheduler } from './scheduler.ts'
import { claimsOf } from './tokens.ts'

/** What is under way may end by then; systemd kills after 45 seconds. */
const GRACE_MS = 25_000

export interface DaemonOptions {
  config: Config
  log: Log
  runtime: Runtime
  env: Readonly<Record<string, string | undefined>>
  /** Told of each scheduled attestation, once its tries are over. */
  onResult?: (result: LastResult) => void
  /** Milliseconds for what is under way at the end; 25,000 unless given. */
  graceMs?: number
}

export interface Daemon extends AsyncDisposable {
  /** Where the REST API is, if it is at an address. */
  readonly url: string | undefined
}

/** Starts everything; it doesn't need the server to be there. Disposing waits for what is under way, though not for ever. Throws when it can't listen. */
export async function startDaemon({ config, log, runtime, env, onResult, graceMs = GRACE_MS }: DaemonOptions): Promise<Daemon> {
  await using parts = new AsyncDisposableStack()
  const { server, collector, tokens } = await createAgent(config, log, runtime)
  let scheduler: Scheduler | undefined
  const services = { collector, tokens, last: () => scheduler?.last }
  const api = parts.use(await startApi({ services, log, listen: config.listen, socketPath: config.listenSocket }))

  if (config.renewCertificate) {
    const renew = async (settings: Parameters<typeof provision>[0]['settings']) => {
      const certify = certifyAtServer(server)
      await provision({
        settings,
        certify,
        nodeId: config.nodeId,
        ekCertificatePath: config.ekCertificatePath,
        replace: false,
        now: runtime.now(),
      })
    }
    const reach = () => server.challenge(config.attesters.map(({ attester }) => attester.type))
    const keys = distinctKeys(config.attesters.map(({ settings }) => settings))
    const exclusive = <T>(work: () => Promise<T>) => collector.exclusive(work)
    parts.use(startRenewal({ keys, nodeId: config.nodeId, reach, renew, exclusive, log, runtime }))
  }
  if (config.schedule !== undefined && config.attesters.length > 0) {
    const attest = async () =>
      String(claimsOf(await tokens.get({ attesters: [], challenge: true, attesterData: undefined }))['status'] ?? 'unknown')
    scheduler = startScheduler({ schedule: config.schedule, attest, log, ...runtime, ...(onResult && { onResult }) })
    parts.use(scheduler)
  }
  const manager = parts.use(
    serviceManager(env, ({ message }) => {
      log.warn('systemd-notify failed: systemd does not know the state of this service', { error: message })
    }),
  )
  await manager.tell('ready')
  log.info('started', {
    url: api.url ?? '',
    socket: config.listenSocket ?? '',
    attesters: config.attesters.map(({ attester }) => attester.type).join(' '),
  })
  const running = parts.move()
  return {
    url: api.url,
    async [Symbol.asyncDispose]() {
      const late = Promise.withResolvers<void>()
      const timer = setTimeout(() => {
        log.warn('stopping without waiting any longer for work in progress')
        late.resolve()
      }, graceMs)
      await Promise.race([running.disposeAsync(), late.promise])
      clearTimeout(timer)
    },
  }
}
