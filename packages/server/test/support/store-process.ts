// A process that opens a store and performs the operations that it is sent: for tests of several processes on one store.
import { TEST_ROW_KEYS } from '@vouchsafe/testkit/databases'
import { type Storage, StorageError, type StorageOptions, openStorage } from '../../src/storage/index.ts'

type Request = { id: number; name: keyof Storage; args: unknown }

async function outcome(run: () => Promise<unknown>): Promise<object> {
  try {
    return { result: await run() }
  } catch (error) {
    return { error: error instanceof StorageError ? error.code : String(error) }
  }
}

let storage: Storage | undefined
const opened = await outcome(async () => {
  storage = await openStorage(JSON.parse(process.argv[2] ?? '') as StorageOptions)
  storage.authenticateWith(TEST_ROW_KEYS)
})
process.send?.({ id: 0, ...opened })
process.on('message', ({ id, name, args }: Request) => {
  const operation = storage?.[name] as (args: unknown) => Promise<unknown>
  void outcome(() => operation(args)).then((result) => process.send?.({ id, ...result }))
})
process.on('disconnect', () => void storage?.[Symbol.asyncDispose]())
