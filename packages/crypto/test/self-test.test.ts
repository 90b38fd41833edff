import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { KEY_SPECS, runSelfTests, SELF_TESTS, SelfTestError } from '../src/index.ts'
import type { SelfTest } from '../src/index.ts'

test('every known answer is given', async () => {
  await runSelfTests()
})

test('a broken answer refuses, naming its algorithm, for every algorithm', async () => {
  for (const broken of SELF_TESTS) {
    const answer = Buffer.from(broken.answer, 'hex')
    answer[answer.length - 1] = (answer.at(-1) ?? 0) ^ 1
    const table = SELF_TESTS.map((each) => (each === broken ? { ...each, answer: answer.toString('hex') } : each))
    await assert.rejects(runSelfTests(table), (error) => {
      assert.ok(error instanceof SelfTestError)
      assert.equal(error.algorithm, broken.algorithm)
      assert.match(error.message, new RegExp(broken.algorithm.replaceAll(/[#.]/g, '\\$&')))
      return true
    })
  }
})

test('an algorithm that throws or rejects refuses too', async () => {
  const throwing: SelfTest = { algorithm: 'throwing', answer: '', check: () => assert.fail() }
  const rejecting: SelfTest = { algorithm: 'rejecting', answer: '', check: () => Promise.reject(new Error()) }
  await assert.rejects(runSelfTests([throwing]), { name: 'SelfTestError', algorithm: 'throwing' })
  await assert.rejects(runSelfTests([rejecting]), { name: 'SelfTestError', algorithm: 'rejecting' })
})

test('every family in the table of key specs has a self-test', () => {
  const names = SELF_TESTS.map(({ algorithm }) => algorithm)
  assert.equal(new Set(names).size, names.length)
  for (const { name, family, bits } of KEY_SPECS.values()) {
    const wanted = {
      'aes-gcm': `AES-${bits}-GCM`,
      sm4: name.toUpperCase(),
      hmac: 'HMAC-SHA256',
      rsa: 'RSA OAEP',
      ec: `ECDSA ${name.slice('ec-'.length).toUpperCase()}`,
      sm2: 'SM2 signature',
    }[family]
    assert.ok(names.includes(wanted), `${name}: ${wanted}`)
  }
})

test('a fresh process runs them quickly', () => {
  // The bound is 100 ms on a quiet machine; this leaves room for a loaded one and still catches a table or a library gone slow.
  const script = `
    const { runSelfTests } = await import(${JSON.stringify(new URL('../src/index.ts', import.meta.url).href)})
    const start = performance.now()
    await runSelfTests()
    console.log(performance.now() - start)`
  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' })
  assert.ok(Number(stdout) > 0 && Number(stdout) < 1000, stdout)
})
