import assert from 'node:assert/strict'
import { test } from 'node:test'
import { testStore } from '@vouchsafe/testkit/databases'
import { systemRuntime as runtime } from '../../src/foundation/runtime.ts'
import { newDomainKey } from '../../src/envelope/domain-key.ts'
import { rootKeyFile } from '../../src/root-key/key-file.ts'
import { SealError } from '../../src/root-key/root-key-store.ts'
import { openEnvelope } from '../../src/envelope/envelope.ts'
import { auditRow } from '../support/rows.ts'

test('a vault whose store was restored into meanwhile neither seals nor opens, and says so', async () => {
  await using store = await testStore('sqlite')
  const storage = await store.open()
  const rootKeys = rootKeyFile({ dataDir: store.location.dataDir, runtime })
  const envelope = await openEnvelope(storage, rootKeys, runtime)
  const sealed = envelope.seal('key', ['id'], Buffer.from('content'))
  const root = (await rootKeys.load(null))!
  await storage.beginRestore()
  await storage.finishRestore({ domainKeys: [newDomainKey(root, 1, true, runtime)], fence: 1, at: 1, audit: auditRow() })
  // Each time, and not only until it has forgotten its own.
  for (let i = 0; i < 2; i++) {
    await assert.rejects(
      envelope.refresh(),
      (error) => error instanceof SealError && /other domain keys .*start the server again/.test(error.message),
    )
    assert.throws(() => envelope.seal('key', ['id'], Buffer.from('content')), SealError)
    assert.throws(() => envelope.open('key', ['id'], sealed), SealError)
  }
  assert.notEqual((await openEnvelope(storage, rootKeys, runtime)).current, 0)
})
