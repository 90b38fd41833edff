import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import type { ServerResponse } from 'node:http'
import { test } from 'node:test'
import { EHSM } from '@vouchsafe/operations'
import { VouchsafeClient, VouchsafeConnectionError, VouchsafeError } from '../src/index.ts'
import type { ClientOptions } from '../src/index.ts'
import { MAX_ANSWER_BYTES } from '../src/exchange.ts'
import { APIKEY, APPID, startStandIn } from './support/stand-in.ts'

const KEYID = 'aac3e45a-d3dc-4791-89b6-4ada0e38e6ef'
const drop = (response: ServerResponse) => void response.socket!.destroy()

/** A client that notes its waits instead of waiting. */
function clientOf(baseUrl: string, options: Partial<ClientOptions> = {}) {
  const waits: number[] = []
  const sleep = (ms: number) => Promise.resolve(waits.push(ms))
  return { waits, client: new VouchsafeClient({ baseUrl, appid: APPID, apikey: APIKEY, sleep, ...options }) }
}

test('a lost answer is asked for again with a new nonce, twice at most, after growing waits', async () => {
  await using server = await startStandIn((_, count) => (count < 2 ? drop : { result: { list: [] } }))
  const { client, waits } = clientOf(server.url)
  assert.deepEqual(await client.listKeys(), [])
  assert.equal(new Set(server.seen.map((request) => request.nonce)).size, 3)
  assert.equal(waits.length, 2)
  assert.ok(waits[0]! >= 50 && waits[0]! <= 150 && waits[1]! >= 100 && waits[1]! <= 300, String(waits))
})

test('after the retries the failure is a VouchsafeConnectionError that says that the request may have been executed', async () => {
  await using server = await startStandIn(() => drop)
  const { client } = clientOf(server.url, { retries: 1 })
  await assert.rejects(client.listKeys(), (error) => error instanceof VouchsafeConnectionError && error.maybeExecuted)
  assert.equal(server.seen.length, 2)
})

test('actions that are not safe to repeat are sent once when the answer gets lost', async () => {
  await using server = await startStandIn(() => drop)
  const { client } = clientOf(server.url)
  const calls = [
    () => client.createKey({ keyspec: 'EH_AES_GCM_128' }),
    () => client.enableKey(KEYID),
    () => client.updateKey(KEYID, { alias: 'x' }),
    () => client.deleteAllKeys(),
    () => client.importKeyMaterial({ keyid: KEYID, padding_mode: 'EH_RSA_PKCS1', key_material: new Uint8Array(1), importToken: 'T' }),
    () => client.createSecret({ secretName: 's', secretData: 'v' }),
    () => client.updateSecretDescription('s', 'd'),
    () => client.putSecretValue('s', 'v'),
    () => client.deleteSecret('s'),
    () => client.restoreSecret('s'),
    () => client.rotateSecret('s'),
    () => client.setRotationWebhook('https://example.org'),
    () => client.deleteRotationWebhook(),
    () => client.uploadQuotePolicy({ mrEnclave: '00'.repeat(32), mrSigner: '11'.repeat(32) }),
    () => VouchsafeClient.enroll({ baseUrl: server.url, sleep: () => Promise.resolve() }),
  ]
  for (const call of calls) await assert.rejects(call(), VouchsafeConnectionError)
  const once = Object.entries(EHSM).flatMap(([name, action]) => (action.repeatable ? [] : [name]))
  assert.deepEqual(server.seen.map((request) => request.action).sort(), once.sort())
})

test('a refused connection is tried again for every action, since nothing was sent', async () => {
  const listener = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => listener.once('listening', resolve))
  const { port } = listener.address() as AddressInfo
  await new Promise((resolve) => listener.close(resolve))
  const { client, waits } = clientOf(`http://127.0.0.1:${port}`)
  await assert.rejects(client.createKey({ keyspec: 'EH_AES_GCM_128' }), (error) => {
    assert.ok(error instanceof VouchsafeConnectionError)
    assert.equal(error.maybeExecuted, false)
    assert.match(error.message, /^CreateKey: cannot reach the server: .*ECONNREFUSED/)
    return true
  })
  assert.equal(waits.length, 2)
})

test('a failure without a known cause counts as one after which the request may have been executed', async () => {
  for (const thrown of [new TypeError('fetch failed'), 'text', new AggregateError([])]) {
    const { client, waits } = clientOf('http://127.0.0.1:9000', { fetch: () => Promise.reject(thrown) })
    const failure = client.createKey({ keyspec: 'EH_AES_GCM_128' })
    await assert.rejects(failure, (error) => error instanceof VouchsafeConnectionError && error.maybeExecuted)
    assert.deepEqual(waits, [])
  }
})

test('no answer within the time limit is a VouchsafeConnectionError, also when the answer stops half-way', async () => {
  for (const stuck of [() => undefined, (response: ServerResponse) => void response.write('{"code":200,')]) {
    await using server = await startStandIn(() => stuck)
    const { client } = clientOf(server.url, { timeoutMs: 100, retries: 0 })
    await assert.rejects(client.listKeys(), /^VouchsafeConnectionError: ListKey: no answer within 100 ms$/)
  }
})

test('HTTP errors are VouchsafeConnectionErrors; only those of a proxy without server are tried again', async () => {
  for (const [status, requests] of [
    [503, 3],
    [502, 3],
    [404, 1],
    [500, 1],
  ]) {
    await using server = await startStandIn(() => (response) => void response.writeHead(status!).end('<html>'))
    const { client } = clientOf(server.url)
    await assert.rejects(client.listKeys(), new RegExp(`ListKey: HTTP status ${status}$`))
    assert.equal(server.seen.length, requests)
  }
})

test('redirects are not followed', async () => {
  await using elsewhere = await startStandIn(() => ({ result: { list: [] } }))
  await using server = await startStandIn(
    () => (response) => void response.writeHead(307, { location: `${elsewhere.url}/ehsm?Action=ListKey` }).end(),
  )
  await assert.rejects(clientOf(server.url).client.listKeys(), /HTTP status 307 \(redirects are not followed\)/)
  assert.equal(elsewhere.seen.length, 0)
})

test('what is not an envelope is a VouchsafeConnectionError and not tried again', async () => {
  for (const text of ['', '<html>', 'null', '7', '[]', '{"code":"200"}', '{"code":200,"message":7}', '{"code":200,"result":null}']) {
    await using server = await startStandIn(() => (response) => void response.end(text))
    await assert.rejects(clientOf(server.url).client.listKeys(), (error) => error instanceof VouchsafeConnectionError, text)
    assert.equal(server.seen.length, 1)
  }
})

test('an answer without message is understood', async () => {
  await using server = await startStandIn(() => (response) => void response.end('{"code":400,"result":{}}'))
  await assert.rejects(clientOf(server.url).client.listKeys(), (error) => error instanceof VouchsafeError && error.code === 400)
})

test('an answer beyond the limit is not read to its end', async () => {
  let sent = 0
  let closed: Promise<unknown> | undefined
  await using server = await startStandIn(() => (response) => {
    closed = new Promise((resolve) => response.once('close', resolve))
    const block = Buffer.alloc(1 << 20, ' ')
    const pump = () => {
      while (!response.destroyed && response.write(block)) sent += block.length
      sent += block.length
    }
    response.on('drain', pump)
    pump()
  })
  await assert.rejects(clientOf(server.url).client.listKeys(), /longer than/)
  await closed
  assert.ok(sent < 2 * MAX_ANSWER_BYTES)
})

test('the clock of the server is learnt from its Date header, with one repeat, and kept', async () => {
  const theirs = Date.parse('2022-01-24T17:40:12Z')
  const ours = theirs - 3 * 3600_000
  await using server = await startStandIn(({ timestamp }) =>
    Math.abs(Number(timestamp) - theirs) < 600_000
      ? { result: { list: [] } }
      : { code: 400, message: 'Timestamp error', date: new Date(theirs).toUTCString() },
  )
  const { client, waits } = clientOf(server.url, { now: () => ours })
  await client.listKeys()
  await client.listKeys()
  assert.deepEqual(
    server.seen.map((request) => Number(request.timestamp)),
    [ours, theirs + 500, theirs + 500],
  )
  assert.deepEqual(waits, [])
})

test('a clock behind those of other clients catches up when a restarted server says so, and a fast or absurd one stays', async () => {
  const theirs = Date.parse('2022-01-24T17:40:12Z')
  const stampsOf = async (ours: number): Promise<number[]> => {
    await using server = await startStandIn((_, count) =>
      count < 1
        ? { code: 400, message: 'Timestamp error, the server restarted', date: new Date(theirs).toUTCString() }
        : { result: { list: [] } },
    )
    await clientOf(server.url, { now: () => ours }).client.listKeys()
    return server.seen.map(({ timestamp }) => Number(timestamp))
  }
  const minute = 60_000
  assert.deepEqual(await stampsOf(theirs - 10 * minute), [theirs - 10 * minute, theirs + 500])
  for (const ours of [theirs + 10 * minute, theirs - 31 * minute]) assert.deepEqual(await stampsOf(ours), [ours, ours])
})

test('a Timestamp error that the Date header does not explain is reported at once', async () => {
  const now = Date.parse('2022-01-24T17:40:12Z')
  for (const date of [new Date(now).toUTCString(), 'yesterday']) {
    await using server = await startStandIn(() => ({ code: 400, message: 'Timestamp error', date }))
    await assert.rejects(clientOf(server.url, { now: () => now }).client.listKeys(), /^VouchsafeError: Timestamp error$/)
    assert.equal(server.seen.length, 1)
  }
})

test('a clock is learnt once per call, so that a server with a wandering clock is not asked for ever', async () => {
  await using server = await startStandIn((_, count) => ({
    code: 400,
    message: 'Timestamp error',
    date: new Date(Date.UTC(2020 + count)).toUTCString(),
  }))
  await assert.rejects(clientOf(server.url).client.listKeys(), VouchsafeError)
  assert.equal(server.seen.length, 2)
})

for (const message of ["Timestamp can't be repeated in 20 minutes", 'Timestamp error, the server restarted; send a newer one']) {
  test(`"${message.slice(0, 30)}…" is answered with newer timestamps, for every action and without retries`, async () => {
    let now = 1_643_050_812_444
    const sleep = async (ms: number) => void (now += ms)
    await using server = await startStandIn((_, count) => (count < 4 ? { code: 400, message } : { result: { keyid: KEYID } }))
    const { client } = clientOf(server.url, { now: () => now, sleep, retries: 0 })
    await client.createKey({ keyspec: 'EH_AES_GCM_128' })
    assert.deepEqual(
      server.seen.map((request) => Number(request.timestamp) - 1_643_050_812_444),
      [0, 50, 150, 350, 750],
    )
  })

  test(`"${message.slice(0, 30)}…" is reported after four seconds`, async () => {
    await using server = await startStandIn(() => ({ code: 400, message, date: 'Thu, 01 Jan 2099 00:00:00 GMT' }))
    const { client, waits } = clientOf(server.url)
    await assert.rejects(
      client.createKey({ keyspec: 'EH_AES_GCM_128' }),
      (error) => error instanceof VouchsafeError && error.message === message,
    )
    assert.equal(
      waits.reduce((sum, ms) => sum + ms),
      4000,
    )
    assert.equal(server.seen.length, waits.length + 1)
  })
}
