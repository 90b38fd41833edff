/**
 * Rotates the domain key while servers run. Progress is recorded in the store, so that after a crash another call continues where this
 * one stopped:
 *
 * 1. the new key is stored, not active; every server loads it, so that all can open what it seals;
 * 2. it is made active; every server learns of that, so that none starts to seal under the old one;
 * 3. blobs under old keys are re-wrapped, each only if it is still as it was read, and rows get new MACs once the old ones have verified;
 * 4. the old keys are removed, in a transaction that verifies that no blob and no MAC is under them. The database refuses one that comes later
 *    (storage/migrations/domain-guard.ts).
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { pages, type Runtime } from '../foundation/index.ts'
import {
  MAC_TABLES,
  StorageError,
  type AuditRow,
  type SealedItem,
  type SealedRows,
  type SealedTableName,
  type Storage,
} from '../storage/index.ts'
import { newDomainKey } from './domain-key.ts'
import { SealError } from '../root-key/index.ts'
import type { BlobKind, Identity, Envelope } from './envelope.ts'

/** What opens the blobs of one table. */
export interface SealedColumn<T extends SealedTableName = SealedTableName> {
  kind: BlobKind
  identity(row: SealedRows[T]): Identity
}
export type SealedColumns = { readonly [T in SealedTableName]: SealedColumn<T> }

/** Blobs per transaction, and blobs after which other requests get a turn. */
const BATCH = 100
const SLICE = 20
const POLL_MS = 200
/** Longer than it takes to detect that a server is dead. */
const SERVERS_PATIENCE_MS = 60_000

export interface Rotation {
  storage: Storage
  envelope: Envelope
  runtime: Runtime
  columns: SealedColumns
  /** No server is running, except possibly this one. */
  alone: boolean
  audit: (action: 'CreateDomainKey' | 'RetireDomainKeys', version: number, at: number) => AuditRow
  report: (phase: string, done: number, total: number) => void
  signal: AbortSignal
}

/** Returns the version of the new key, and how many blobs were re-wrapped by this call. */
export async function rotateDomainKey(rotation: Rotation): Promise<{ version: number; rewrapped: number; resumed: boolean }> {
  const { storage, runtime } = rotation
  const { version, resumed } = await storage.withInitLock(() => prepare(rotation))
  await everyServer(rotation)
  await storage.withInitLock(() => activate(rotation, version))
  await everyServer(rotation)
  let rewrapped = 0
  for (;;) {
    rewrapped += await rewrapAll(rotation, version).catch(namingTheRow)
    const at = runtime.now()
    const audit = rotation.audit('RetireDomainKeys', version, at)
    if ((await storage.retireDomainKeys({ below: version, at, audit })) === 'retired') break
  }
  await rotation.envelope.refresh()
  return { version, rewrapped, resumed }
}

/** The version to rotate to: that of an unfinished rotation, or a new one. */
async function prepare({ storage, envelope, runtime, audit }: Rotation): Promise<{ version: number; resumed: boolean }> {
  const rows = await storage.listDomainKeys()
  const newest = rows.at(-1)!
  if (rows.length > 1) return { version: newest.version, resumed: true }
  const row = newDomainKey(await envelope.rootKey(newest.rootKeyId), newest.version + 1, false, runtime)
  const at = row.createdAt
  await storage.insertDomainKey({ row, at, audit: audit('CreateDomainKey', row.version, at) })
  return { version: row.version, resumed: false }
}

/** Under the lock, so that no rotation of the root key changes the row meanwhile. */
async function activate({ storage, envelope, runtime }: Rotation, version: number): Promise<void> {
  const row = (await storage.listDomainKeys()).find((each) => each.version === version)
  if (!row) throw new SealError(`domain key ${version} is gone`)
  await storage.activateDomainKey({ version, was: row.mac, mac: envelope.activationMac(row), at: runtime.now() })
}

/** Resolves when every server, this one included, uses the current domain keys. */
async function everyServer({ storage, envelope, runtime, alone, report, signal }: Rotation): Promise<void> {
  const revision = await storage.domainKeyRevision()
  await envelope.refresh()
  const started = runtime.monotonic()
  while (!alone) {
    report('waiting for every server', 0, 1)
    const behind = await storage.serversBehind({ revision })
    if (behind.length === 0) return
    if (runtime.monotonic() - started > SERVERS_PATIENCE_MS) {
      throw new SealError(`these servers do not take in the new domain key: ${behind.join(', ')}; their logs say why`)
    }
    await sleep(POLL_MS, undefined, { signal })
  }
}

function namingTheRow(error: unknown): never {
  if (!(error instanceof StorageError && error.row)) throw error
  throw new SealError(`table ${error.row.table}, row ${error.row.id}: it was altered in the store`)
}

async function rewrapAll({ storage, envelope, columns, report, signal }: Rotation, below: number): Promise<number> {
  const total = await storage.countSealed({ below })
  let done = 0
  report('re-wrapping', done, total)
  for (const table of Object.keys(columns) as SealedTableName[]) {
    const read = (last: SealedItem | null, limit: number) => {
      signal.throwIfAborted()
      return storage.readSealed({ table, below, after: last?.key ?? null, limit })
    }
    for await (const batch of pages(BATCH, read)) {
      const items = await rewrapped(envelope, table, columns[table] as SealedColumn, batch)
      if (items.length > 0) done += await storage.replaceSealed({ table, items })
      report('re-wrapping', done, total)
    }
  }
  for (const table of MAC_TABLES.keys()) {
    const read = (after: SealedItem['key'] | null, limit: number) => {
      signal.throwIfAborted()
      return storage.reauthenticateRows({ table, below, after, limit })
    }
    for await (const batch of pages(BATCH, read)) report('re-wrapping', (done += batch.length), total)
  }
  return done
}

async function rewrapped(envelope: Envelope, table: SealedTableName, { kind, identity }: SealedColumn, read: readonly SealedItem[]) {
  const items = []
  for (const [i, { key, blob: was, domainVersion, row }] of read.entries()) {
    if (i % SLICE === SLICE - 1) await sleep(0)
    try {
      items.push({ key, was, ...envelope.rewrap(kind, identity(row), { blob: was, domainVersion }) })
    } catch (error) {
      if (error instanceof SealError) throw new SealError(`table ${table}, row ${key.join(' ')}: ${error.message}`)
      throw error
    }
  }
  return items
}
