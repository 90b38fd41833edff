import assert from 'node:assert/strict'
import { test } from 'node:test'
import { testStore } from '@vouchsafe/testkit/databases'
import { ServiceError, type ErrorCode } from '../../src/foundation/errors.ts'
import { sealMaterial } from '../../src/keys/key-row.ts'
import { enrollApp, openDomain } from '../support/domain.ts'
import { pinnedRuntime } from '../support/runtime.ts'
import { asApp } from '@vouchsafe/testkit/callers'
import { keyRow } from '../support/rows.ts'

/** Everything that can be wrong with a key, by the order in which it is said. */
const FLAWS: readonly [string, ErrorCode][] = [
  ['deleted', 'key_missing'],
  ['disabled', 'key_disabled'],
  ['expired', 'key_expired'],
  ['pending import', 'key_pending_import'],
  ['wrong usage', 'key_usage'],
]

test('of all that is wrong with a key, the first reason is given: missing, disabled, expired, pending import, usage', async (t) => {
  const runtime = pinnedRuntime()
  await using store = await testStore('sqlite')
  await using domain = await openDomain({ storage: await store.open(), dataDir: store.location.dataDir, runtime })
  const app = await enrollApp(domain)
  const material = await domain.crypto.generate('EH_AES_GCM_256')

  for (let combination = 0; combination < 2 ** FLAWS.length; combination++) {
    const flaws = FLAWS.filter((_, i) => (combination & (1 << i)) !== 0)
    const has = (flaw: string) => flaws.some(([name]) => name === flaw)
    await t.test(flaws.map(([name]) => name).join(' + ') || 'nothing wrong', async () => {
      const row = keyRow({
        id: runtime.uuid(),
        appId: app,
        origin: 'external',
        usage: has('wrong usage') ? 'sign' : 'encrypt',
        enabled: !has('disabled'),
        expiresAt: runtime.now() + (has('expired') ? -1 : 1_000),
        material: null,
        domainVersion: 0,
      })
      const sealed = has('pending import') ? undefined : sealMaterial(domain, row, material)
      const key = sealed ? { ...row, material: sealed.blob, domainVersion: sealed.domainVersion } : row
      await domain.storage.insertKey({ key, limit: 100, audit: null })
      const deletion = { deletedAt: runtime.now(), destroyAt: runtime.now() + 1_000, audit: null }
      if (has('deleted')) await domain.storage.deleteKeys({ appId: app, id: row.id, ...deletion })

      const encrypting = domain.cryptography.encrypt(asApp(app), row.id, Buffer.from('text'), undefined)
      const expected = flaws[0]?.[1]
      if (expected === undefined) await encrypting
      else await assert.rejects(encrypting, (error) => error instanceof ServiceError && error.code === expected)
      // Whoever the key doesn't belong to learns nothing of it.
      const foreign = domain.cryptography.encrypt(asApp('other'), row.id, Buffer.from('text'), undefined)
      await assert.rejects(foreign, (error) => error instanceof ServiceError && error.code === 'key_missing')
    })
  }
})
