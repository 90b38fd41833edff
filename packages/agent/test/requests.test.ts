// What foreign input can do: nothing but be refused.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ConfigError, readConfig } from '../src/config.ts'
import { AgentError } from '../src/errors.ts'
import { readEvidenceRequest, readTokenRequest } from '../src/requests.ts'
import { claimsOf, expiryOf } from '../src/tokens.ts'
import { WorkQueue } from '../src/work-queue.ts'

/** JSON that has the names of real fields in it. */
const json = fc.letrec((tie) => ({
  value: fc.oneof({ maxDepth: 4 }, fc.jsonValue(), fc.array(tie('value'), { maxLength: 3 }), tie('object')),
  object: fc.dictionary(
    fc.constantFrom(
      'attester_info',
      'attester_type',
      'attester_types',
      'policy_ids',
      'nonce',
      'nonce_type',
      'iat',
      'value',
      'signature',
      'user_nonce',
      '__proto__',
    ),
    fc.oneof(tie('value'), fc.constantFrom('user', 'default', 'tpm_boot', 'A'.repeat(64), 1, null)),
  ),
})).value

test('any JSON for a request is read or refused as the caller’s mistake', () => {
  for (const read of [readTokenRequest, readEvidenceRequest])
    fc.assert(
      fc.property(json, (body) => {
        try {
          read(body)
        } catch (error) {
          assert.ok(error instanceof AgentError && error.status === 400, String(error))
        }
      }),
      { numRuns: 500 },
    )
})

test('any text for a configuration is read or refused with the file’s name', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        json.map((value) => JSON.stringify(value)),
        fc.json().map((text) => `agent: ${text}`),
      ),
      (text) => {
        try {
          readConfig(text, 'agent.yaml')
        } catch (error) {
          assert.ok(error instanceof ConfigError && error.message.startsWith('agent.yaml: '), String(error))
        }
      },
    ),
    { numRuns: 500 },
  )
})

test('any text for a token says nothing or what it says, never more', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.json().map((claims) => `a.${Buffer.from(claims).toString('base64url')}.c`),
      ),
      (token) => {
        assert.equal(typeof claimsOf(token), 'object')
        const expiry = expiryOf(token)
        assert.ok(expiry === undefined || Number.isFinite(expiry))
      },
    ),
  )
  const token = (exp: unknown) => `a.${Buffer.from(JSON.stringify({ exp })).toString('base64url')}.c`
  assert.equal(expiryOf(token(1_800_000_000)), 1_800_000_000_000)
  assert.equal(expiryOf(token(1_800_000_000_000)), 1_800_000_000_000)
  assert.equal(expiryOf(token('soon')), undefined)
})

test('work waits in order, up to the limit; what fails does not stop the rest', async () => {
  const queue = new WorkQueue(3)
  const order: number[] = []
  const gate = Promise.withResolvers<void>()
  const first = queue.run(async () => {
    await gate.promise
    order.push(1)
  })
  const second = queue.run(async () => {
    order.push(2)
    throw new Error('no')
  })
  const third = queue.run(async () => void order.push(3))
  await assert.rejects(
    queue.run(async () => undefined),
    (error) => error instanceof AgentError && error.status === 503 && /3 requests are waiting/.test(error.message),
  )
  gate.resolve()
  await first
  await assert.rejects(second, /^Error: no$/)
  await third
  assert.deepEqual(order, [1, 2, 3])
  assert.equal(await queue.run(async () => 4), 4)
})
