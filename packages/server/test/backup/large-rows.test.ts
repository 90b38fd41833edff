import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eachDatabase, testStore } from '@vouchsafe/testkit/databases'
import { newBackupFile, readBackupFile, type BackupLine } from '../../src/backup/backup-file.ts'
import { writeBackup } from '../../src/backup/write-backup.ts'
import { restoreBackup } from '../../src/backup/restore-backup.ts'
import { systemRuntime } from '../../src/foundation/runtime.ts'
import { rootKeyFile } from '../../src/root-key/key-file.ts'
import { openEnvelope } from '../../src/envelope/envelope.ts'
import { SCHEMA_VERSION } from '../../src/storage/index.ts'
import { baselineRow } from '../support/policy-rows.ts'
import { watchStorage } from '../support/watched-storage.ts'

const PASSPHRASE = 'a passphrase of the backup'
const AUDIT = { tenant: '', at: 1, actor: 'operator', action: 'Restore', object: '', result: 'ok', requestId: '', detail: null }

test('a row of a large baseline comes back as it was', async () => {
  const content = Buffer.alloc(34 * 1024 * 1024, 'a\n"é').toString()
  const digests = new Uint8Array(1024 * 1024).fill(200)
  const lines: BackupLine[] = [{ table: 'baseline_contents', row: { baseline_id: 'id', digests, content, none: null } }, { end: true }]
  const given = async function* () {
    yield* lines
  }
  const file = await newBackupFile(PASSPHRASE, systemRuntime)
  const read: BackupLine[] = []
  for await (const line of readBackupFile(file(given()), PASSPHRASE)) read.push(line)
  assert.deepEqual(read, lines)
})

eachDatabase('baselines, which may be large, are read and written one at a time', async (store) => {
  const runtime = systemRuntime
  const storage = await store.open()
  const envelope = await openEnvelope(storage, rootKeyFile({ dataDir: store.location.dataDir, runtime }), runtime)
  await storage.instanceId({ candidate: 'store', at: 1 })
  for (const [id, content] of Object.entries({ one: 'short', other: 'long', third: 'short' })) {
    const row = baselineRow({ id, name: id, digestsLength: 3 })
    const digests = new Uint8Array([1, 0, 255])
    assert.equal(await storage.insertBaseline({ row, content: { content, digests }, limit: 9, maxDigestBytes: 99, audit: null }), 'created')
  }
  await using snapshot = await storage.openSnapshot()
  for await (const rows of snapshot.rows('baseline_contents')) assert.equal(rows.length, 1)

  const file: Uint8Array[] = []
  for await (const piece of await writeBackup({ storage, envelope, runtime }, PASSPHRASE)) file.push(piece)
  await using target = await testStore('sqlite')
  const { storage: restored, calls } = watchStorage(await target.open())
  await restoreBackup(
    { storage: restored, rootKeys: rootKeyFile({ dataDir: target.location.dataDir, runtime }), runtime },
    {
      open: async function* () {
        yield* file
      },
      passphrase: PASSPHRASE,
      report() {},
    },
    SCHEMA_VERSION,
    () => AUDIT,
  )
  // All rows of each other table in one transaction, the contents of baselines each in one of its own.
  const others = ['instance', 'baselines', 'trail_entries', 'trail_rows', 'trail_heads', 'trail_writers']
  assert.equal(calls.filter((name) => name === 'insertRestored').length, others.length + 3)
  assert.equal(await restored.readBaselineContent({ id: 'other', version: 1 }), 'long')
  assert.deepEqual(await restored.readBaselineDigests({ id: 'other', version: 1 }), new Uint8Array([1, 0, 255]))
})
