/** A serving thread: its own listener on the shared port, with caches, edges and connections of its own; the rest is the process's. */
import { parentPort, workerData } from 'node:worker_threads'
import { createKeyCrypto } from '@vouchsafe/crypto'
import type { Config } from '../config/index.ts'
import { followDomainKeys, openThreadEnvelope } from '../envelope/index.ts'
import { SharedAmounts, ThreadCalls, systemRuntime } from '../foundation/index.ts'
import { ReplayGate } from '../replay/index.ts'
import { ThreadState, createEdges, openDomains, openListeners, type Listeners } from '../serving/index.ts'
import { ChangeFeed, openLinkedStorage } from '../storage/index.ts'
import { CallNotes, ThreadCallLog } from '../trail/index.ts'
import { AlteredRows } from './altered-rows.ts'
import { CountFlushing } from './count-flushing.ts'
import { createLog } from './log.ts'
import { Metrics } from './metrics.ts'
import { openQuotes } from './open-quotes.ts'
import type { ProcessCalls, ServingThreadCalls, ThreadData } from './serving-threads.ts'
import { threadMetricSources } from './thread-metrics.ts'
import { readVersion } from './version.ts'

if (parentPort === null) throw new Error('a serving thread is started by its server')
const port = parentPort
const data = workerData as ThreadData
const log = createLog(data.config.logLevel)
const metrics = new Metrics()
const served: { listeners?: Listeners; flush?: () => void } = {}
const stack = new AsyncDisposableStack()

const offered: ServingThreadCalls = {
  metrics: () => metrics.registry.getMetricsAsJSON(),
  async reload(config: Config) {
    log.level = config.logLevel
    await served.listeners?.reload(config)
  },
  flush: () => served.flush?.(),
  stop: () => stack.disposeAsync(),
}
const server = new ThreadCalls<ProcessCalls>(port, offered)
port.on('message', (message) => server.receive(message))

await serve(data)
server.tell('ready')

async function serve({ number, config, url, issuer, link, state: stateMemory, memory, root, rootKeyPlace }: ThreadData): Promise<void> {
  const runtime = systemRuntime
  const state = new ThreadState(stateMemory)
  const onAltered = new AlteredRows(log, metrics.countAlteredRow).note
  const storage = stack.use(openLinkedStorage(link, { observe: metrics.observeStorage, onAltered }))
  const rootKeys = { load: (id: string | null) => server.call('rootKey', id!), describe: () => rootKeyPlace }
  const envelope = await openThreadEnvelope(storage, rootKeys, root, runtime)
  const feed = new ChangeFeed(storage, runtime, log)
  stack.use(followDomainKeys(envelope, feed, log))
  stack.use(feed)
  const { threads } = config
  const underWay = new SharedAmounts({ memory: memory.underWay, threadNumber: number })
  const crypto = stack.use(createKeyCrypto({ workers: shareOf(config.cryptoWorkers, threads) }))
  const shared = { ...config, appraisalWorkers: shareOf(config.appraisalWorkers, threads) }
  const domains = stack.use(openDomains({ storage, envelope, crypto, feed, runtime, log, underWay }, shared))
  await feed.start()
  // What changed between the first look and the feed's start.
  await envelope.refresh()
  envelope.reportRevision((revision) => state.setDomainRevision(number, revision))
  if (issuer !== undefined) domains.issuer.url = issuer
  stack.use(new CountFlushing(domains.keyCache, log))
  stack.defer(() => domains.secrets.rotation.stop())
  const services = { ...domains, storage, envelope, crypto, underWay, runtime, log }
  const quotes = stack.use(await openQuotes(services, config, () => served.listeners?.tlsKeyHash()))
  const handOver = (texts: string[]): void => server.tell('calls', texts)
  const calls = stack.use(new ThreadCallLog({ handOver, hasRoom: () => !state.trailFull, room: () => server.call('room') }))
  served.flush = () => calls.handOver()
  const notes = stack.use(new CallNotes(calls, runtime))
  metrics.connectThread(threadMetricSources(services))
  const version = readVersion()
  const edges = stack.use(
    await createEdges(
      domains,
      {
        ...{ trail: notes, changes: feed, quotes, runtime, log },
        shared: { memory, threadNumber: number },
        replay: new ReplayGate({
          memory: memory.replay,
          threadNumber: number,
          runtime,
          defer: (appId, stamp, mac) => server.call('accept', appId, stamp, new Uint8Array(mac)),
        }),
        version: { ...version, quoteProvider: quotes.providerName },
        metrics: { contentType: metrics.registry.contentType, metrics: () => server.call('metrics') },
        unready: () => server.call('unready'),
        findings: () => server.call('findings'),
        checkpoint: () => server.call('checkpoint'),
        observe: { request: metrics.observeRequest, authorityRequest: metrics.observeAuthorityRequest, upperCase: metrics.countUpperCase },
      },
      config,
    ),
  )
  const listen = { ...config.listen, port: Number(new URL(url).port) }
  served.listeners = stack.use(await openListeners({ ...config, listen }, { edges: edges.handle }, runtime, 'thread'))
}

function shareOf(workers: number, threads: number): number {
  return Math.max(1, Math.floor(workers / threads))
}
