// Operations on policies and baselines with arguments that meet each other, for the test that compares the databases.
import fc from 'fast-check'
import type { Args, OperationName } from '../../src/storage/operation.ts'
import { baselineRow, policyRow } from './policy-rows.ts'
import { auditRow } from './rows.ts'

const id = fc.constantFrom('a', 'B', 'ä')
const userId = fc.constantFrom('u', "it's; --")
const name = fc.constantFrom('n', 'N', 'ünï ☃')
const time = fc.integer({ min: 0, max: 12 })
const limit = fc.integer({ min: 0, max: 3 })
const version = fc.integer({ min: 1, max: 3 })
const type = fc.constantFrom('tpm_boot', 'tpm_ima')
const text = fc.constantFrom('', 'text', 'ünï ☃ 𝄞')
const signature = fc.constantFrom(1, 2).map((n) => new Uint8Array([n]))
const audit = fc.option(fc.record({ at: time }).map(auditRow))
const ids = fc.option(fc.array(id, { maxLength: 3 }))
const maxDigestBytes = fc.constantFrom(0, 3, 100)
const common = {
  id,
  userId,
  name,
  description: fc.option(text),
  isDefault: fc.boolean(),
  version,
  createdAt: time,
  updatedAt: time,
  signature,
  keyVersion: version,
  altered: fc.boolean(),
}
const policy = fc
  .record({
    ...common,
    policyId: id,
    attesterTypes: fc.array(type, { maxLength: 2 }),
    isJwt: fc.boolean(),
    signerId: fc.option(id),
    content: text,
  })
  .map(policyRow)
const baseline = fc.record({ ...common, attesterType: type, digestsLength: limit }).map(baselineRow)
const content = fc.record({ content: text, digests: fc.uint8Array({ maxLength: 3 }) })
const table = fc.constantFrom('policies' as const, 'baselines' as const)

interface PolicyCall {
  name: OperationName
  args: fc.Arbitrary<unknown>
}

function call<K extends OperationName>(operation: K, args: fc.Arbitrary<Args<K>>): PolicyCall {
  return { name: operation, args }
}

export const policyCalls: PolicyCall[] = [
  ...Array.from({ length: 3 }, () => call('insertPolicy', fc.record({ row: policy, limit, audit }))),
  ...Array.from({ length: 2 }, () => call('updatePolicy', fc.record({ row: policy, audit }))),
  call('listPolicies', fc.record({ userId })),
  call('readPolicies', fc.record({ userId, policyIds: ids })),
  call('deletePolicies', fc.record({ userId, policyIds: ids, attesterType: fc.option(type), at: time, audit })),
  call('outdatedPolicies', fc.record({ keyVersion: version, after: fc.option(id), limit })),
  ...Array.from({ length: 3 }, () => call('insertBaseline', fc.record({ row: baseline, content, limit, maxDigestBytes, audit }))),
  ...Array.from({ length: 2 }, () =>
    call('updateBaseline', fc.record({ row: baseline, content: fc.option(content), maxDigestBytes, audit })),
  ),
  call('listBaselines', fc.record({ userId })),
  call('readBaselineContent', fc.record({ id, version })),
  call('readBaselineDigests', fc.record({ id, version })),
  call('deleteBaselines', fc.record({ userId, ids, attesterType: fc.option(type), at: time, audit })),
  call('outdatedBaselines', fc.record({ keyVersion: version, after: fc.option(id), limit })),
  call('replaceRowSignature', fc.record({ table, id, signature, by: fc.record({ signature, keyVersion: version }) })),
  call('markRowAltered', fc.record({ table, id, signature, at: time })),
]
