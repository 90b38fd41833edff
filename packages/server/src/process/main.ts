import { isLoopback, serviceManager, type ServiceManager } from '@vouchsafe/service'
import { ConfigError, configHelp, quoteProviderOf, readConfig, type Config } from '../config/index.ts'
import { firstToken } from './first-token.ts'
import { ListenError } from '../serving/index.ts'
import { systemRuntime, type Log } from '../foundation/index.ts'
import { createLog } from './log.ts'
import { RollbackError } from './admission.ts'
import { SealError, type AskPassphrase } from '../root-key/index.ts'
import { startServer, type Server } from './server.ts'
import { StorageError } from '../storage/index.ts'
import { MarkError } from '../trail/index.ts'

/** `vouchsafe server`: runs until it is told to stop; resolves to the exit code: 0, 1 if it cannot start, 2 for invalid options. */
export async function runServer(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  askPassphrase?: AskPassphrase,
): Promise<number> {
  if (argv.includes('--help')) {
    console.log(configHelp())
    return 0
  }
  let stopping = false
  try {
    const config = readConfig(argv, env)
    const log = createLog(config.logLevel)
    const stop = stopSignal()
    // Caught from the start to the end: the signal would otherwise end the process.
    let onReload = (): void => {}
    process.on('SIGHUP', () => onReload())
    await using server = await startServer({ config, runtime: systemRuntime, log, askPassphrase })
    // Declared after the server, so that it is told of the stop before the server begins to drain.
    await using manager = serviceManager(env, (err, state) => {
      log.warn({ err, state }, 'systemd-notify failed: systemd does not know the state of this server')
    })
    onReload = () => void reload(server, argv, env, log, manager)
    announce(config, log)
    const store = config.databaseUrl === undefined ? `SQLite in ${config.dataDir}` : 'PostgreSQL'
    console.log(`vouchsafe ${server.version} listening on ${server.url} (${store})`)
    if (server.adminUrl !== undefined) console.log(`metrics and API document on ${server.adminUrl}`)
    if (server.keyManagerUrl !== undefined) console.log(`signing keys for listed clients on ${server.keyManagerUrl}`)
    if (config.enroll === 'token' && isLoopback(config.listen.host)) {
      await firstToken(server.context.enrollTokens, server.url).then(console.log, (err: unknown) => {
        log.warn({ err }, "no enrolment token was made at start: use 'vouchsafe enroll-tokens create'")
      })
    }
    await manager.tell('ready')
    log.info({ reason: await stop }, 'draining')
    onReload = () => {}
    stopping = true
    return 0
  } catch (error) {
    if (stopping) {
      console.error('vouchsafe: did not stop cleanly:', error)
      return 1
    }
    if ([ConfigError, ListenError, MarkError, RollbackError, SealError, StorageError].some((foreseen) => error instanceof foreseen)) {
      const { message, cause } = error as Error
      console.error(`vouchsafe: ${message}${cause instanceof Error ? ` (${cause.message})` : ''}`)
    } else {
      console.error('vouchsafe: cannot start:', error)
    }
    return error instanceof ConfigError ? 2 : 1
  }
}

/** Reads the configuration again and applies what may change while the server runs. */
async function reload(
  server: Server,
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  log: Log,
  manager: ServiceManager,
): Promise<void> {
  await manager.tell('reloading')
  try {
    await server.reload(readConfig(argv, env))
    log.info('reloaded: the log level, the TLS files and the list of key manager clients')
  } catch (error) {
    log.error({ err: error }, 'cannot reload: the server continues as before')
  }
  await manager.tell('ready')
}

/** Resolves at the first signal to stop, or when the launcher is gone; a second signal ends the process at once. */
function stopSignal(): Promise<string> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.once(signal, () => {
        process.once(signal, () => process.exit(1))
        resolve(signal)
      })
    }
    process.once('disconnect', () => resolve('the launcher is gone'))
    process.channel?.unref()
  })
}

/** Warns about unsafe or easily overlooked choices. */
function announce(config: Config, log: Log): void {
  const isBehindProxy = config.publicUrl !== undefined && !isLoopback(new URL(config.publicUrl).hostname)
  if (config.enroll === 'open' && isBehindProxy) {
    log.warn(
      'enrolment is open and public-url is not on loopback: a proxy that hides itself would let anyone enrol apps; see --enroll token',
    )
  }
  if (isLoopback(config.listen.host)) {
    log.warn('attestation authority: on loopback a User-Id alone is accepted, so anyone on this machine can act as any of its users')
    if (isBehindProxy) {
      log.warn('attestation authority: a proxy must add a forwarding header or pass on the Host, or anyone can act as any of its users')
    }
  }
  if (config.ignoredNonces) log.warn('ignored-nonces: captured evidence can be used again by anyone who holds it')
  if (config.keyManagerListen !== undefined) {
    const clients = config.keyManagerClients
    log.warn({ clients }, 'key-manager-listen: the listed clients can read the PRIVATE keys that sign nonces, rows and tokens')
  }
  if (config.enroll === 'open') log.warn('enrolment is open: anyone on this machine can enrol apps (loopback listeners only)')
  if (config.insecureHttp)
    log.warn('insecure-http: requests and responses, including plaintexts, travel unencrypted unless a proxy terminates TLS')
  if (config.tlsSelfSigned) log.warn('tls-self-signed: clients can trust this server only if they are given its certificate')
  if (config.webhookNetworks === 'loopback') log.warn('webhook-networks: apps can make this server call services on its own machine')
  if (quoteProviderOf(config) === 'simulated')
    log.warn('quote-provider: quotes are simulated and prove nothing about hardware; their root is trusted here')
  if (quoteProviderOf(config) === 'simulated' && config.quoteTrustBoth)
    log.warn('quote-trust-both: simulated quotes are accepted in addition to real ones')
  if (config.upperCaseSignatures) log.info('signatures in upper case are accepted, as the samples of the API document send them')
}
