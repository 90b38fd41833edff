import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isLoopback } from '../src/index.ts'

test('loopback are localhost, ::1 and 127.0.0.0/8, in brackets too', () => {
  for (const host of ['localhost', '::1', '[::1]', '127.0.0.1', '127.255.255.254']) assert.equal(isLoopback(host), true, host)
})

test('nothing else is loopback', () => {
  for (const host of [
    '',
    '0.0.0.0',
    '::',
    '10.0.0.1',
    '127.0.0.256',
    '127.1',
    '127.0.0.1.example.com',
    'localhost.example.com',
    '[::1',
    '::1]',
    '::ffff:127.0.0.1',
  ])
    assert.equal(isLoopback(host), false, host)
})
