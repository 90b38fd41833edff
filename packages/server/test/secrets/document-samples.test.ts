/** The API document's own Python samples of the nine actions, word for word, against the server. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { call, enroll, succeed, type Envelope } from '@vouchsafe/testkit/ehsm-calls'
import { startTestServer } from '@vouchsafe/testkit/server'

const KEY_PLACEHOLDER = '0197ad2d-c4be-4948-996d-513c6f1e***'

test("the document's Python samples of the secret actions work unchanged", async () => {
  await using server = await startTestServer()
  const app = await enroll(server.url)
  const child = spawn('python3', [fileURLToPath(new URL('../ehsm/samples/run.py', import.meta.url))], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const exited = once(child, 'exit')
  const answers = createInterface(child.stdout)[Symbol.asyncIterator]()
  const sample = async (action: string, replace: Record<string, string> = {}): Promise<[number, string, unknown]> => {
    const file = fileURLToPath(new URL(`samples/${action}.py`, import.meta.url))
    child.stdin.write(`${JSON.stringify({ sample: file, url: server.url, appid: app.appid, appkey: app.apikey, replace })}\n`)
    const { value } = (await answers.next()) as { value?: string }
    assert.ok(value !== undefined, `the sample of ${action} did not run`)
    const { code, message, result } = JSON.parse(value) as Envelope
    return [code, message, result]
  }

  const { keyid } = await succeed(server.url, app, 'CreateKey', { keyspec: 'EH_AES_GCM_256', origin: 'EH_INTERNAL_KEY' })
  const before = Date.now()
  assert.deepEqual(await sample('CreateSecret', { [KEY_PLACEHOLDER]: keyid! }), [200, 'The secretName01 create success.', {}])
  assert.deepEqual(await sample('UpdateSecretDesc'), [200, 'Update secret description success.', {}])
  assert.deepEqual(await sample('PutSecretValue'), [200, 'The secretName01 new version put success.', {}])

  const [code, message, versions] = await sample('ListSecretVersionIds')
  const { versionIds } = versions as { versionIds: { versionId: number; createTime: number }[] }
  assert.deepEqual([code, message], [200, 'List secret versionIds success.'])
  assert.deepEqual(versions, { secretName: 'secretName01', totalCount: 2, versionIds })
  assert.deepEqual(
    versionIds.map(({ versionId }) => versionId),
    [2, 1],
  )
  const [second, first] = versionIds.map(({ createTime }) => createTime) as [number, number]
  assert.ok(before <= first && first <= second && second <= Date.now())

  const entry = { secretName: 'secretName01', description: 'newDesc', createTime: first }
  assert.deepEqual(await sample('ListSecrets'), [200, 'List secrets success.', { totalCount: 1, secretList: [entry] }])
  const rotation = { rotationInterval: '30d', lastRotationDate: '', nextRotationDate: first + 30 * 86_400_000 }
  assert.deepEqual(await sample('DescribeSecret'), [200, 'Describe secrets success.', { ...entry, ...rotation }])
  const value = { secretName: 'secretName01', secretData: 'secretData02', versionId: 2, createTime: second }
  assert.deepEqual(await sample('GetSecretValue'), [200, 'successful', value])

  assert.deepEqual(await sample('DeleteSecret'), [200, 'The secretName01 will be deleted after 30 days.', {}])
  const { result } = await call(server.url, app, 'DescribeSecret', { secretName: 'secretName01' })
  const planned = Number(result.plannedDeleteTime) - 30 * 86_400_000
  assert.ok(second <= planned && planned <= Date.now())
  assert.deepEqual(await sample('RestoreSecret'), [200, 'The secretName01 restore success.', {}])
  assert.deepEqual(await sample('GetSecretValue'), [200, 'successful', value])
  child.stdin.end()
  await exited
})
