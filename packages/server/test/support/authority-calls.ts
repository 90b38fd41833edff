// Operations of the attestation authority with arguments that meet each other, for the test that compares the databases.
import fc from 'fast-check'
import type { Args, OperationName } from '../../src/storage/operation.ts'
import { signingKeyRow, userCredentialRow } from './authority-rows.ts'
import { auditRow } from './rows.ts'

const id = fc.constantFrom('a', 'B', 'ä')
const userId = fc.constantFrom('u', 'U', "it's; --")
const time = fc.integer({ min: 0, max: 12 })
const limit = fc.integer({ min: 0, max: 4 })
const bytes = fc.uint8Array({ maxLength: 3 })
const digest = fc.constantFrom(1, 2, 3, 255).map((n) => new Uint8Array(4).fill(n))
const audit = fc.option(fc.record({ at: time }).map(auditRow))

const credential = fc
  .record({
    id,
    userId,
    kind: fc.constantFrom('api-key' as const, 'certificate' as const),
    fingerprint: digest,
    role: fc.constantFrom('attester' as const, 'auditor' as const, 'owner' as const),
    nodeId: fc.option(fc.constantFrom('node', 'ünï ☃')),
    madeFrom: fc.option(id),
    createdAt: time,
    expiresAt: fc.option(time),
    seal: bytes,
  })
  .map(userCredentialRow)

interface AuthorityCall {
  name: OperationName
  args: fc.Arbitrary<unknown>
}

function call<K extends OperationName>(operation: K, args: fc.Arbitrary<Args<K>>): AuthorityCall {
  return { name: operation, args }
}

export const authorityCalls: AuthorityCall[] = [
  ...Array.from({ length: 2 }, () => call('insertUser', fc.record({ credential, limit, audit }))),
  ...Array.from({ length: 2 }, () =>
    call(
      'insertUserCredential',
      fc.record({
        credential,
        limit,
        replaces: fc.option(fc.record({ id, expiresAt: time, seal: bytes, domainVersion: time })),
        audit,
      }),
    ),
  ),
  call('findUserCredential', fc.record({ fingerprint: digest })),
  call('listUserCredentials', fc.record({ userId: fc.option(userId), after: fc.option(id), limit })),
  call('deleteUserCredential', fc.record({ id, at: time, audit })),
  call('deleteExpiredUserCredentials', fc.record({ now: time })),
  call('listSigningKeys', fc.constant(undefined)),
  call(
    'insertSigningKey',
    fc.record({
      row: fc
        .record({
          name: fc.constantFrom('NSK' as const, 'TSK' as const),
          version: fc.constantFrom(1, 2, 10),
          sealed: bytes,
          createdAt: time,
        })
        .map(signingKeyRow),
      audit,
    }),
  ),
  call(
    'retireSigningKey',
    fc.record({
      name: fc.constantFrom('NSK' as const, 'FSK' as const, 'TSK' as const),
      version: fc.constantFrom(1, 2, 10),
      at: time,
      audit,
    }),
  ),
  call('instanceId', fc.record({ candidate: id, at: time })),
  call('insertUsedNonces', fc.record({ rows: fc.array(fc.record({ digest, expiresAt: time }), { maxLength: 5 }) })),
  call('purgeUsedNonces', fc.record({ now: time, limit: fc.constant(100) })),
]
