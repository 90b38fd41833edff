/** What a process has once, and the domains on it: everything that outlives a request, created in order and disposed of in reverse. */
import { parseCheckpoint, parseNote } from '@vouchsafe/audit-log'
import { join } from 'node:path'
import { createKeyCrypto, runSelfTests, type KeyCrypto } from '@vouchsafe/crypto'
import { Backups } from '../backup/index.ts'
import { quoteProviderOf, readKeep, witnessesOf, type Config } from '../config/index.ts'
import { keySpecWord } from '../ehsm/index.ts'
import { EnvelopeKeys, followDomainKeys, openEnvelope, type Envelope } from '../envelope/index.ts'
import type { Log, Runtime } from '../foundation/index.ts'
import { SimulatedTrust } from '../quotes/index.ts'
import { configuredRootKeyStore, type AskPassphrase } from '../root-key/index.ts'
import { openDomains, type Domains } from '../serving/index.ts'
import { ChangeFeed, openStorage, type Storage } from '../storage/index.ts'
import { LogKey } from '../signing-keys/index.ts'
import {
  ChangeLog,
  checkTrail,
  LogFiles,
  MARKED_AHEAD_MS,
  Sequencer,
  Trail,
  TrailKeep,
  TrailWatch,
  removeRecordFiles,
  Witnesses,
  type Mark,
  type TrailFault,
  type TrailReport,
} from '../trail/index.ts'
import { AlteredRows } from './altered-rows.ts'
import { configuredMark } from './configured-mark.ts'
import { Metrics } from './metrics.ts'

export interface AppContext extends Domains, AsyncDisposable {
  config: Config
  runtime: Runtime
  log: Log
  metrics: Metrics
  storage: Storage
  envelope: Envelope
  crypto: KeyCrypto
  feed: ChangeFeed
  /** What the command line calls a key's spec. */
  keySpecWord: (spec: string) => string
  /** Only a server has one; an operator command serves no calls. */
  trail: Trail | undefined
  changes: ChangeLog
  logKey: LogKey
  logFiles: LogFiles
  sequencer: Sequencer
  trailWatch: TrailWatch
  trailKeep: TrailKeep
  witnesses: Witnesses
  mark: Mark | undefined
  /** Compares the store with the trail. */
  checkTrail: () => Promise<TrailReport>
  settleTrail: () => Promise<void>
  envelopeKeys: EnvelopeKeys
  backups: Backups
  simulatedTrust: SimulatedTrust
  /** Where the root key lies, for messages. */
  rootKeyPlace: string
}

/**
 * Opens the store, runs the known-answer tests of the algorithms and unseals.
 * @param role a server shares the store with others; an operator command has exclusive use of it
 * @throws {StorageError | SealError | SelfTestError} with nothing left open
 */
export async function openContext(options: {
  config: Config
  runtime: Runtime
  log: Log
  role: 'server' | 'operator'
  /** Asks for the root key's passphrase on a terminal, if there is one. */
  askPassphrase?: AskPassphrase | undefined
}): Promise<AppContext> {
  const { config, runtime, log, role } = options
  await using stack = new AsyncDisposableStack()
  const metrics = new Metrics()
  const crypto = stack.use(createKeyCrypto({ workers: config.cryptoWorkers }))
  await runSelfTests()
  const storage = stack.use(
    await openStorage({
      dataDir: config.dataDir,
      ...(config.databaseUrl === undefined ? {} : { databaseUrl: config.databaseUrl }),
      role,
      observe: metrics.observeStorage,
      onAltered: new AlteredRows(log, metrics.countAlteredRow).note,
    }),
  )
  const rootKeys = configuredRootKeyStore(config, runtime, options.askPassphrase)
  const envelope = await openEnvelope(storage, rootKeys, runtime)
  const feed = new ChangeFeed(storage, runtime, log)
  stack.use(followDomainKeys(envelope, feed, log))
  stack.use(feed)
  const domains = stack.use(openDomains({ storage, envelope, crypto, feed, runtime, log }, config))
  await feed.start()
  // What changed between the first look and the feed's start.
  await envelope.refresh()
  const store = await storage.instanceId({ candidate: runtime.uuid(), at: runtime.now() })
  const logKey = await LogKey.open({ storage, envelope, runtime }, store)
  const mark = configuredMark(config, { storage, runtime, log })
  if (mark !== undefined) stack.use(mark)
  const marked = await mark?.read()
  const logFiles = new LogFiles(storage, logKey)
  const witnesses = stack.use(new Witnesses({ storage, runtime, log, files: logFiles }, role === 'server' ? witnessesOf(config) : []))
  const published = async ({ note }: { note: string }) => {
    witnesses.notice()
    if (mark === undefined) return
    const fence = runtime.now() + MARKED_AHEAD_MS
    await mark.write({ v: 1, checkpoint: note, fence, manifests: await storage.manifestTotal() })
  }
  const sequencer = stack.use(new Sequencer({ storage, runtime, log, signer: logKey, published }, config.checkpointEvery * 1000))
  const check = async () => {
    await sequencer.run()
    const report = await checkTrail(storage, logKey, marked?.checkpoint)
    const known: TrailFault[] = []
    if (mark?.rolledBack !== undefined) known.push({ fault: 'rolled_back', table: 'mark', id: mark.rolledBack.reason })
    // The trail names the row; this is what is left if the trail was put back as well.
    const total = marked === undefined ? 0 : await storage.manifestTotal()
    if (marked !== undefined && total < marked.manifests && !(await isLater(storage, marked.checkpoint)))
      known.push({ fault: 'rolled_back', table: 'manifests', id: `revisions ${total} of ${marked.manifests}` })
    if (sequencer.incident !== undefined) known.push({ fault: 'edited', table: 'trail', id: sequencer.incident })
    const contradicted = witnesses.contradictions.map((id) => ({ fault: 'contradicted' as const, table: 'trail', id }))
    return { ...report, faults: [...known, ...report.faults, ...contradicted] }
  }
  // A server looks at the store first (admission.ts).
  if (role === 'operator' && mark?.rolledBack === undefined && (await reaches(storage, marked?.checkpoint))) sequencer.start()
  const trailWatch = stack.use(new TrailWatch(check, log))
  const trail = role === 'server' ? stack.use(new Trail(config.dataDir, { storage, runtime, log })) : undefined
  const removeRecords = (before: number) => trail?.removeRecords(before) ?? removeRecordFiles(join(config.dataDir, 'audit'), before)
  const trailKeep = stack.use(
    new TrailKeep({ storage, runtime, log, removeRecords }, config.trailKeep === undefined ? undefined : readKeep(config.trailKeep)),
  )
  const owned = stack.move()
  return {
    ...domains,
    ...{ config, runtime, log, metrics, storage, envelope, crypto, feed, trail, keySpecWord, logKey, sequencer, trailWatch, mark },
    ...{ logFiles, witnesses, trailKeep, rootKeyPlace: rootKeys.describe() },
    changes: new ChangeLog({ storage }),
    checkTrail: () => trailWatch.run(),
    async settleTrail() {
      await trail?.flush()
      await sequencer.settle()
    },
    envelopeKeys: new EnvelopeKeys({ storage, rootKeys, envelope, runtime }, role === 'operator'),
    backups: new Backups({ storage, envelope, runtime }),
    simulatedTrust: new SimulatedTrust({ storage, envelope, runtime }, quoteProviderOf(config)),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

/** Whether the store's trail has begun anew since a checkpoint: then what came before was accepted. */
async function isLater(storage: Storage, checkpoint: string): Promise<boolean> {
  const { origin } = parseCheckpoint(parseNote(checkpoint).text)
  const head = await storage.trailHead({ epoch: null })
  return head !== null && head.epoch > Number(origin.slice(origin.lastIndexOf('/') + 1))
}

/** Whether the store's trail is as long as a checkpoint that was kept outside it, if one was. */
async function reaches(storage: Storage, checkpoint: string | undefined): Promise<boolean> {
  if (checkpoint === undefined) return true
  const { origin, size } = parseCheckpoint(parseNote(checkpoint).text)
  const epoch = Number(origin.slice(origin.lastIndexOf('/') + 1))
  const head = await storage.trailHead({ epoch: null })
  return head !== null && (head.epoch > epoch || (head.epoch === epoch && head.size >= size))
}
