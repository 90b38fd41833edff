import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemPlatform as platform } from '../../src/platform.ts'
import { newDomainKey } from '../../src/seal/domain-key.ts'
import { fileSeal } from '../../src/seal/key-file.ts'
import { SealError } from '../../src/seal/seal.ts'
import { openVault } from '../../src/seal/vault.ts'
import { testStore } from '../support/databases.ts'
import { auditRow } from '../support/rows.ts'

test('a vault whose store was restored into meanwhile neither seals nor opens, and says so', async () => {
  await using store = await testStore('sqlite')
  const storage = await store.open()
  const seal = fileSeal({ dataDir: store.location.dataDir, platform })
  const vault = await openVault(storage, seal, platform)
  const sealed = vault.seal('key', ['id'], Buffer.from('content'))
  const root = (await seal.load(null))!
  await storage.beginRestore()
  await storage.finishRestore({ domainKeys: [newDomainKey(root, 1, true, platform)], fence: 1, at: 1, audit: auditRow() })
  // Each time, and not only until it has forgotten its own.
  for (let i = 0; i < 2; i++) {
    await assert.rejects(
      vault.refresh(),
      (error) => error instanceof SealError && /other domain keys .*start the server again/.test(error.message),
    )
    assert.throws(() => vault.seal('key', ['id'], Buffer.from('content')), SealError)
    assert.throws(() => vault.open('key', ['id'], sealed), SealError)
  }
  assert.notEqual((await openVault(storage, seal, platform)).current, 0)
})
