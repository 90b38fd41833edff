// Quotes end to end: the real command line against a real server.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { SIMULATED_MEASUREMENTS } from '@vouchsafe/dcap'
import { enroll, succeed } from '@vouchsafe/testkit/ehsm-calls'
import { startTestServer } from '@vouchsafe/testkit/server'
import { openTerminal } from '@vouchsafe/testkit/terminal'

async function withServer(flags: string[] = []) {
  const server = await startTestServer({ flags })
  const terminal = await openTerminal(server.url)
  const app = await enroll(server.url)
  Object.assign(terminal.env, {
    VOUCHSAFE_APPID: app.appid,
    VOUCHSAFE_APIKEY: app.apikey,
    VOUCHSAFE_DATA_DIR: server.dataDir,
  })
  return {
    url: server.url,
    app,
    folder: terminal.dir,
    vouchsafe: terminal.vouchsafe,
    async [Symbol.asyncDispose]() {
      await terminal[Symbol.asyncDispose]()
      await server[Symbol.asyncDispose]()
    },
  }
}

test('a server’s simulated quote is asked for, and verifies with what its operator hands out, and not without', async () => {
  await using place = await withServer()
  const file = join(place.folder, 'quote.bin')
  const generated = await place.vouchsafe(['quote', 'generate', '--challenge', 'Y2hhbGxlbmdl', '--out', file])
  assert.deepEqual([generated.code, generated.text], [0, `the quote is in ${file}; it answers the challenge Y2hhbGxlbmdl\n`])
  const shown = (await place.vouchsafe(['quote', 'show', file, '--json'])).json() as { mrEnclave: string }
  assert.equal(shown.mrEnclave, SIMULATED_MEASUREMENTS.mrEnclave)

  const folder = join(place.folder, 'simulated')
  assert.equal((await place.vouchsafe(['quote', 'simulated', folder])).code, 0)
  const verify = ['quote', 'verify', file, '--collateral', join(folder, 'collateral.json'), '--at', new Date().toISOString()]
  const verified = await place.vouchsafe([...verify, '--root', join(folder, 'root.pem')])
  assert.equal(verified.code, 0, verified.text)
  assert.equal((await place.vouchsafe(verify)).code, 1)
})

test('quote generate refuses a quote that is bound to another key, and takes base64 only', async () => {
  await using place = await withServer()
  const other = await place.vouchsafe(['quote', 'generate', '--tls-key-hash', '11'.repeat(32)])
  assert.deepEqual([other.code, /bound to another TLS key/.test(other.stderr)], [1, true])
  assert.equal((await place.vouchsafe(['quote', 'generate', '--tls-key-hash', 'x'])).code, 2)
  assert.equal((await place.vouchsafe(['quote', 'generate', '--challenge', '!'])).code, 1)
  const plain = await place.vouchsafe(['quote', 'generate'])
  assert.match(plain.text, /^AwACAAAA[A-Za-z0-9+/]+=*\n$/)
})

test('operators see the policies that apps uploaded, and delete them', async () => {
  await using place = await withServer()
  const { mrEnclave, mrSigner } = SIMULATED_MEASUREMENTS
  const upload = { mr_enclave: mrEnclave, mr_signer: mrSigner }
  const { policyId } = (await succeed(place.url, place.app, 'UploadQuotePolicy', upload)) as unknown as { policyId: string }
  const list = await place.vouchsafe(['quote-policies', 'list', '--appid', place.app.appid])
  assert.match(list.text, new RegExp(`^POLICYID +APPID[^\\n]*\\n${policyId} +${place.app.appid} +${mrEnclave} +${mrSigner} `))
  assert.equal((await place.vouchsafe(['quote-policies', 'delete', policyId])).text, `quote policy ${policyId} is deleted\n`)
  const again = await place.vouchsafe(['quote-policies', 'delete', policyId])
  assert.deepEqual([again.code, again.stderr], [1, `vouchsafe: there is no quote policy ${policyId}\n`])
  assert.equal((await place.vouchsafe(['quote-policies', 'list'])).text, '')
})

test('there is nothing to hand out where quotes are not simulated', async () => {
  await using place = await withServer(['--quote-provider', 'none'])
  const refused = await place.vouchsafe(['quote', 'simulated', join(place.folder, 'x')])
  assert.deepEqual([refused.code, refused.stderr], [1, 'vouchsafe: the quote provider is not the simulated one\n'])
  assert.match((await place.vouchsafe(['quote', 'generate'])).stderr, /no quote provider/)
})
