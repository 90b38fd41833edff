// Rows that are kept once they are verified are believed only while the store says the same.
import assert from 'node:assert/strict'
import { createSecretKey } from 'node:crypto'
import { TEST_ROW_KEYS, eachDatabase } from '@vouchsafe/testkit/databases'
import { queryDatabase } from '@vouchsafe/testkit/raw-database'
import { snakeCase } from '../../src/storage/table.ts'
import { secretVersions } from '../../src/storage/tables/secret-versions.ts'
import { secrets } from '../../src/storage/tables/secrets.ts'
import { addApp, addSecret } from '../support/rows.ts'

const ALTERED = { name: 'StorageError', code: 'altered' }
const CURRENT = { appId: 'app', name: 'name', version: null }
/** What decides which rows the query finds: with another value it finds none, or not these. */
const SOUGHT = ['id', 'appId', 'name', 'deletedAt', 'destroyAt', 'currentVersion', 'secretId', 'version']

eachDatabase(
  'a row that was read before and is altered then is refused, whichever column it is, and is read again when it is put right',
  async (database) => {
    const storage = await database.open()
    await addApp(storage)
    await addSecret(storage)
    const read = () => storage.findSecretValue(CURRENT)
    const before = await read()
    assert.notEqual(before?.version, null)
    for (const table of [secrets, secretVersions]) {
      const authenticated = Object.keys(table.stored).filter((name) => !(name in (table.authenticated.except ?? {})))
      for (const property of authenticated.filter((name) => !SOUGHT.includes(name))) {
        const { type, nullable } = table.stored[property as keyof typeof table.stored]
        const column = snakeCase(property)
        const altered = { blob: database.kind === 'sqlite' ? `x'00'` : `'\\x00'::bytea`, text: `'"altered"'` }[type as string] ?? '77'
        await queryDatabase(database.location, `create table kept as select ${column} as value from ${table.name}`)
        for (const value of nullable ? [altered, 'null'] : [altered]) {
          const changed = await queryDatabase(
            database.location,
            `update ${table.name} set ${column} = ${value} where ${column} is distinct from ${value} returning 1 as one`,
          )
          if (changed.length === 0) continue
          await assert.rejects(read(), ALTERED, `${table.name}.${column} = ${value}`)
          await assert.rejects(read(), ALTERED, `${table.name}.${column} = ${value}, again`)
          await queryDatabase(database.location, `update ${table.name} set ${column} = (select value from kept)`)
          assert.deepEqual(await read(), before, column)
        }
        await queryDatabase(database.location, 'drop table kept')
      }
    }
  },
)

eachDatabase('with other keys, what was verified with the ones before counts for nothing', async ({ open }) => {
  const storage = await open()
  await addApp(storage)
  await addSecret(storage)
  const before = await storage.findSecretValue(CURRENT)
  storage.authenticateWith({ current: 1, keys: [{ version: 1, key: createSecretKey(Buffer.alloc(32, 9)) }] })
  await assert.rejects(storage.findSecretValue(CURRENT), ALTERED)
  storage.authenticateWith({ current: 1, keys: [] })
  await assert.rejects(storage.findSecretValue(CURRENT), { name: 'StorageError', code: 'internal' })
  storage.authenticateWith(TEST_ROW_KEYS)
  assert.deepEqual(await storage.findSecretValue(CURRENT), before)
})

eachDatabase('what is read of a row that stays the same is the same object, and cannot be changed', async ({ open }) => {
  const storage = await open()
  await addApp(storage)
  await addSecret(storage)
  const [one, two] = [await storage.findSecretValue(CURRENT), await storage.findSecretValue(CURRENT)]
  assert.equal(one!.secret, two!.secret)
  assert.equal(one!.version, two!.version)
  assert.ok(Object.isFrozen(one!.secret) && Object.isFrozen(one!.version))
  assert.throws(() => (one!.secret.keyGeneration = 7), TypeError)
})
