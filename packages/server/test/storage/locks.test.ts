import assert from 'node:assert/strict'
import { type TestStore, eachDatabase } from '@vouchsafe/testkit/databases'
import { addApp } from '../support/rows.ts'
import { openInProcess } from '../support/store-client.ts'

const serverRuns = { name: 'StorageError', code: 'locked', message: 'a server is running on this store' }
const commandRuns = { name: 'StorageError', code: 'locked', message: 'an operator command is running on this store' }

function inProcess(store: TestStore, role: 'server' | 'operator') {
  return openInProcess({ ...store.location, role })
}

eachDatabase('servers share a store, and keep operator commands out until the last has gone', async (store) => {
  const one = await store.open()
  const two = await store.open()
  await assert.rejects(store.open({ role: 'operator' }), serverRuns)
  await one[Symbol.asyncDispose]()
  await assert.rejects(store.open({ role: 'operator' }), serverRuns)
  await two[Symbol.asyncDispose]()
  await store.open({ role: 'operator' })
})

eachDatabase('an operator command keeps servers and other commands out', async (store) => {
  const command = await store.open({ role: 'operator' })
  await addApp(command)
  await assert.rejects(store.open(), commandRuns)
  await assert.rejects(store.open({ role: 'operator' }), commandRuns)
  await command[Symbol.asyncDispose]()
  const server = await store.open()
  assert.equal(await server.countApps(), 1)
})

eachDatabase('a server of another process is respected, and its crash releases the store', async (store) => {
  await using server = await inProcess(store, 'server')
  await store.open()
  await assert.rejects(inProcess(store, 'operator'), new Error('locked'))
  await server.kill()
  await assert.rejects(store.open({ role: 'operator' }), serverRuns)
})

eachDatabase("an operator command's crash releases the store", async (store) => {
  await using command = await inProcess(store, 'operator')
  await assert.rejects(store.open(), commandRuns)
  await command.kill()
  await store.open()
})

eachDatabase('the initialisation lock has one holder at a time', async (store) => {
  const servers = [await store.open(), await store.open()]
  let holders = 0
  let most = 0
  await Promise.all(
    servers.map((server) =>
      server.withInitLock(async () => {
        holders++
        most = Math.max(most, holders)
        await server.insertDomainKey({
          row: {
            version: 1,
            rootKeyId: 'root',
            wrapped: new Uint8Array(1),
            checkValue: '',
            createdAt: 1,
            active: true,
            mac: new Uint8Array(1),
          },
          at: 1,
          audit: null,
        })
        holders--
      }),
    ),
  )
  assert.equal(most, 1)
})

eachDatabase('the initialisation lock is released when its holder fails, and passes the failure on', async (store) => {
  const server = await store.open()
  await assert.rejects(
    server.withInitLock(() => Promise.reject(new Error('no root key'))),
    new Error('no root key'),
  )
  assert.equal(await server.withInitLock(async () => 'held'), 'held')
})
