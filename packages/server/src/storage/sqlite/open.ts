import { join } from 'node:path'
import { type Backend, type Execution, storageOver } from '../backend.ts'
import { migrate } from '../migrations/migrate.ts'
import { type Args, type StorageOperation, type OperationName, type Result, operationContext } from '../operation.ts'
import { operations } from '../operations/index.ts'
import type { Storage, StorageOptions } from '../port.ts'
import { RowAuthenticator } from '../row-authenticator.ts'
import { WriterNumbers } from '../writer-numbers.ts'
import { openForReading, openForWriting } from './database.ts'
import { kyselyOverSqlite } from './dialect.ts'
import { toStorageError } from './errors.ts'
import { createPrivateDirectory } from './files.ts'
import { acquirePresence, withInitLock } from './locks.ts'
import { openSqliteSnapshot } from './snapshot.ts'
import { Writer } from './writer.ts'

/** Opens the store in `dataDir`: `vouchsafe.db`, and beside it `store.lock` (presence) and `init.lock`, which stay empty. */
export async function openSqlite({ dataDir, role, ...listening }: StorageOptions): Promise<Storage> {
  const path = join(dataDir, 'vouchsafe.db')
  const initLock = join(dataDir, 'init.lock')
  await using resources = new AsyncDisposableStack()
  try {
    createPrivateDirectory(dataDir)
    resources.use(await acquirePresence(join(dataDir, 'store.lock'), role))
    await withInitLock(initLock, () => migrateFile(path))
    const listeners: (() => void)[] = []
    const authenticator = new RowAuthenticator()
    const services = { authenticator, numbers: new WriterNumbers() }
    const writer = resources.adopt(new Writer(path, services.numbers.process, () => listeners.forEach((listener) => listener())), (open) =>
      open.close(),
    )
    await writer.run('latestChange', undefined)
    const reader = resources.use(openForReading(path))
    const db = kyselyOverSqlite(reader)
    const ownership = resources.move()

    const backend: Backend = {
      kind: 'sqlite',
      process: services.numbers.process,
      async execute<K extends OperationName>(name: K, args: Args<K>): Promise<Execution<Result<K>>> {
        const operation = operations[name] as StorageOperation<Args<K>, Result<K>>
        if (operation.mode !== 'read') return (await writer.run(name, args)) as Execution<Result<K>>
        const context = operationContext('sqlite', services)
        return { result: await operation.run(db, args, context), alteredRows: context.alteredRows }
      },
      authenticateWith(keys) {
        authenticator.use(keys)
        writer.authenticateWith(keys)
      },
      toStorageError,
      withInitLock: (fn) => withInitLock(initLock, fn),
      onChange: (listener) => void listeners.push(listener),
      openSnapshot: () => openSqliteSnapshot(path),
      async ping() {
        await writer.run('latestChange', undefined)
        await operations.latestChange.run(db, undefined, operationContext('sqlite', services))
      },
      close: () => ownership.disposeAsync(),
    }
    return storageOver(backend, listening)
  } catch (error) {
    throw toStorageError(error)
  }
}

async function migrateFile(path: string): Promise<void> {
  using database = openForWriting(path)
  await migrate(kyselyOverSqlite(database), 'sqlite')
}
