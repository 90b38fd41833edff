import { dirname, join } from 'node:path'
import { type Backend, type Execution, notLinkable, storageOver } from '../backend.ts'
import { migrate } from '../migrations/migrate.ts'
import { type Args, type StorageOperation, type OperationName, type Result, operationContext } from '../operation.ts'
import { operations } from '../operations/index.ts'
import type { Storage, StorageLink, StorageOptions } from '../port.ts'
import { RowAuthenticator } from '../row-authenticator.ts'
import { StoreState } from '../store-state.ts'
import { WriterNumbers } from '../writer-numbers.ts'
import { openForReading, openForWriting } from './database.ts'
import { kyselyOverSqlite } from './dialect.ts'
import { toStorageError } from './errors.ts'
import { createPrivateDirectory } from './files.ts'
import { acquirePresence, withInitLock } from './locks.ts'
import { openSqliteSnapshot } from './snapshot.ts'
import { Writer } from './writer.ts'

const DATABASE = 'vouchsafe.db'
const INIT_LOCK = 'init.lock'

/** Opens the store in `dataDir`: `vouchsafe.db`, and beside it `store.lock` (presence) and `init.lock`, which stay empty. */
export async function openSqlite({ dataDir, role, ...listening }: StorageOptions): Promise<Storage> {
  const path = join(dataDir, DATABASE)
  await using resources = new AsyncDisposableStack()
  try {
    createPrivateDirectory(dataDir)
    resources.use(await acquirePresence(join(dataDir, 'store.lock'), role))
    await withInitLock(join(dataDir, INIT_LOCK), () => migrateFile(path))
    const state = new StoreState()
    const listeners: (() => void)[] = []
    const numbers = new WriterNumbers()
    const data = { path, process: numbers.process, state: state.memory }
    const writer = resources.adopt(
      Writer.start(data, () => listeners.forEach((listener) => listener())),
      (open) => open.close(),
    )
    await writer.run('latestChange', undefined)
    const backend = sqliteBackend({ path, writer, numbers, state, listeners }, resources)
    return storageOver(
      {
        ...backend,
        authenticateWith(keys) {
          backend.authenticateWith(keys)
          writer.authenticateWith(keys)
        },
        link() {
          const port = writer.connect()
          return { link: { kind: 'sqlite', path, process: numbers.process, state: state.memory, writer: port }, transfer: [port] }
        },
      },
      listening,
    )
  } catch (error) {
    throw toStorageError(error)
  }
}

/** Opens the store on another thread of the process that has opened it. Only that process's own storage hands the writing thread its keys. */
export function openLinkedSqlite(
  { path, process, state, writer: port }: StorageLink & { kind: 'sqlite' },
  listening: Pick<StorageOptions, 'observe' | 'onAltered'>,
): Storage {
  const resources = new AsyncDisposableStack()
  const listeners: (() => void)[] = []
  const writer = resources.adopt(new Writer(port, () => listeners.forEach((listener) => listener())), (open) => open.close())
  const parts = { path, writer, numbers: new WriterNumbers(process), state: new StoreState(state), listeners }
  return storageOver(sqliteBackend(parts, resources), listening)
}

interface Parts {
  path: string
  writer: Writer
  numbers: WriterNumbers
  state: StoreState
  listeners: (() => void)[]
}

/** What every thread has of the store: a connection of its own for reads, and the way to the writing thread. */
function sqliteBackend({ path, writer, numbers, state, listeners }: Parts, resources: AsyncDisposableStack): Backend {
  const authenticator = new RowAuthenticator()
  const services = { authenticator, numbers }
  const reader = resources.use(openForReading(path))
  const db = kyselyOverSqlite(reader)
  const ownership = resources.move()
  return {
    kind: 'sqlite',
    process: numbers.process,
    state,
    async execute<K extends OperationName>(name: K, args: Args<K>): Promise<Execution<Result<K>>> {
      const operation = operations[name] as StorageOperation<Args<K>, Result<K>>
      if (operation.mode !== 'read') return (await writer.run(name, args)) as Execution<Result<K>>
      const context = operationContext('sqlite', services)
      return { result: await operation.run(db, args, context), alteredRows: context.alteredRows }
    },
    authenticateWith: (keys) => authenticator.use(keys),
    toStorageError,
    withInitLock: (fn) => withInitLock(join(dirname(path), INIT_LOCK), fn),
    onChange: (listener) => void listeners.push(listener),
    openSnapshot: () => openSqliteSnapshot(path),
    async ping() {
      await writer.run('latestChange', undefined)
      await operations.latestChange.run(db, undefined, operationContext('sqlite', services))
    },
    link: () => notLinkable(),
    close: () => ownership.disposeAsync(),
  }
}

async function migrateFile(path: string): Promise<void> {
  using database = openForWriting(path)
  await migrate(kyselyOverSqlite(database), 'sqlite')
}
