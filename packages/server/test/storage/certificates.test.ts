import assert from 'node:assert/strict'
import { eachDatabase } from '@vouchsafe/testkit/databases'
import { certificateRow, crlRow } from '../support/certificate-rows.ts'
import { auditRow } from '../support/rows.ts'

eachDatabase('a certificate is stored, changed under its version, listed by its last change and removed', async (store) => {
  const storage = await store.open()
  const first = certificateRow({ id: 'a', name: 'first', updatedAt: 1 })
  const second = certificateRow({
    id: 'b',
    name: 'second',
    updatedAt: 2,
    isDefault: true,
    description: 'text',
    types: ['policy', 'tpm_ima'],
  })
  for (const row of [first, second]) assert.equal(await storage.insertCertificate({ row, limit: 10, audit: auditRow() }), 'created')
  assert.deepEqual(await storage.listCertificates({ userId: 'user' }), [second, first])
  const changed = { ...first, name: 'renamed', version: 2, updatedAt: 3 }
  assert.equal(await storage.updateCertificate({ row: changed, audit: null }), 'updated')
  assert.equal(await storage.updateCertificate({ row: changed, audit: null }), 'conflict')
  assert.equal(await storage.updateCertificate({ row: { ...changed, version: 3, name: 'second' }, audit: null }), 'exists')
  assert.equal(await storage.updateCertificate({ row: { ...changed, version: 3, userId: 'other' }, audit: null }), 'missing')
  assert.deepEqual(await storage.listCertificates({ userId: 'user' }), [changed, second])
  assert.deepEqual(await storage.listCertificates({ userId: 'other' }), [])
  assert.deepEqual(await storage.deleteCertificates({ userId: 'other', ids: ['a'], type: null, at: 4, audit: null }), [])
  assert.deepEqual(await storage.deleteCertificates({ userId: 'user', ids: null, type: 'tpm_ima', at: 4, audit: null }), ['b'])
  assert.deepEqual(await storage.deleteCertificates({ userId: 'user', ids: ['a', 'x'], type: null, at: 4, audit: null }), ['a'])
  const changes = await storage.readChanges({ after: 0, limit: 100 })
  assert.deepEqual(
    changes.map(({ kind, objectId }) => `${kind} ${objectId}`),
    Array.from({ length: 5 }, () => 'certificate user'),
  )
})

eachDatabase('names are one of a kind for each user, and users do not share limits', async (store) => {
  const storage = await store.open()
  const insert = (id: string, userId: string, name: string) =>
    storage.insertCertificate({ row: certificateRow({ id, userId, name }), limit: 2, audit: null })
  assert.equal(await insert('a', 'u', 'n'), 'created')
  assert.equal(await insert('b', 'u', 'n'), 'exists')
  assert.equal(await insert('a', 'u', 'm'), 'exists')
  assert.equal(await insert('b', 'v', 'n'), 'created')
  assert.equal(await insert('c', 'u', 'o'), 'created')
  assert.equal(await insert('d', 'u', 'p'), 'limit')
})

eachDatabase('a CRL takes the place of the one with its id and the version before, and of no other', async (store) => {
  const storage = await store.open()
  const first = crlRow({ id: 'a', name: 'n' })
  const put = (row: typeof first, limit = 2) => storage.putCrl({ row, limit, audit: null })
  assert.equal(await put(first), 'stored')
  assert.equal(await put(crlRow({ id: 'b', name: 'n' })), 'conflict')
  const second = { ...first, version: 2, content: 'new', nextUpdate: null }
  assert.equal(await put({ ...second, version: 3 }), 'conflict')
  assert.equal(await put({ ...second, id: 'b' }), 'conflict')
  assert.equal(await put(second), 'stored')
  assert.equal(await put(crlRow({ id: 'c', name: 'm' })), 'stored')
  assert.equal(await put(crlRow({ id: 'd', name: 'o' })), 'limit')
  assert.deepEqual(await storage.listCrls({ userId: 'user' }), [crlRow({ id: 'c', name: 'm' }), second])
  assert.deepEqual(await storage.deleteCrls({ userId: 'user', ids: ['a'], at: 1, audit: null }), ['a'])
  assert.deepEqual(await storage.deleteCrls({ userId: 'user', ids: null, at: 1, audit: null }), ['c'])
})

eachDatabase('limits hold when several servers add at once', async (store) => {
  const servers = await Promise.all([store.open(), store.open()])
  const outcomes = await Promise.all(
    Array.from({ length: 12 }, (_, index) =>
      servers[index % 2]!.insertCertificate({ row: certificateRow({ id: `${index}`, name: `${index}` }), limit: 5, audit: null }),
    ),
  )
  assert.equal(outcomes.filter((outcome) => outcome === 'created').length, 5)
})

eachDatabase('outdated rows are given page by page, signed anew unless they have changed, and marked', async (store) => {
  const storage = await store.open()
  for (const id of ['a', 'b', 'c']) await storage.insertCertificate({ row: certificateRow({ id, name: id }), limit: 10, audit: null })
  await storage.putCrl({ row: crlRow(), limit: 10, audit: null })
  const outdated = async (after: string | null, limit = 2) =>
    (await storage.outdatedCertificates({ keyVersion: 2, after, limit })).map(({ id }) => id)
  assert.deepEqual([await outdated(null), await outdated('b')], [['a', 'b'], ['c']])
  const { signature } = certificateRow()
  const by = { signature: new Uint8Array([9]), keyVersion: 2 }
  await storage.replaceRowSignature({ table: 'certificates', id: 'a', signature, by })
  await storage.replaceRowSignature({ table: 'certificates', id: 'b', signature: new Uint8Array([7]), by })
  await storage.markRowAltered({ table: 'certificates', id: 'c', signature, at: 5 })
  assert.deepEqual(await outdated(null), ['b'])
  assert.deepEqual(
    (await storage.listCertificates({ userId: 'user' })).map(({ id, keyVersion, altered }) => [id, keyVersion, altered]),
    [
      ['a', 2, false],
      ['b', 1, false],
      ['c', 1, true],
    ],
  )
  assert.equal((await storage.outdatedCrls({ keyVersion: 2, after: null, limit: 10 })).length, 1)
  await storage.markRowAltered({ table: 'crls', id: 'crl', signature: crlRow().signature, at: 5 })
  assert.equal((await storage.outdatedCrls({ keyVersion: 2, after: null, limit: 10 })).length, 0)
})

eachDatabase('statistics count what has expired, what will soon, and what is stale', async (store) => {
  const storage = await store.open()
  for (const notAfter of [10, 20, 29, 30, 40])
    await storage.insertCertificate({ row: certificateRow({ id: `${notAfter}`, name: `${notAfter}`, notAfter }), limit: 10, audit: null })
  for (const nextUpdate of [10, 20, null])
    await storage.putCrl({ row: crlRow({ id: `${nextUpdate}`, name: `${nextUpdate}`, nextUpdate }), limit: 10, audit: null })
  assert.deepEqual(await storage.certificateStatistics({ now: 20, soon: 30 }), {
    certificates: 5,
    expired: 1,
    expiringSoon: 2,
    crls: 3,
    staleCrls: 1,
  })
})
