/** The API document's own Python samples and shell commands, word for word, against the server. */
import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { enroll, succeed, type Credentials, type Envelope } from '@vouchsafe/testkit/ehsm-calls'
import { startTestServer } from '@vouchsafe/testkit/server'

const SYMMETRIC_ID = 'aac3e45a-d3dc-4791-89b6-4ada0e38e6ef'
const ASYMMETRIC_ID = 'ec1ccb09-4dd5-4af9-b04b-a97c4613cd7e'
const MANAGED_ID = '2de54366-30f9-6829-8391-c4eba***'
const DATA_KEY = 'J/qC8IwEnhsjFjzIf***'

type RunSample = (action: string, replace?: Record<string, string>) => Promise<Record<string, never>>

/** A Python process that runs samples one after the other; each must succeed, and gives its result. */
function startSamples(url: string, { appid, apikey }: Credentials): RunSample & AsyncDisposable {
  const child = spawn('python3', [fileURLToPath(new URL('samples/run.py', import.meta.url))], { stdio: ['pipe', 'pipe', 'inherit'] })
  const exited = once(child, 'exit')
  const answers = createInterface(child.stdout)[Symbol.asyncIterator]()
  const run: RunSample = async (action, replace = {}) => {
    const sample = fileURLToPath(new URL(`samples/${action}.py`, import.meta.url))
    child.stdin.write(`${JSON.stringify({ sample, url, appid, appkey: apikey, replace })}\n`)
    const { value } = (await answers.next()) as { value?: string }
    assert.ok(value !== undefined, `the sample of ${action} did not run`)
    const { code, message, result } = JSON.parse(value) as Envelope
    assert.deepEqual({ action, code, message }, { action, code: 200, message: 'success!' })
    return result
  }
  return Object.assign(run, {
    async [Symbol.asyncDispose]() {
      child.stdin.end()
      await exited
    },
  })
}

test("the document's Python samples of every key action work unchanged", async () => {
  await using server = await startTestServer()
  const credentials = await enroll(server.url)
  await using sample = startSamples(server.url, credentials)

  const rsa: string = (await sample('CreateKey')).keyid!
  assert.match(rsa, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
  const { keyid: aes } = await succeed(server.url, credentials, 'CreateKey', { keyspec: 'EH_AES_GCM_128', origin: 'EH_INTERNAL_KEY' })

  const { ciphertext } = await sample('Encrypt', { [SYMMETRIC_ID]: aes! })
  const opened = await sample('Decrypt', { [SYMMETRIC_ID]: aes!, 'uSDos6NLWNVp4sQZS2+mzLvDw***': ciphertext! })
  assert.deepEqual(opened, { plaintext: 'cGxhaW50ZXh0' })

  const { ciphertext: sealed } = await sample('AsymmetricEncrypt', { [ASYMMETRIC_ID]: rsa })
  const unsealed = await sample('AsymmetricDecrypt', { [ASYMMETRIC_ID]: rsa, 'EhGpx8pMYFRDr28xT4dJvrMg5***': sealed! })
  assert.deepEqual(unsealed, { plaintext: 'cGxhaW50ZXh0' })

  const { signature } = await sample('Sign', { [ASYMMETRIC_ID]: rsa })
  const placeholder = 'KkUO2y2IJVdsahlUL4GA0fYf4y9wPaaocdEtfG3***'
  assert.deepEqual(await sample('Verify', { [ASYMMETRIC_ID]: rsa, [placeholder]: signature! }), { result: true })

  const dataKey = await sample('GenerateDataKey', { [SYMMETRIC_ID]: aes! })
  assert.equal(Buffer.from(dataKey.plaintext!, 'base64').length, 16)
  const wrappedOnly = await sample('GenerateDataKeyWithoutPlaintext', { 'AAAAAAAAAAAAAAAAAAAAAGCcKdP/fwA***': aes! })
  assert.deepEqual(Object.keys(wrappedOnly), ['ciphertext'])
  const { newdatakey } = await sample('ExportDataKey', { [SYMMETRIC_ID]: aes!, [ASYMMETRIC_ID]: rsa, [DATA_KEY]: dataKey.ciphertext! })
  const exported = await sample('AsymmetricDecrypt', { [ASYMMETRIC_ID]: rsa, 'EhGpx8pMYFRDr28xT4dJvrMg5***': newdatakey! })
  assert.deepEqual(exported, { plaintext: dataKey.plaintext })

  await sample('DisableKey', { [MANAGED_ID]: aes! })
  const states = async () =>
    ((await sample('ListKey')).list! as { keyid: string; keyState: number }[]).map(({ keyid, keyState }) => [keyid, keyState])
  assert.deepEqual(await states(), [
    [rsa, 1],
    [aes, 0],
  ])
  await sample('EnableKey', { [MANAGED_ID]: aes! })
  assert.deepEqual((await states())[1], [aes, 1])
  await sample('DeleteKey', { [MANAGED_ID]: aes! })
  assert.deepEqual(await states(), [[rsa, 1]])
  await sample('DeleteALLKey')
  assert.deepEqual(await states(), [])
})

test("the document's curl commands work unchanged", async () => {
  await using server = await startTestServer()
  const curl = async (action: string) => {
    const { stdout } = await promisify(execFile)('curl', [
      '--silent',
      '--show-error',
      '--noproxy',
      '*',
      `${server.url}/ehsm?Action=${action}`,
    ])
    return JSON.parse(stdout) as Envelope
  }
  const version = await curl('GetVersion')
  assert.deepEqual([version.code, version.message, Object.keys(version.result)], [200, 'success!', ['version', 'git_sha', 'quoteProvider']])
  const enrolled = await curl('Enroll')
  assert.deepEqual([enrolled.code, enrolled.message], [200, 'success!'])
  assert.match(enrolled.result.apikey!, /^[0-9A-Za-z]{32}$/)
  assert.match(enrolled.result.appid!, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
})
