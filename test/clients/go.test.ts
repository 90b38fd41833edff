// A client in Go, which has nothing but its standard library.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { enroll } from '@vouchsafe/testkit/ehsm-calls'
import { startTestServer } from '@vouchsafe/testkit/server'
import { NODE, issueToken, run } from './attested.ts'

const PROGRAM = fileURLToPath(new URL('go/main.go', import.meta.url))
const go = (...args: string[]) => run('go', ['run', PROGRAM, ...args])

test('Go verifies an attestation token by the published keys, and refuses a changed one', async () => {
  await using server = await startTestServer()
  const token = await issueToken(server)
  assert.equal(await go('token', server.url, token), `${NODE}\n`)
  const [head, payload, signature] = token.split('.') as [string, string, string]
  const changed = `${payload.slice(0, -2)}${payload.endsWith('AA') ? 'BB' : 'AA'}`
  await assert.rejects(go('token', server.url, `${head}.${changed}.${signature}`), /verification error/)
})

test('Go signs requests: it creates a key, encrypts and decrypts', async () => {
  await using server = await startTestServer()
  const { appid, apikey } = await enroll(server.url)
  assert.equal(await go('encrypt', server.url, appid, apikey), 'a card number\n')
})
