import assert from 'node:assert/strict'
import { eachDatabase } from '@vouchsafe/testkit/databases'

const NOW = { at: 1_000, audit: null }

function domainKey(version: number, checkValue: string) {
  return {
    version,
    rootKeyId: 'root',
    wrapped: new Uint8Array([version, 0, 255]),
    checkValue,
    createdAt: 1_000 + version,
    active: version !== 2,
    mac: new Uint8Array([version, 1]),
  }
}

eachDatabase('domain keys are listed by version', async ({ open }) => {
  const storage = await open()
  assert.deepEqual(await storage.listDomainKeys(), [])
  for (const version of [2, 10, 1])
    assert.equal(await storage.insertDomainKey({ row: domainKey(version, `check ${version}`), ...NOW }), true)
  assert.deepEqual(await storage.listDomainKeys(), [domainKey(1, 'check 1'), domainKey(2, 'check 2'), domainKey(10, 'check 10')])
})

eachDatabase('of two domain keys with one version the first stays', async ({ open }) => {
  const [one, other] = [await open(), await open()]
  const results = await Promise.all([
    one.insertDomainKey({ row: domainKey(1, 'one'), ...NOW }),
    other.insertDomainKey({ row: domainKey(1, 'other'), ...NOW }),
  ])
  assert.deepEqual(results.toSorted(), [false, true])
  assert.deepEqual(await one.listDomainKeys(), [domainKey(1, results[0] ? 'one' : 'other')])
})
