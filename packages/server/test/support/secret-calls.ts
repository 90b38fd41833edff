// Operations on secrets with arguments that meet each other, for the test that compares the databases.
import fc from 'fast-check'
import type { Args, OperationName } from '../../src/storage/operation.ts'
import { auditRow, rotationWebhookRow, secretRow, secretVersionRow } from './rows.ts'

const appId = fc.constantFrom('app', 'B', 'ä')
const secretId = fc.constantFrom('a', 'B', 'ä')
const name = fc.constantFrom('n', 'N', '\ud800', 'a"\n\0')
const keyId = fc.constantFrom('a', 'b', 'app default', 'B default')
const time = fc.integer({ min: 0, max: 12 })
const limit = fc.integer({ min: 0, max: 4 })
const version = fc.integer({ min: 1, max: 4 })
const rotationId = fc.constantFrom('r', 'other')
const bytes = fc.uint8Array({ maxLength: 5 })
const text = fc.constantFrom('', 'ünï ☃ 𝄞', "it's; --")
const audit = fc.option(fc.record({ at: time, detail: fc.option(text) }).map(auditRow))
const named = { appId, name, audit }
const versionRow = fc.record({ version, createdAt: time, sealed: bytes }).map(secretVersionRow)

const secret = fc
  .record({
    id: secretId,
    appId,
    name,
    description: text,
    keyId,
    createdAt: time,
    dataKey: bytes,
    nextRotationAt: time,
    rotationDueAt: time,
  })
  .map(secretRow)

interface SecretCall {
  name: OperationName
  args: fc.Arbitrary<unknown>
}

function call<K extends OperationName>(operation: K, args: fc.Arbitrary<Args<K>>): SecretCall {
  return { name: operation, args }
}

export const secretCalls: SecretCall[] = [
  call('findDefaultKeyId', fc.record({ appId })),
  ...Array.from({ length: 5 }, () => call('insertSecret', fc.record({ secret, version: fc.constant(secretVersionRow()), limit, audit }))),
  call('findSecret', fc.record({ appId, name })),
  call('findSecretValue', fc.record({ appId, name, version: fc.option(version) })),
  call('updateSecretDescription', fc.record({ ...named, description: text })),
  ...Array.from({ length: 4 }, () =>
    call(
      'putSecretVersion',
      fc.record({
        secretId,
        keyGeneration: fc.constantFrom(1, 2),
        version: versionRow,
        pruneTo: fc.constantFrom(0, 0, 1, 2),
        audit,
        pruneAudit: audit,
      }),
    ),
  ),
  call('listSecrets', fc.record({ appId, after: fc.option(fc.record({ createdAt: time, id: secretId })), limit })),
  call('listSecretVersions', fc.record({ appId, name, before: fc.option(version), limit })),
  call('countDependentSecrets', fc.record({ keyIds: fc.array(keyId, { maxLength: 4 }) })),
  call('secretStatistics', fc.constant(undefined)),
  call('scheduleSecretDeletion', fc.record({ ...named, deletedAt: time, destroyAt: time })),
  call('destroySecret', fc.record({ ...named, at: time })),
  call('restoreSecret', fc.record(named)),
  call('destroyDueSecrets', fc.record({ now: time, limit, audit })),
  call('requestSecretRotation', fc.record({ ...named, at: time })),
  ...Array.from({ length: 3 }, () =>
    call('claimSecretRotation', fc.record({ now: time, leaseUntil: time, rotationId, exceptApps: fc.array(appId, { maxLength: 2 }) })),
  ),
  call('readSecretVersions', fc.record({ secretId, after: limit, limit })),
  ...Array.from({ length: 3 }, () =>
    call(
      'completeSecretRotation',
      fc
        .record({
          secretId,
          rotationId,
          currentVersion: version,
          keyGeneration: fc.constantFrom(1, 2),
          dataKey: bytes,
          newSealed: fc.option(bytes),
          at: time,
          audit,
        })
        .map(({ newSealed, ...args }) => ({
          ...args,
          domainVersion: 2,
          versions: [secretVersionRow({ version: args.currentVersion, sealed: args.dataKey })],
          newVersion: newSealed && secretVersionRow({ version: args.currentVersion + 1, sealed: newSealed }),
          pruneTo: args.currentVersion - 2,
          nextRotationAt: args.at + 1,
          pruneAudit: args.audit,
        })),
    ),
  ),
  call('failSecretRotation', fc.record({ secretId, rotationId, at: time, failure: text, dueAt: time })),
  call('putRotationWebhook', fc.record({ webhook: fc.record({ appId, url: text, signingKey: bytes }).map(rotationWebhookRow), audit })),
  call('findRotationWebhook', fc.record({ appId })),
  call('deleteRotationWebhook', fc.record({ appId, audit })),
]
