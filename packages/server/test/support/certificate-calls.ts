// Operations on certificates and CRLs with arguments that meet each other, for the test that compares the databases.
import fc from 'fast-check'
import type { Args, OperationName } from '../../src/storage/operation.ts'
import { certificateRow, crlRow } from './certificate-rows.ts'
import { auditRow } from './rows.ts'

const id = fc.constantFrom('a', 'B', 'ä')
const userId = fc.constantFrom('u', "it's; --")
const name = fc.constantFrom('n', 'N', 'ünï ☃')
const time = fc.integer({ min: 0, max: 12 })
const limit = fc.integer({ min: 0, max: 3 })
const version = fc.integer({ min: 1, max: 3 })
const type = fc.constantFrom('tpm_boot', 'policy')
const signature = fc.constantFrom(1, 2).map((n) => new Uint8Array([n]))
const audit = fc.option(fc.record({ at: time }).map(auditRow))
const ids = fc.option(fc.array(id, { maxLength: 3 }))
const signed = { signature, keyVersion: version, altered: fc.boolean() }

const certificate = fc
  .record({
    id,
    userId,
    name,
    description: fc.option(fc.constantFrom('', 'text')),
    types: fc.array(type, { maxLength: 2 }),
    isDefault: fc.option(fc.boolean()),
    notAfter: time,
    version,
    updatedAt: time,
    ...signed,
  })
  .map(certificateRow)
const crl = fc.record({ id, userId, name, nextUpdate: fc.option(time), version, updatedAt: time, ...signed }).map(crlRow)
const table = fc.constantFrom('certificates' as const, 'crls' as const)

interface CertificateCall {
  name: OperationName
  args: fc.Arbitrary<unknown>
}

function call<K extends OperationName>(operation: K, args: fc.Arbitrary<Args<K>>): CertificateCall {
  return { name: operation, args }
}

export const certificateCalls: CertificateCall[] = [
  ...Array.from({ length: 3 }, () => call('insertCertificate', fc.record({ row: certificate, limit, audit }))),
  ...Array.from({ length: 2 }, () => call('updateCertificate', fc.record({ row: certificate, audit }))),
  call('listCertificates', fc.record({ userId })),
  call('deleteCertificates', fc.record({ userId, ids, type: fc.option(type), at: time, audit })),
  call('certificateStatistics', fc.record({ now: time, soon: time })),
  ...Array.from({ length: 3 }, () => call('putCrl', fc.record({ row: crl, limit, audit }))),
  call('listCrls', fc.record({ userId })),
  call('deleteCrls', fc.record({ userId, ids, at: time, audit })),
  call('outdatedCertificates', fc.record({ keyVersion: version, after: fc.option(id), limit })),
  call('outdatedCrls', fc.record({ keyVersion: version, after: fc.option(id), limit })),
  call('replaceRowSignature', fc.record({ table, id, signature, by: fc.record({ signature, keyVersion: version }) })),
  call('markRowAltered', fc.record({ table, id, signature, at: time })),
]
