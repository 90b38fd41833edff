import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { StorageOperations, StorageOptions } from '../../src/storage/index.ts'

type Reply = { id: number } & ({ result: unknown } | { error: string })

export interface StoreProcess extends AsyncDisposable {
  call<K extends keyof StorageOperations>(name: K, args: Parameters<StorageOperations[K]>[0]): ReturnType<StorageOperations[K]>
  /** Ends the process as a crash would: no handler of its own runs. */
  kill(): Promise<void>
}

/** Opens the store in a process of its own; rejects with the code of the StorageError as the message. */
export async function openInProcess(options: StorageOptions): Promise<StoreProcess> {
  const path = fileURLToPath(new URL('./store-process.ts', import.meta.url))
  const child = fork(path, [JSON.stringify(options)], { serialization: 'advanced' })
  const waiting = new Map<number, PromiseWithResolvers<unknown>>()
  let nextId = 0
  const exited = once(child, 'exit')

  function expectReply(): Promise<unknown> {
    const reply = Promise.withResolvers<unknown>()
    waiting.set(nextId++, reply)
    return reply.promise
  }

  child.on('message', (reply: Reply) => {
    const caller = waiting.get(reply.id)
    waiting.delete(reply.id)
    if ('error' in reply) caller?.reject(new Error(reply.error))
    else caller?.resolve(reply.result)
  })
  child.on('exit', () => {
    for (const { reject } of waiting.values()) reject(new Error('the process has ended'))
  })

  async function kill(): Promise<void> {
    child.kill('SIGKILL')
    await exited
  }

  try {
    await expectReply()
  } catch (error) {
    await kill()
    throw error
  }
  return {
    call(name, args) {
      const id = nextId
      const reply = expectReply()
      child.send({ id, name, args })
      return reply as ReturnType<StorageOperations[typeof name]>
    },
    kill,
    async [Symbol.asyncDispose]() {
      if (child.connected) child.disconnect()
      await exited
    },
  }
}
