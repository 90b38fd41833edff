/** The edges of one serving thread, and the handler that takes each request to its own. */
import { isEhsmTarget, Authenticator, createEhsmEdge, upperCaseLog, type EhsmServices } from '../ehsm/index.ts'
import { RateLimiter, awaitChanges } from '../edge/index.ts'
import { createGtaEdge } from '../gta/index.ts'
import type { Config } from '../config/index.ts'
import type { Log, Runtime } from '../foundation/index.ts'
import type { Quotes } from '../quotes/index.ts'
import type { ReplayGate } from '../replay/index.ts'
import type { ChangeFeed } from '../storage/index.ts'
import type { CallNotes } from '../trail/index.ts'
import { createApp, type AppOptions } from './app.ts'
import type { Domains } from './domains.ts'
import type { ListenerOptions } from './listener.ts'

/** What the process has once for all its threads. */
export interface SharedServices {
  trail: CallNotes
  /** The changes of other threads; undefined where there are none. */
  changes?: Pick<ChangeFeed, 'upToDate' | 'catchUp'>
  replay: Pick<ReplayGate, 'accept'>
  quotes: Quotes
  runtime: Runtime
  log: Log
  version: EhsmServices['version']
  metrics: AppOptions['metrics']
  unready: AppOptions['unready']
  findings: AppOptions['findings']
  checkpoint: AppOptions['checkpoint']
  observe: {
    request(action: string, code: number, seconds: number): void
    authorityRequest(operation: string, status: number, seconds: number): void
    upperCase(): void
  }
}

export interface Edges extends AsyncDisposable {
  handle: ListenerOptions['handle']
}

export async function createEdges(domains: Domains, shared: SharedServices, config: Config): Promise<Edges> {
  const { apps, users, signingKeys, attestation } = domains
  const { trail, replay, changes, quotes, runtime, log, version, metrics, unready, findings, checkpoint, observe } = shared
  const enter = changes === undefined ? [] : [awaitChanges(changes)]
  const publicHost = config.publicUrl === undefined ? undefined : new URL(config.publicUrl).hostname
  const logUpperCase = upperCaseLog(log, runtime)
  const onUpperCase = (appId: string): void => {
    observe.upperCase()
    logUpperCase(appId)
  }
  const ehsm = createEhsmEdge({
    services: { ...domains, quotes, runtime, version, enroll: { limit: config.enrollLimit, acceptUpperCase: true } },
    authenticator: new Authenticator({ apps, runtime, acceptUpperCase: config.upperCaseSignatures, onUpperCase }),
    replay,
    trail,
    enter,
    enroll: { mode: config.enroll, publicHost },
    runtime,
    log,
    observe: observe.request,
  })
  // Tokens are for apps: where they are required, operators create the users.
  const enroll = { mode: config.enroll === 'open' ? ('open' as const) : ('closed' as const), limit: config.enrollLimit }
  const rates = { management: config.managementRate, attestation: config.attestationRate, registration: config.registrationRate }
  const gta = createGtaEdge({
    services: { ...attestation, users, signingKeys, runtime, enroll },
    limiter: new RateLimiter(rates, runtime),
    trail,
    enter,
    log,
    evidenceLimitBytes: config.evidenceLimitMib * 1024 * 1024,
    observe: observe.authorityRequest,
  })
  const app = await createApp({ metrics, version: version.version, unready, findings, checkpoint, edge: gta })
  return {
    // The hottest edge bypasses the router.
    handle(req, res) {
      if (isEhsmTarget(req.url!) && req.listener.surfaces.has('api')) ehsm(req, res)
      else app.routing(req, res)
    },
    [Symbol.asyncDispose]: () => app.close(),
  }
}
