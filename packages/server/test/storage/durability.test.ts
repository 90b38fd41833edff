import assert from 'node:assert/strict'
import { eachDatabase } from '@vouchsafe/testkit/databases'
import { addApp, keyRow } from '../support/rows.ts'
import { openInProcess } from '../support/store-client.ts'

eachDatabase('what was acknowledged before a crash is there after it', async (store) => {
  const acknowledged: string[] = []
  const wanted = 300
  await using server = await openInProcess({ ...store.location, role: 'server' })
  await addApp(await store.open())
  const enough = Promise.withResolvers<void>()
  const write = async (id: string) => {
    await server.call('insertKey', { key: keyRow({ id }), limit: 100_000, audit: null })
    acknowledged.push(id)
    if (acknowledged.length === wanted) enough.resolve()
  }
  // Ten writers, each of which goes on until the crash refuses it.
  const writers = Array.from({ length: 10 }, async (_, writer) => {
    for (let i = 0; ; i++) await write(`key-${writer}-${i}`)
  })
  await enough.promise
  await server.kill()
  await Promise.allSettled(writers)

  const survivor = await store.open()
  const found = new Set((await survivor.listKeys({ appId: 'app', after: null, limit: 100_000 })).map((key) => key.id))
  assert.ok(acknowledged.length >= wanted)
  assert.deepEqual(
    acknowledged.filter((id) => !found.has(id)),
    [],
  )
  // The app's own count agrees with what is there.
  assert.equal(await survivor.insertKey({ key: keyRow({ id: 'more' }), limit: found.size, audit: null }), 'limit')
  assert.equal(await survivor.insertKey({ key: keyRow({ id: 'more' }), limit: found.size + 1, audit: null }), 'created')
})

eachDatabase('a store that was closed comes back as it was', async (store) => {
  const before = await store.open()
  await addApp(before)
  await before.registerServer({ id: 'server', at: 1, recordLimit: 10 })
  await before[Symbol.asyncDispose]()
  const after = await store.open()
  assert.equal(await after.countApps(), 1)
  assert.equal((await after.registerServer({ id: 'server', at: 2, recordLimit: 10 })).epoch, 2)
})
