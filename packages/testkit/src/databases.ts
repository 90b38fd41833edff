// Stores for tests: each test runs on SQLite in a directory of its own, and on PostgreSQL in a database of its own.
import { createSecretKey } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { mkdtempDisposable } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type RowKeys, type Storage, type StorageOptions, openStorage } from '@vouchsafe/server/testing'
import { templateDatabase, testDatabase } from './postgres.ts'

export type DatabaseKind = Storage['kind']

export interface TestStore {
  kind: DatabaseKind
  /** What a process needs to open this store. */
  location: Pick<StorageOptions, 'dataDir' | 'databaseUrl'>
  /** Opens the store, once more each time, with {@link TEST_ROW_KEYS}; what is still open is closed after the test. */
  open(options?: Partial<StorageOptions>): Promise<Storage>
}

export interface TestStoreOptions {
  /** On PostgreSQL, starts from a database without tables. Otherwise they are there already, which saves each test the time to make them. */
  bare?: boolean
}

/** An empty store; disposing it closes what was opened and removes it. */
export async function testStore(kind: DatabaseKind, { bare = false }: TestStoreOptions = {}): Promise<TestStore & AsyncDisposable> {
  const resources = new AsyncDisposableStack()
  const dataDir = resources.adopt(mkdtempSync(join(tmpdir(), 'vouchsafe-store-')), (path) => rmSync(path, { recursive: true }))
  const location =
    kind === 'sqlite'
      ? { dataDir }
      : { dataDir, databaseUrl: resources.use(await testDatabase(bare ? undefined : await (template ??= migratedTemplate()))).url }
  return {
    kind,
    location,
    async open(options) {
      const storage = resources.use(await openStorage({ ...location, role: 'server', ...options }))
      storage.authenticateWith(TEST_ROW_KEYS)
      return storage
    },
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  }
}

/** What authenticates the rows of stores that no envelope opens: above every version that a test gives its domain keys. */
export const TEST_ROW_KEYS: RowKeys = { current: 1_000, keys: [{ version: 1_000, key: createSecretKey(Buffer.alloc(32, 1)) }] }

let template: Promise<string> | undefined

function migratedTemplate(): Promise<string> {
  return templateDatabase('migrated', async (databaseUrl) => {
    await using temporary = await mkdtempDisposable(join(tmpdir(), 'vouchsafe-template-'))
    await (await openStorage({ dataDir: temporary.path, databaseUrl, role: 'server' }))[Symbol.asyncDispose]()
  })
}

/** Defines the test once for each database. */
export function eachDatabase(name: string, fn: (store: TestStore, t: TestContext) => Promise<void>, options: TestStoreOptions = {}): void {
  for (const kind of ['sqlite', 'postgres'] as const) {
    test(`${name} (${kind})`, async (t) => {
      await using store = await testStore(kind, options)
      await fn(store, t)
    })
  }
}
