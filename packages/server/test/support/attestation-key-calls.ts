// Operations on attestation keys' certificates with arguments that meet each other, for the test that compares the databases.
import fc from 'fast-check'
import type { Args, OperationName } from '../../src/storage/operation.ts'
import { akAuthorityRow, akCertificateRow, akEnrolmentRow } from './attestation-key-rows.ts'
import { auditRow } from './rows.ts'

const userId = fc.constantFrom('u', "it's; --")
const ekDigest = fc.constantFrom('aa', 'bb')
const nodeId = fc.constantFrom('node', 'Node', 'ünï ☃')
const serialNumber = fc.constantFrom('01', '02', 'ff')
const time = fc.integer({ min: 0, max: 12 })
const limit = fc.integer({ min: 0, max: 3 })
const reason = fc.constantFrom('superseded', 'keyCompromise')
const audit = fc.option(fc.record({ at: time }).map(auditRow))
const bytes = fc.uint8Array({ maxLength: 3 })

interface AttestationKeyCall {
  name: OperationName
  args: fc.Arbitrary<unknown>
}

function call<K extends OperationName>(operation: K, args: fc.Arbitrary<Args<K>>): AttestationKeyCall {
  return { name: operation, args }
}

const certificate = fc
  .record({ userId, serialNumber, nodeId, ekDigest, issuedAt: time, notAfter: time, authorityVersion: fc.constantFrom(1, 2) })
  .map(akCertificateRow)

export const attestationKeyCalls: AttestationKeyCall[] = [
  call('listAkAuthorities', fc.record({ userId })),
  call(
    'insertAkAuthority',
    fc.record({ row: fc.record({ userId, version: fc.constantFrom(1, 2), sealed: bytes }).map(akAuthorityRow), audit }),
  ),
  ...Array.from({ length: 2 }, () =>
    call('insertAkEnrolment', fc.record({ row: fc.record({ userId, ekDigest, nodeId, seal: bytes }).map(akEnrolmentRow), limit, audit })),
  ),
  call('findAkEnrolment', fc.record({ userId, ekDigest })),
  call('listAkEnrolments', fc.record({ userId, after: fc.option(ekDigest), limit })),
  call('deleteAkEnrolment', fc.record({ userId, ekDigest, reason, at: time, audit })),
  ...Array.from({ length: 2 }, () => call('insertAkCertificate', fc.record({ row: certificate, enrolled: fc.boolean(), limit, audit }))),
  call('listAkCertificates', fc.record({ userId, nodeId: fc.option(nodeId), after: fc.option(serialNumber), limit })),
  call('listRevokedAkCertificates', fc.record({ userId, now: time })),
  call(
    'revokeAkCertificates',
    fc.record({ userId, of: fc.oneof(fc.record({ serialNumber }), fc.record({ nodeId })), reason, at: time, audit }),
  ),
  call('purgeAkCertificates', fc.record({ before: time, limit })),
]
