// Attestation keys' certificates and enrolments in the store.
import assert from 'node:assert/strict'
import { eachDatabase } from '@vouchsafe/testkit/databases'
import { akAuthorityRow, akCertificateRow, akEnrolmentRow } from '../support/attestation-key-rows.ts'
import { auditRow } from '../support/rows.ts'

eachDatabase('one version of a CA is made once, and is announced', async (store) => {
  const storage = await store.open()
  assert.equal(await storage.insertAkAuthority({ row: akAuthorityRow(), audit: auditRow() }), true)
  assert.equal(await storage.insertAkAuthority({ row: akAuthorityRow({ sealed: new Uint8Array([9]) }), audit: auditRow() }), false)
  assert.deepEqual(await storage.listAkAuthorities({ userId: 'user' }), [akAuthorityRow()])
  const changes = await storage.readChanges({ after: 0, limit: 10 })
  assert.deepEqual(
    changes.map(({ kind, objectId }) => [kind, objectId]),
    [['ak-certificate', 'user']],
  )
})

eachDatabase('one node has one endorsement key, also when two servers enrol at once', async (store) => {
  const [one, two] = [await store.open(), await store.open()]
  const rows = [akEnrolmentRow({ ekDigest: 'aa' }), akEnrolmentRow({ ekDigest: 'bb' })]
  const outcomes = await Promise.all([one, two].map((storage, i) => storage.insertAkEnrolment({ row: rows[i]!, limit: 10, audit: null })))
  assert.deepEqual(outcomes.toSorted(), ['created', 'exists'])
  assert.equal(await one.insertAkEnrolment({ row: akEnrolmentRow({ ekDigest: 'cc', nodeId: 'other' }), limit: 1, audit: null }), 'limit')
  assert.equal(await one.insertAkEnrolment({ row: akEnrolmentRow({ userId: 'another' }), limit: 1, audit: null }), 'created')
})

eachDatabase('a certificate is recorded only for what the enrolment says', async (store) => {
  const storage = await store.open()
  const insert = (enrolled: boolean, row = {}) =>
    storage.insertAkCertificate({ row: akCertificateRow(row), enrolled, limit: 2, audit: null })
  assert.equal(await insert(true), 'conflict', 'there is no enrolment')
  await storage.insertAkEnrolment({ row: akEnrolmentRow(), limit: 10, audit: null })
  assert.equal(await insert(false, { nodeId: 'ek' }), 'conflict', 'there is one')
  assert.equal(await insert(true, { nodeId: 'other' }), 'conflict')
  assert.equal(await insert(true), 'created')
  assert.equal(await insert(true, { serialNumber: '02', notAfter: 1_500 }), 'created')
  assert.equal(await insert(true, { serialNumber: '03' }), 'limit')
  assert.equal(await insert(true, { serialNumber: '03', issuedAt: 2_000 }), 'created', 'ended ones do not count')
})

eachDatabase('what is revoked is listed until it ends; deleting an enrolment revokes what it led to', async (store) => {
  const storage = await store.open()
  await storage.insertAkEnrolment({ row: akEnrolmentRow(), limit: 10, audit: null })
  for (const serialNumber of ['01', '02', '03']) {
    const row = akCertificateRow({ serialNumber, notAfter: serialNumber === '02' ? 3_000 : 9_000 })
    await storage.insertAkCertificate({ row, enrolled: true, limit: 10, audit: null })
  }
  const revoke = { userId: 'user', reason: 'superseded', at: 2_000, audit: auditRow() }
  assert.deepEqual(await storage.revokeAkCertificates({ ...revoke, of: { serialNumber: '01' } }), ['01'])
  assert.deepEqual(await storage.revokeAkCertificates({ ...revoke, of: { serialNumber: '01' } }), [], 'only once')
  assert.deepEqual(await storage.revokeAkCertificates({ ...revoke, userId: 'another', of: { nodeId: 'node' } }), [])
  const removed = { userId: 'user', ekDigest: 'ek', reason: 'keyCompromise', at: 4_000, audit: auditRow() }
  assert.equal(await storage.deleteAkEnrolment(removed), true)
  assert.equal(await storage.deleteAkEnrolment(removed), false)
  const revoked = await storage.listRevokedAkCertificates({ userId: 'user', now: 4_000 })
  assert.deepEqual(
    revoked.map(({ serialNumber, revokedAt, reason }) => [serialNumber, revokedAt, reason]),
    [
      ['01', 2_000, 'superseded'],
      ['03', 4_000, 'keyCompromise'],
    ],
  )
  assert.equal(await storage.purgeAkCertificates({ before: 9_000, limit: 10 }), 1)
  assert.equal(await storage.purgeAkCertificates({ before: 9_001, limit: 1 }), 1)
  assert.equal((await storage.listAkCertificates({ userId: 'user', nodeId: null, after: null, limit: 10 })).length, 1)
})
