import assert from 'node:assert/strict'
import { eachDatabase } from '@vouchsafe/testkit/databases'
import { addApp, keyRow } from '../support/rows.ts'

eachDatabase('every operation is observed with its outcome', async ({ open }) => {
  const seen: [string, boolean][] = []
  const storage = await open({
    observe(operation, seconds, ok) {
      assert.ok(seconds >= 0 && seconds < 60)
      seen.push([operation, ok])
    },
  })
  await addApp(storage)
  await storage.findApp({ id: 'app' })
  await assert.rejects(storage.insertKey({ key: keyRow({ id: 'app-default' }), limit: 1, audit: null }))
  assert.deepEqual(seen, [
    ['insertApp', true],
    ['findApp', true],
    ['insertKey', false],
  ])
})

eachDatabase('closing waits for what is under way and refuses what comes after', async ({ open }) => {
  const storage = await open()
  const adding = addApp(storage)
  const closing = storage[Symbol.asyncDispose]()
  await assert.rejects(storage.countApps(), { name: 'StorageError', code: 'unavailable', message: 'the store is closed' })
  await adding
  await closing
  await storage[Symbol.asyncDispose]()
  assert.equal(await (await open()).countApps(), 1)
})

eachDatabase('an error says nothing of the rows, but keeps what the database said as its cause', async ({ open }) => {
  const storage = await open()
  await addApp(storage)
  const error = await storage.insertKey({ key: keyRow({ id: 'app-default', alias: 'private' }), limit: 1, audit: null }).then(
    () => assert.fail('a key was stored twice'),
    (thrown: Error) => thrown,
  )
  assert.equal(error.message, 'the database refused the operation')
  assert.ok(error.cause instanceof Error)
  assert.match(error.cause.message, /unique/i)
  assert.doesNotMatch(error.cause.message, /private|app-default/)
})

eachDatabase('a store that is open answers', async ({ open, kind }) => {
  const storage = await open()
  assert.equal(storage.kind, kind)
  await storage.ping()
})
