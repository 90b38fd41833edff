import assert from 'node:assert/strict'
import { createHash, generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import { canonicalPayload, hmacBase64, quoteReportData, VouchsafeClient } from '@vouchsafe/client'
import { parseQuote, readCollateralJson, SIMULATED_MEASUREMENTS, verifyQuote } from '@vouchsafe/dcap'
import { bitString, sequence } from '@vouchsafe/der/writer'
import { certificatesFromPem, issueCrl, toPem } from '@vouchsafe/x509'
import { eachDatabase } from '@vouchsafe/testkit/databases'
import { call, enroll, succeed, type Credentials } from '@vouchsafe/testkit/ehsm-calls'
import { startTestServer, type TestServer } from '@vouchsafe/testkit/server'
import { handleOperatorRequest } from '../../src/operator/edge.ts'
import { pinnedRuntime } from '../support/runtime.ts'
import { listRecords } from '../support/records.ts'
import { verifyCalls } from '../support/verify-calls.ts'

const { mrEnclave, mrSigner } = SIMULATED_MEASUREMENTS
const POLICY = { mr_enclave: mrEnclave, mr_signer: mrSigner }
const NONCE = 'bm9uY2U='
const SIMULATED = ['--quote-provider', 'simulated']
const DAY_MS = 86_400_000

interface Answer {
  result: boolean
  nonce: string
  mr_enclave: string
  mr_signer: string
  sign: string
  detail?: { status: string; reasons: string[]; collateral: unknown[] }
}

async function generate({ url }: TestServer, app: Credentials, challenge = 'Y2hhbGxlbmdl'): Promise<Buffer> {
  const { quote } = await succeed(url, app, 'GenerateQuote', { challenge })
  return Buffer.from(quote as unknown as string, 'base64')
}

async function verify({ url }: TestServer, app: Credentials, quote: Buffer, payload: object = {}): Promise<Answer> {
  const result = await succeed(url, app, 'VerifyQuote', { quote: quote.toString('base64'), nonce: NONCE, ...payload })
  return result as unknown as Answer
}

/** The root and collateral that an operator hands to verifiers. */
async function simulated({ server }: TestServer): Promise<{ root: string; collateral: string }> {
  const { body } = await handleOperatorRequest({ method: 'GET', path: '/v1/quotes/simulated', body: undefined }, server.context)
  return body as { root: string; collateral: string }
}

test('a client that knows only the root and the measurements verifies the server’s quote and its challenge', async () => {
  await using server = await startTestServer()
  const app = await enroll(server.url)
  const client = new VouchsafeClient({ baseUrl: server.url, ...app })
  const challenge = Buffer.from('fresh challenge')
  const { quote, challenge: echoed } = await client.generateQuote(challenge)
  assert.deepEqual(Buffer.from(echoed), challenge)

  const { root, collateral } = await simulated(server)
  const parsed = parseQuote(quote)
  const report = verifyQuote(parsed, { collateral: readCollateralJson(collateral), at: new Date(), roots: certificatesFromPem(root) })
  assert.deepEqual([report.accepted, report.status], [true, 'UpToDate'])
  assert.ok('mrEnclave' in report.measurements)
  assert.deepEqual([report.measurements.mrEnclave, report.measurements.mrSigner], [mrEnclave, mrSigner])
  // SHA-256 of the tag and the challenge, then zeros: this server speaks no TLS.
  const bound = createHash('sha256').update('vouchsafe quote challenge v1\nfresh challenge').digest('hex') + '00'.repeat(32)
  assert.equal(report.measurements.reportData, bound)
  assert.deepEqual(parsed.body.reportData, Buffer.from(quoteReportData(challenge)))
  assert.notDeepEqual(parsed.body.reportData, Buffer.from(quoteReportData(Buffer.from('another challenge'))))
})

test('VerifyQuote says true, echoes the nonce, gives the quote’s measurements and signs all of it', async () => {
  await using server = await startTestServer()
  const app = await enroll(server.url)
  const { sign, ...rest } = await verify(server, app, await generate(server, app))
  assert.deepEqual(rest, { result: true, nonce: NONCE, ...POLICY })
  const text = `mr_enclave=${mrEnclave}&mr_signer=${mrSigner}&nonce=${NONCE}&result=true`
  assert.equal(sign, hmacBase64(app.apikey, text))
})

test('VerifyQuote says false, also in the signed text, for a quote that does not verify', async () => {
  await using server = await startTestServer()
  const app = await enroll(server.url)
  const quote = await generate(server, app)
  quote[48 + 320]! ^= 1
  const { sign, ...rest } = await verify(server, app, quote)
  assert.deepEqual(rest, { result: false, nonce: NONCE, ...POLICY })
  assert.equal(sign, hmacBase64(app.apikey, `mr_enclave=${mrEnclave}&mr_signer=${mrSigner}&nonce=${NONCE}&result=false`))
})

test('with detail, VerifyQuote gives the report, and the signature covers that too', async () => {
  await using server = await startTestServer()
  const app = await enroll(server.url)
  const quote = await generate(server, app)
  const { sign, ...rest } = await verify(server, app, quote, { detail: true })
  assert.equal(rest.detail!.status, 'UpToDate')
  assert.equal(sign, hmacBase64(app.apikey, canonicalPayload(rest, 'keep-json').text))
  quote[48 + 320]! ^= 1
  const { detail } = await verify(server, app, quote, { detail: 'true' })
  assert.deepEqual([detail!.status, detail!.reasons.length > 0], [null, true])
  assert.equal('detail' in (await verify(server, app, quote, { detail: false })), false)
})

test('the client refuses an answer that the server did not sign, or that is for another nonce', async () => {
  await using server = await startTestServer()
  const app = await enroll(server.url)
  const quote = await generate(server, app)
  const altered = (change: (result: Record<string, unknown>) => object) =>
    new VouchsafeClient({
      baseUrl: server.url,
      ...app,
      fetch: async (...args) => {
        const envelope = (await (await fetch(...args)).json()) as { result: Record<string, unknown> }
        return Response.json({ ...envelope, result: change(envelope.result) })
      },
    })
  assert.equal((await altered((result) => result).verifyQuote({ quote })).result, true)
  await assert.rejects(altered((result) => ({ ...result, result: false })).verifyQuote({ quote }), /signature is wrong/)
  await assert.rejects(altered(({ sign: _none, ...result }) => result).verifyQuote({ quote }), /signature is wrong/)
  const replay = await succeed(server.url, app, 'VerifyQuote', { quote: quote.toString('base64'), nonce: 'b2xk' })
  await assert.rejects(altered(() => replay).verifyQuote({ quote }), /another nonce/)
})

for (const [what, change] of [
  ['a byte of its measurements changed', (quote: Buffer) => quote.fill(0xff, 48 + 64, 48 + 65)],
  ['a byte of its signature changed', (quote: Buffer) => quote.fill(quote[440]! ^ 1, 440, 441)],
  ['its end cut off', (quote: Buffer) => quote.subarray(0, -100)],
  ['another version', (quote: Buffer) => quote.fill(9, 0, 1)],
  ['only a few bytes', () => Buffer.from('quote')],
] as const)
  test(`a quote with ${what} is an error where a policy is named, not a false`, async () => {
    await using server = await startTestServer()
    const app = await enroll(server.url)
    const { policyId } = await succeed(server.url, app, 'UploadQuotePolicy', POLICY)
    const quote = change(await generate(server, app))
    const { code } = await call(server.url, app, 'VerifyQuote', { quote: quote.toString('base64'), nonce: NONCE, policyId })
    assert.ok(code >= 400, String(code))
  })

eachDatabase('policies are the app’s own, compared whatever the case of their digits, and given back as they were', async (store) => {
  await using server = await startTestServer({ ...store.location, flags: SIMULATED })
  const { url } = server
  const [app, other] = [await enroll(url), await enroll(url)]
  const quote = await generate(server, app)
  const upper = { mr_enclave: mrEnclave.toUpperCase(), mr_signer: mrSigner }
  const { policyId } = (await succeed(url, app, 'UploadQuotePolicy', upper)) as unknown as { policyId: string }
  assert.match(policyId, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
  const { createTime, ...policy } = (await succeed(url, app, 'GetQuotePolicy', { policyId })) as Record<string, unknown>
  assert.deepEqual(policy, { policyId, ...upper })
  assert.ok(typeof createTime === 'number' && createTime <= Date.now())
  assert.deepEqual(await succeed(url, other, 'GetQuotePolicy', { policyId }), { policyId })
  assert.equal((await verify(server, app, quote, { policyId })).result, true)

  const refused = async (who: Credentials, id: string) =>
    call(url, who, 'VerifyQuote', { quote: quote.toString('base64'), nonce: NONCE, policyId: id })
  assert.deepEqual(await refused(other, policyId), { code: 400, message: 'Invalid  policyId.', result: {} })
  for (const mismatch of [{ mr_enclave: '00'.repeat(32) }, { mr_signer: '00'.repeat(32) }]) {
    const { policyId: id } = (await succeed(url, app, 'UploadQuotePolicy', { ...POLICY, ...mismatch })) as unknown as { policyId: string }
    assert.deepEqual(await refused(app, id), { code: 400, message: 'The quote does not match the policy.', result: {} })
  }
})

eachDatabase('operators list policies and delete them', async (store) => {
  await using server = await startTestServer({ ...store.location, flags: SIMULATED })
  const { url } = server
  const app = await enroll(url)
  const { policyId } = (await succeed(url, app, 'UploadQuotePolicy', POLICY)) as unknown as { policyId: string }
  const operate = (method: string, path: string, body?: object) => handleOperatorRequest({ method, path, body }, server.server.context)
  const { body } = await operate('GET', `/v1/quote-policies?appid=${app.appid}`)
  const [policy] = (body as { policies: Record<string, unknown>[] }).policies
  assert.deepEqual([policy!['policyId'], policy!['appid'], policy!['mrEnclave']], [policyId, app.appid, mrEnclave])
  assert.equal((await operate('POST', '/v1/quote-policies/delete', { policyId })).status, 200)
  assert.equal((await operate('POST', '/v1/quote-policies/delete', { policyId })).status, 400)
  assert.deepEqual(await succeed(url, app, 'GetQuotePolicy', { policyId }), { policyId })
  const rows = await listRecords(server.server.context.storage, { after: 0, limit: 100 })
  assert.deepEqual(
    rows.filter(({ object }) => object === policyId).map(({ action, actor }) => [action, actor]),
    [
      ['UploadQuotePolicy', app.appid],
      ['DeleteQuotePolicy', 'operator'],
    ],
  )
})

test('fields are refused in the contract’s words', async () => {
  await using server = await startTestServer()
  const app = await enroll(server.url)
  const long = Buffer.alloc(8193).toString('base64')
  const cases: [action: string, payload: object, message: string][] = [
    ['GenerateQuote', {}, 'Missing required parameters, The challenge cannot be empty.'],
    ['GenerateQuote', { challenge: 'a' }, 'Parameter invalid, The challenge not a vailed base64 string.'],
    ['GenerateQuote', { challenge: 'A'.repeat(4100) }, 'Parameter invalid, The challenge length error.'],
    ['GenerateQuote', { challenge: 1 }, 'Parameter invalid, The challenge must be of string type.'],
    ['VerifyQuote', { nonce: NONCE }, 'Missing required parameters, The quote cannot be empty.'],
    ['VerifyQuote', { quote: 'AAAA' }, 'Missing required parameters, The nonce cannot be empty.'],
    ['VerifyQuote', { quote: long, nonce: NONCE }, "The quote's length is invalid."],
    ['VerifyQuote', { quote: `${long}AAAA`, nonce: NONCE }, 'Parameter invalid, The quote length error.'],
    ['VerifyQuote', { quote: 'AAAA', nonce: '!'.repeat(65) }, 'Parameter invalid, The nonce not a vailed base64 string.'],
    ['VerifyQuote', { quote: 'AAAA', nonce: NONCE, policyId: 'x' }, 'Parameter invalid, The policyId length error.'],
    ['VerifyQuote', { quote: 'AAAA', nonce: NONCE }, 'The quote is malformed, version: 0 is not one of 3, 4 and 5.'],
    ['UploadQuotePolicy', { ...POLICY, mr_enclave: 'ab' }, 'Parameter invalid, The mr_enclave length error.'],
    ['UploadQuotePolicy', { ...POLICY, mr_signer: 'x'.repeat(64) }, 'Parameter invalid, The mr_signer format wrong.'],
    ['UploadQuotePolicy', { mr_enclave: mrEnclave }, 'Missing required parameters, The mr_signer cannot be empty.'],
    ['GetQuotePolicy', {}, 'Missing required parameters, The policyId cannot be empty.'],
  ]
  for (const [action, payload, message] of cases)
    assert.deepEqual(await call(server.url, app, action, payload), { code: 400, message, result: {} }, action)
  const quote = await generate(server, app)
  assert.equal((await verify(server, app, quote, { nonce: 'plain, short' })).nonce, 'plain, short')
})

test('collateral sent with the call replaces the server’s', async () => {
  const runtime = pinnedRuntime()
  await using server = await startTestServer({ runtime })
  const app = await enroll(server.url)
  const quote = await generate(server, app)
  const { collateral } = await simulated(server)
  {
    using calls = verifyCalls()
    assert.equal((await verify(server, app, quote, { collateral })).result, true)
    assert.equal(calls.here + calls.aside, 0, 'it is verified on a worker thread')
  }
  const { tcb_info_signature: _gone, ...rest } = JSON.parse(collateral) as Record<string, string>
  assert.equal((await verify(server, app, quote, { collateral: JSON.stringify(rest) })).result, false)
  const { code, message } = await call(server.url, app, 'VerifyQuote', { quote: quote.toString('base64'), nonce: NONCE, collateral: '{' })
  assert.deepEqual([code, message], [400, 'The collateral is malformed, collateral: not JSON.'])
  const { collateral: foreign } = await startTestServer().then(async (another) => {
    await using its = another
    return simulated(its)
  })
  assert.equal((await verify(server, app, quote, { collateral: foreign })).result, false)
})

test('a report stays within what can be signed, however many lists the collateral has', async () => {
  await using server = await startTestServer()
  const app = await enroll(server.url)
  const quote = await generate(server, app)
  const { root, collateral } = await simulated(server)
  const { subject } = certificatesFromPem(root)[0]!
  const { privateKey: signer } = generateKeyPairSync('ed25519')
  const lists = async (count: number) => {
    const made = Array.from({ length: count }, (_, i) => issueCrl({ issuer: subject, signer, thisUpdate: new Date(i * 1000), revoked: [] }))
    const unsigned = (await Promise.all(made)).map((crl) => sequence(crl.tbs, crl.signatureAlgorithm.raw, bitString(Buffer.of(0))))
    return unsigned.map((der) => toPem('X509 CRL', der)).join('')
  }
  const json = JSON.parse(collateral) as Record<string, string>
  const given = JSON.stringify({
    ...json,
    tcb_info_issuer_chain: undefined,
    pck_certificate_chain: await lists(98),
    qe_identity_issuer_chain: json['qe_identity_issuer_chain']! + (await lists(97)),
  })
  assert.ok(given.length <= 64 * 1024, String(given.length))
  const { result, detail } = await verify(server, app, quote, { collateral: given, detail: true })
  assert.deepEqual([result, detail!.collateral.length], [true, 50])
})

test('a simulated quote is accepted by its own store’s servers alone, over restarts and as time goes by', async () => {
  const runtime = pinnedRuntime()
  await using first = await startTestServer({ runtime })
  await using second = await startTestServer()
  const [app, other] = [await enroll(first.url), await enroll(second.url)]
  const quote = await generate(first, app)
  assert.equal((await verify(second, other, quote)).result, false)
  // Where a policy is named, measurements that no trusted platform vouches for are an error.
  const { policyId } = await succeed(second.url, other, 'UploadQuotePolicy', POLICY)
  const payload = { quote: quote.toString('base64'), nonce: NONCE, policyId }
  assert.equal((await call(second.url, other, 'VerifyQuote', payload)).message, 'The quote does not match the policy.')
  await first.server[Symbol.asyncDispose]()
  await using again = await startTestServer({ runtime, dataDir: first.dataDir })
  assert.equal((await verify(again, app, quote)).result, true)
})

test('GetVersion says who makes the quotes', async () => {
  await using server = await startTestServer()
  assert.equal((await VouchsafeClient.getVersion({ baseUrl: server.url })).quoteProvider, 'simulated')
  await using none = await startTestServer({ flags: ['--quote-provider', 'none'] })
  assert.equal((await VouchsafeClient.getVersion({ baseUrl: none.url })).quoteProvider, 'none')
  const app = await enroll(none.url)
  const { code, message } = await call(none.url, app, 'GenerateQuote', { challenge: NONCE })
  assert.deepEqual([code, message], [400, 'This server has no quote provider.'])
})

test('metrics tell how long the collateral lasts', async () => {
  const runtime = pinnedRuntime()
  await using server = await startTestServer({ runtime })
  const days = async () => {
    const text = await (await fetch(`${server.url}/metrics`)).text()
    return Number(/^vouchsafe_quote_collateral_days_left (\S+)$/m.exec(text)![1])
  }
  assert.ok(Math.abs((await days()) - 30) < 0.01)
  runtime.advance(10 * DAY_MS)
  assert.ok(Math.abs((await days()) - 20) < 0.01)
  const app = await enroll(server.url)
  const at = { timestamp: String(runtime.now()) }
  const { quote } = await succeed(server.url, app, 'GenerateQuote', { challenge: NONCE }, at)
  runtime.advance(10 * DAY_MS)
  const { code } = await call(server.url, app, 'VerifyQuote', { quote, nonce: NONCE }, { timestamp: String(runtime.now()) })
  assert.equal(code, 200)
  assert.ok(Math.abs((await days()) - 30) < 0.01)
})
