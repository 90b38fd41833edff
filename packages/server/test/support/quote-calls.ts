// Operations on quotes with arguments that meet each other, for the test that compares the databases.
import fc from 'fast-check'
import type { Args, OperationName } from '../../src/storage/operation.ts'
import { auditRow, collateralRow, quotePolicyRow, simulatedPkiRow } from './rows.ts'

const appId = fc.constantFrom('app', 'B', 'ä')
const id = fc.constantFrom('p', 'P', 'q', 'ä')
const time = fc.integer({ min: 0, max: 4 })
const limit = fc.integer({ min: 0, max: 3 })
const bytes = fc.uint8Array({ maxLength: 5 })
const platform = fc.constantFrom('SGX 1', 'SGX 2', 'TDX 1', 'TDX 2')
const audit = fc.option(fc.record({ at: time }).map(auditRow))

interface QuoteCall {
  name: OperationName
  args: fc.Arbitrary<unknown>
}

function call<K extends OperationName>(operation: K, args: fc.Arbitrary<Args<K>>): QuoteCall {
  return { name: operation, args }
}

export const quoteCalls: QuoteCall[] = [
  ...Array.from({ length: 3 }, () =>
    call('insertQuotePolicy', fc.record({ policy: fc.record({ id, appId, createdAt: time }).map(quotePolicyRow), limit, audit })),
  ),
  call('findQuotePolicy', fc.record({ appId, id })),
  call(
    'listQuotePolicies',
    fc.record({ appId: fc.option(appId), after: fc.option(fc.record({ createdAt: time, id })), limit: fc.integer({ min: 1, max: 5 }) }),
  ),
  call('deleteQuotePolicy', fc.record({ id, audit })),
  ...Array.from({ length: 2 }, () =>
    call('putCollateral', fc.record({ row: fc.record({ platform, parts: bytes, fetchedAt: time }).map(collateralRow), limit })),
  ),
  call('findCollateral', fc.record({ platform })),
  call('insertSimulatedPki', fc.record({ row: fc.record({ id, sealed: bytes, createdAt: time }).map(simulatedPkiRow) })),
  call('findSimulatedPki', fc.record({ id })),
]
