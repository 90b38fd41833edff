/** What a server does about changes that it can't have seen. */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { eachDatabase } from '@vouchsafe/testkit/databases'
import { openDomain } from '../support/domain.ts'
import { pinnedRuntime } from '../support/runtime.ts'
import { addApp } from '../support/rows.ts'
import { watchStorage } from '../support/watched-storage.ts'
import { appCall, asApp } from '@vouchsafe/testkit/callers'

eachDatabase('a server that was cut off for longer than changes are kept forgets what it cached', async (store, t) => {
  const dataDir = await mkdtemp(join(tmpdir(), 'vouchsafe-test-'))
  t.after(() => rm(dataDir, { recursive: true, force: true }))
  const runtime = pinnedRuntime()
  const cutOff = watchStorage(await store.open())
  const other = await store.open()
  await using one = await openDomain({ storage: cutOff.storage, dataDir, runtime })
  await using two = await openDomain({ storage: other, dataDir, runtime })
  await addApp(other)
  const keyId = await two.keys.create(appCall('app'), {
    spec: 'EH_AES_GCM_256',
    origin: 'internal',
    usage: undefined,
    padding: undefined,
    digest: undefined,
    alias: undefined,
    expiresAt: undefined,
  })
  await one.cryptography.encrypt(asApp('app'), keyId, Buffer.from('before'), undefined)

  cutOff.failing.add('readChanges')
  await two.keys.setEnabled(appCall('app'), keyId, false)
  runtime.advance(61 * 60 * 1000)
  await other.pruneChanges({ before: runtime.now() })
  await one.feed.poll()
  assert.equal(one.feed.fresh, false)
  cutOff.failing.clear()
  await one.feed.poll()
  assert.equal(one.feed.fresh, true)
  await assert.rejects(one.cryptography.encrypt(asApp('app'), keyId, Buffer.from('after'), undefined), { code: 'key_disabled' })
})
