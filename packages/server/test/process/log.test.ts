import assert from 'node:assert/strict'
import { test } from 'node:test'
import { REDACTED_FIELDS } from '../../src/process/log.ts'
import { collectedLog } from '../support/collected-log.ts'

test('no field that may hold a secret reaches the log, at three depths', () => {
  for (const field of REDACTED_FIELDS) {
    const { log, text } = collectedLog()
    log.info({ [field]: 'SECRET', kept: 1 }, 'top')
    log.info({ request: { [field]: 'SECRET', kept: 2 } }, 'nested')
    log.info({ request: { headers: { [field]: 'SECRET', kept: 3 } } }, 'nested twice')
    log.child({ [field]: 'SECRET' }).info({ kept: 4 }, 'bound')
    assert.ok(!text().includes('SECRET'), field)
    assert.equal(text().trim().split('\n').length, 4)
    for (const kept of [1, 2, 3, 4]) assert.ok(text().includes(`"kept":${kept}`))
  }
})

test('what operators and users of the attestation authority send has secrets too', () => {
  for (const field of ['api-key', 'apiKey', 'passphrase', 'pem', 'sealPassphrase', 'token'])
    assert.ok(REDACTED_FIELDS.includes(field), field)
})

test('a line of the log is one JSON object, whatever is logged', () => {
  const { log, text } = collectedLog('debug')
  log.debug({ err: new Error('line\nbreak'), action: '"}\n{"level":60' }, 'odd\nmessage')
  log.trace('below the level')
  const lines = text().trim().split('\n')
  assert.equal(lines.length, 1)
  assert.equal((JSON.parse(lines[0]!) as { msg: string }).msg, 'odd\nmessage')
})
