// Backup and restore through the command line, on both databases and between them.
import assert from 'node:assert/strict'
import { copyFile, open, readFile, readdir, rename, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { systemRuntime } from '@vouchsafe/server/testing'
import { call, enroll, succeed } from '@vouchsafe/testkit/ehsm-calls'
import { LATER, fill, later, openInstallation, useAll } from './support/installation.ts'
import type { Belongings, Installation } from './support/installation.ts'

const PASSPHRASE = 'a passphrase of the backup'
const ENV = { VOUCHSAFE_BACKUP_PASSPHRASE: PASSPHRASE }

/** An installation with two apps, and what they have. */
async function furnished(kind: 'sqlite' | 'postgres'): Promise<{ place: Installation; all: Belongings[]; url: string }> {
  const place = await openInstallation(kind, ENV)
  const { url } = await place.start()
  const all: Belongings[] = []
  for (let i = 0; i < 2; i++) all.push(await fill(url, await enroll(url), 7))
  return { place, all, url }
}

for (const [from, to] of [
  ['sqlite', 'sqlite'],
  ['sqlite', 'postgres'],
  ['postgres', 'sqlite'],
  ['postgres', 'postgres'],
] as const) {
  test(`a backup from ${from} restores into ${to}: every key and secret works, under another root key`, async () => {
    const { place, all, url } = await furnished(from)
    await using _place = place
    const [{ app, keys }] = all as [Belongings]
    const external = (await succeed(url, app, 'CreateKey', { keyspec: 'EH_AES_GCM_256', origin: 'EH_EXTERNAL_KEY' })).keyid
    await succeed(url, app, 'DisableKey', { keyid: keys[1]!.keyid })
    await succeed(url, app, 'DeleteKey', { keyid: keys[2]!.keyid })
    const token = JSON.parse(await place.done(['enroll-tokens', 'create', '--json'])) as { token: string }
    const file = place.path('backup')
    assert.match(await place.done(['backup', file]), /: \d+ bytes\n$/)
    assert.equal((await stat(file)).mode & 0o777, 0o600)
    assert.match(await place.done(['restore', file, '--check']), /with 2 apps, 17 keys and 6 secrets is whole/)

    await using target = await openInstallation(to, ENV)
    assert.match(await target.done(['restore', file]), /with 2 apps, 17 keys and 6 secrets is restored/)
    const server = await target.start([], LATER)
    assert.notDeepEqual(await readFile(join(place.dataDir, 'root.key')), await readFile(join(target.dataDir, 'root.key')))
    for (const belongings of all) {
      const usable = belongings.keys.filter(({ keyid }) => keyid !== keys[1]!.keyid && keyid !== keys[2]!.keyid)
      await useAll(server.url, { ...belongings, keys: usable }, later)
    }
    assert.equal(
      (await call(server.url, app, 'Decrypt', { keyid: keys[1]!.keyid, ciphertext: keys[1]!.made }, later())).message,
      'keyid is disabled',
    )
    await target.done(['keys', 'restore', keys[2]!.keyid])
    assert.equal((await succeed(server.url, app, 'DescribeKey', { keyid: external }, later())).keyState, 1)
    target.env['VOUCHSAFE_ENROLL_TOKEN'] = token.token
    await target.done(['enroll'])
    // New rows go on where the old ones ended.
    const { records } = JSON.parse(await target.done(['audit', 'query', '--plane', 'management', '--limit', '1000', '--json'])) as {
      records: { action: string }[]
    }
    const actions = records.map(({ action }) => action)
    assert.ok(actions.indexOf('Backup') < 0 || actions.indexOf('Restore') > 0)
    assert.ok(actions.lastIndexOf('Enroll') > actions.indexOf('Restore'))
  })
}

test('what the old server may have accepted, the restored one refuses for ten minutes', async () => {
  const { place, all } = await furnished('sqlite')
  await using _place = place
  const file = place.path('backup')
  await place.done(['backup', file])
  await using target = await openInstallation('sqlite', ENV)
  await target.done(['restore', file])
  let now = Date.now()
  const { url } = await target.start([], { ...systemRuntime, now: () => now })
  const stamp = () => ({ timestamp: String(now) })
  assert.match((await call(url, all[0]!.app, 'ListKey', undefined, stamp())).message, /^Timestamp error/)
  now += 9 * 60_000
  assert.match((await call(url, all[0]!.app, 'ListKey', undefined, stamp())).message, /^Timestamp error/)
  now += 2 * 60_000
  await succeed(url, all[0]!.app, 'ListKey', undefined, stamp())
})

test('a backup made while work goes on is of one moment', async () => {
  for (const kind of ['sqlite', 'postgres'] as const) {
    const { place, all, url } = await furnished(kind)
    await using _place = place
    const { app } = all[0]!
    let done = false
    const work = (async () => {
      for (let i = 0; !done; i++) {
        await succeed(url, app, 'CreateSecret', { secretName: `busy ${i}`, secretData: 'x' })
        await succeed(url, app, 'PutSecretValue', { secretName: `busy ${i}`, secretData: 'y' })
      }
    })()
    const file = place.path('backup')
    await place.done(['backup', file])
    done = true
    await work
    await using target = await openInstallation('sqlite', ENV)
    await target.done(['restore', file])
    const server = await target.start([], LATER)
    for (const belongings of all) await useAll(server.url, belongings, later)
  }
})

test('a store that is not empty, or on which a server runs, is not restored into', async () => {
  const { place, all, url } = await furnished('sqlite')
  await using _place = place
  const file = place.path('backup')
  await place.done(['backup', file])
  assert.match(await place.refused(['restore', file]), /a server is running on this store/)
  await using other = await openInstallation('sqlite', ENV)
  const server = await other.start()
  const belongings = await fill(server.url, await enroll(server.url), 3)
  await server[Symbol.asyncDispose]()
  assert.match(await other.refused(['restore', file]), /the store is not empty/)
  const keyFile = join(other.dataDir, 'root.key')
  await rename(keyFile, other.path('elsewhere'))
  assert.match(await other.refused(['restore', file]), /the store is not empty/)
  await assert.rejects(stat(keyFile), { code: 'ENOENT' })
  await rename(other.path('elsewhere'), keyFile)
  await useAll((await other.start()).url, belongings)
  await useAll(url, all[0]!)
})

test('a store that a server has only just made is empty', async () => {
  const { place, all } = await furnished('sqlite')
  await using _place = place
  const file = place.path('backup')
  await place.done(['backup', file])
  await using target = await openInstallation('postgres', ENV)
  await (await target.start())[Symbol.asyncDispose]()
  // Nothing is lost with this one.
  await rm(join(target.dataDir, 'root.key'))
  await target.done(['restore', file])
  await useAll((await target.start([], LATER)).url, all[1]!, later)
})

test('a wrong passphrase, and a file that was altered or cut short anywhere, change nothing', async () => {
  const { place } = await furnished('sqlite')
  await using _place = place
  const { url } = await place.start()
  // Large enough for several pieces.
  await fill(url, await enroll(url), 60)
  const file = place.path('backup')
  await place.done(['backup', file])
  const { size } = await stat(file)
  assert.ok(size > 64 * 1024)
  await using target = await openInstallation('sqlite', ENV)
  target.env['VOUCHSAFE_BACKUP_PASSPHRASE'] = `${PASSPHRASE}!`
  assert.match(await target.refused(['restore', file]), /the passphrase is wrong, or the backup was altered/)
  target.env['VOUCHSAFE_BACKUP_PASSPHRASE'] = PASSPHRASE
  const damaged = place.path('damaged')
  for (const at of [0.01, 0.3, 0.7, 0.999]) {
    await copyFile(file, damaged)
    const handle = await open(damaged, 'r+')
    const position = Math.floor(size * at)
    const { buffer } = await handle.read(Buffer.alloc(1), 0, 1, position)
    buffer[0]! ^= 1
    await handle.write(buffer, 0, 1, position)
    await handle.close()
    assert.match(await target.refused(['restore', damaged]), /altered|damaged|not a Vouchsafe backup/, `altered at ${at}`)
    await copyFile(file, damaged)
    await truncate(damaged, position)
    assert.match(await target.refused(['restore', damaged]), /cut short|not a Vouchsafe backup/, `cut at ${at}`)
  }
  await writeFile(damaged, 'no backup at all\n')
  assert.match(await target.refused(['restore', damaged]), /this is not a Vouchsafe backup/)
  await writeFile(damaged, Buffer.alloc(100_000, 65))
  assert.match(await target.refused(['restore', damaged]), /this is not a Vouchsafe backup/)
  const header = JSON.parse((await readFile(file)).toString('latin1').split('\n')[0]!) as Record<string, unknown>
  for (const change of [{ memory: 2 ** 40 }, { memory: 8, lanes: 16 }, { passes: 1e9 }, { salt: 'AAAA' }, { kdf: 'none' }]) {
    await writeFile(damaged, `${JSON.stringify({ ...header, ...change })}\n`)
    assert.match(await target.refused(['restore', damaged]), /the backup is damaged: its first line/)
  }
  assert.ok(!(await readdir(target.dataDir)).includes('root.key'))
  assert.match(await target.refused(['restore', place.path('missing')]), /no such file/)
})

test('a backup file is not replaced by mistake, and its passphrase is asked for', async () => {
  const { place } = await furnished('sqlite')
  await using _place = place
  const file = place.path('backup')
  await place.done(['backup', file])
  assert.match(await place.refused(['backup', file]), /exists; replace it with --force/)
  await place.done(['backup', file, '--force'])
  delete place.env['VOUCHSAFE_BACKUP_PASSPHRASE']
  assert.match(await place.refused(['backup', place.path('other')]), /no passphrase for the backup/)
  place.env['VOUCHSAFE_BACKUP_PASSPHRASE'] = 'short'
  assert.match(await place.refused(['backup', place.path('other')]), /12 to 1024 characters/)
  await assert.rejects(stat(place.path('other')))
})
