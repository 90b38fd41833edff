/** Several calls at once, through two servers on one store: what must hold whoever comes first. */
import assert from 'node:assert/strict'
import { eachDatabase, type TestStore } from '@vouchsafe/testkit/databases'
import { call, enroll, succeed, type Envelope } from '@vouchsafe/testkit/ehsm-calls'
import { startTestServer } from '@vouchsafe/testkit/server'

async function two({ location }: TestStore) {
  const first = await startTestServer(location)
  const second = await startTestServer(location)
  return {
    urls: [first.url, second.url] as const,
    first,
    async [Symbol.asyncDispose]() {
      await second[Symbol.asyncDispose]()
      await first[Symbol.asyncDispose]()
    },
  }
}

const numbers = (count: number) => Array.from({ length: count }, (_, i) => i)
const tally = (answers: Envelope[]) => Object.groupBy(answers, ({ code, message }) => `${code} ${message}`)

eachDatabase('of several creations of one name, one wins and its value is kept', async (store) => {
  await using servers = await two(store)
  const app = await enroll(servers.urls[0])
  for (const round of numbers(5)) {
    const secretName = `secret ${round}`
    const create = (i: number) => call(servers.urls[i % 2 ? 1 : 0], app, 'CreateSecret', { secretName, secretData: `value ${i}` })
    const answers = await Promise.all(numbers(8).map(create))
    const said = tally(answers)
    assert.equal(said[`200 The ${secretName} create success.`]?.length, 1)
    assert.equal(said['400 Secret name already exists, cannot use the same secret name']?.length, 7)
    const winner = answers.findIndex(({ code }) => code === 200)
    const { secretData, versionId } = await succeed(servers.urls[1], app, 'GetSecretValue', { secretName })
    assert.deepEqual([secretData, versionId], [`value ${winner}`, 1])
  }
})

eachDatabase('of several puts at once each becomes a version of its own, without a gap and without a lost value', async (store) => {
  await using servers = await two(store)
  const app = await enroll(servers.urls[0])
  await succeed(servers.urls[0], app, 'CreateSecret', { secretName: 'busy', secretData: 'value' })
  const values = numbers(40).map((i) => `value ${i}`)
  const put = (secretData: string, i: number) =>
    call(servers.urls[i % 2 ? 1 : 0], app, 'PutSecretValue', { secretName: 'busy', secretData })
  const said = tally(await Promise.all(values.map(put)))
  assert.equal(said['200 The busy new version put success.']?.length, 40)
  const { versionIds } = (await succeed(servers.urls[1], app, 'ListSecretVersionIds', { secretName: 'busy' })) as unknown as {
    versionIds: { versionId: number }[]
  }
  assert.deepEqual(
    versionIds.map(({ versionId }) => versionId),
    numbers(41).map((i) => 41 - i),
  )
  const read = async (versionId: number) =>
    (await succeed(servers.urls[0], app, 'GetSecretValue', { secretName: 'busy', versionId })).secretData as unknown as string
  const stored = await Promise.all(numbers(40).map((i) => read(i + 2)))
  assert.deepEqual(stored.toSorted(), values.toSorted())
})

eachDatabase('puts and rotations at once lose nothing: every version opens afterwards', async (store) => {
  await using servers = await two(store)
  const app = await enroll(servers.urls[0])
  const { keyid } = await succeed(servers.urls[0], app, 'CreateKey', { keyspec: 'EH_SM4_CBC', origin: 'EH_INTERNAL_KEY' })
  await succeed(servers.urls[0], app, 'CreateSecret', { secretName: 'turning', secretData: 'value 0', encryptionKeyId: keyid })
  let putting = true
  const rotating = (async () => {
    while (putting) {
      await succeed(servers.urls[1], app, 'RotateSecret', { secretName: 'turning' })
      await servers.first.server.context.secrets.rotation.run()
    }
  })()
  for (const i of numbers(25)) {
    await succeed(servers.urls[i % 2 ? 1 : 0], app, 'PutSecretValue', { secretName: 'turning', secretData: `value ${i + 1}` })
    assert.equal((await succeed(servers.urls[0], app, 'GetSecretValue', { secretName: 'turning' })).secretData, `value ${i + 1}`)
  }
  putting = false
  await rotating
  for (const i of numbers(26)) {
    const { secretData } = await succeed(servers.urls[i % 2 ? 1 : 0], app, 'GetSecretValue', { secretName: 'turning', versionId: i + 1 })
    assert.equal(secretData, `value ${i}`)
  }
  assert.notEqual((await succeed(servers.urls[0], app, 'DescribeSecret', { secretName: 'turning' })).lastRotationDate, '')
})

eachDatabase('a secret made under a key while that is deleted either holds the key back or is refused', async (store) => {
  await using servers = await two({ ...store, location: store.location })
  const app = await enroll(servers.urls[0])
  for (const round of numbers(10)) {
    const { keyid } = await succeed(servers.urls[0], app, 'CreateKey', { keyspec: 'EH_AES_GCM_256', origin: 'EH_INTERNAL_KEY' })
    const secretName = `secret ${round}`
    const [made, deleted] = await Promise.all([
      call(servers.urls[0], app, 'CreateSecret', { secretName, secretData: 'value', encryptionKeyId: keyid }),
      call(servers.urls[1], app, 'DeleteKey', { keyid }),
    ])
    if (made.code === 200) assert.match(deleted.message, /^success! 1 secrets depend on this key/)
    else assert.deepEqual([made.message, deleted.message], ['Cannot find cmk by keyid.', 'success!'])
  }
})
