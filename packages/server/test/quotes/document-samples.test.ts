/** The API document's own Python samples of the four actions, against the server: as they stand, but for the Action names that were copied. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { enroll, type Envelope } from '@vouchsafe/testkit/ehsm-calls'
import { startTestServer } from '@vouchsafe/testkit/server'

const SIGNER = 'c30446b4be9baf0f69728423ea613ef81a63e72acf7439fa0549001fd5482835'
const ENCLAVE = '870c42c59bc74c7ad22869411709e4f78ac3c76add6693bb43296b03362e5038'

test("the document's Python samples of the quote actions work as intended", async () => {
  await using server = await startTestServer({ flags: ['--quote-simulated-mrenclave', ENCLAVE] })
  const app = await enroll(server.url)
  const child = spawn('python3', [fileURLToPath(new URL('../ehsm/samples/run.py', import.meta.url))], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const exited = once(child, 'exit')
  const answers = createInterface(child.stdout)[Symbol.asyncIterator]()
  const sample = async (action: string, replace: Record<string, string>): Promise<Envelope> => {
    const file = fileURLToPath(new URL(`samples/${action}.py`, import.meta.url))
    child.stdin.write(`${JSON.stringify({ sample: file, url: server.url, appid: app.appid, appkey: app.apikey, replace })}\n`)
    const { value } = (await answers.next()) as { value?: string }
    assert.ok(value !== undefined, `the sample of ${action} did not run`)
    return JSON.parse(value) as Envelope
  }

  const generated = await sample('GenerateQuote', { 'Action=DisableKey': 'Action=GenerateQuote' })
  const { challenge, quote } = generated.result as unknown as { challenge: string; quote: string }
  assert.deepEqual([generated.code, generated.message, challenge], [200, 'success!', 'Y2hhbGxlbmdl'])
  // As the document's begin: version 3, P-256, SGX.
  assert.match(quote, /^AwACAAAAAA/)

  const uploaded = await sample('UploadQuotePolicy', {})
  const { policyId } = uploaded.result as unknown as { policyId: string }
  assert.deepEqual([uploaded.code, uploaded.message, Object.keys(uploaded.result)], [200, 'success!', ['policyId']])

  const found = await sample('GetQuotePolicy', {
    'Action=UploadQuotePolicy': 'Action=GetQuotePolicy',
    '15ca0dd5-2d34-4221-a708-3171ffe6***': policyId,
  })
  const { createTime, ...policy } = found.result as Record<string, unknown>
  assert.deepEqual([found.code, found.message, policy], [200, 'success!', { policyId, mr_enclave: ENCLAVE, mr_signer: SIGNER }])
  assert.equal(typeof createTime, 'number')

  const verified = await sample('VerifyQuote', {
    'Action=DisableKey': 'Action=VerifyQuote',
    '326f2049-56ab-474f-a1c0-516de230****': policyId,
    // The sample leaves the quote out; the document's own order of fields is kept.
    'payload["nonce"] = "bm9uY2U="': `payload["nonce"] = "bm9uY2U="\npayload["quote"] = "${quote}"`,
  })
  const { sign, ...result } = verified.result as Record<string, unknown>
  assert.deepEqual(
    [verified.code, verified.message, result],
    [200, 'success!', { result: true, nonce: 'bm9uY2U=', mr_enclave: ENCLAVE, mr_signer: SIGNER }],
  )
  assert.match(String(sign), /^[A-Za-z0-9+/]{43}=$/)
  child.stdin.end()
  await exited
})
