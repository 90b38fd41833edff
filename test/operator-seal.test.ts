// The root of trust in an operator's hands: kinds of seal, and the rotation of root and domain keys.
import assert from 'node:assert/strict'
import { copyFile, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { call, enroll, succeed } from '@vouchsafe/testkit/ehsm-calls'
import { queryDatabase } from '@vouchsafe/testkit/raw-database'
import { fill, openInstallation, useAll } from './support/installation.ts'

const PASSPHRASE = 'correct horse battery'

interface SealState {
  seal: string
  rootKey: string
  domainKeys: { version: number; active: boolean }[]
}

for (const kind of ['sqlite', 'postgres'] as const) {
  test(`the root key is rotated while the server runs, and the old file opens the store no longer (${kind})`, async () => {
    await using place = await openInstallation(kind)
    const server = await place.start()
    const belongings = await fill(server.url, await enroll(server.url), 5)
    const keyFile = join(place.dataDir, 'root.key')
    const old = place.path('old.key')
    await copyFile(keyFile, old)
    const before = JSON.parse(await place.done(['seal', 'show', '--json'])) as SealState
    assert.equal(before.seal, 'file')
    assert.match(await place.done(['seal', 'rotate']), /the store is sealed by root key [0-9a-f-]{36} \(file\)/)
    const after = JSON.parse(await place.done(['seal', 'show', '--json'])) as SealState
    assert.notEqual(after.rootKey, before.rootKey)
    await useAll(server.url, belongings)
    await server[Symbol.asyncDispose]()
    const fresh = await readFile(keyFile)
    await copyFile(old, keyFile)
    await assert.rejects(place.start(), { name: 'SealError', message: /sealed by .*put the right file back/ })
    await writeFile(keyFile, fresh)
    await useAll((await place.start()).url, belongings)
  })

  test(`a new domain key takes over while the server works, and the old one is gone (${kind})`, async () => {
    await using place = await openInstallation(kind)
    const [one, other] = [await place.start(), await place.start()]
    const app = await enroll(one.url)
    const belongings = await fill(one.url, app, 12)
    const { keyid } = await succeed(one.url, app, 'CreateKey', { keyspec: 'EH_AES_GCM_256', origin: 'EH_EXTERNAL_KEY' })
    await succeed(one.url, app, 'GetParametersForImport', { keyid, keyspec: 'EH_RSA_2048' })
    await succeed(one.url, app, 'SetRotationWebhook', { url: 'http://127.0.0.1:1/' })
    // Work goes on, on both servers, from before the rotation until after it.
    let done = false
    const made: string[] = []
    const work = [one, other].map(async ({ url }) => {
      while (!done) {
        const key = (await succeed(url, app, 'CreateKey', { keyspec: 'EH_AES_GCM_256', origin: 'EH_INTERNAL_KEY' })).keyid
        made.push(String(key))
        await useAll(url, belongings)
      }
    })
    const text = await place.done(['domain-key', 'rotate'])
    assert.match(text, /^domain key 2 is in use, the old one is gone; \d+ blobs were re-wrapped\n$/)
    done = true
    await Promise.all(work)
    for (const table of ['api_keys', 'keys', 'secrets', 'secret_versions', 'import_sessions', 'rotation_webhooks']) {
      const [row] = await queryDatabase(
        place.store.location,
        `select count(*) as n, min(domain_version) as low from ${table} where domain_version > 0`,
      )
      assert.ok(Number(row!['n']) > 0, table)
      assert.equal(Number(row!['low']), 2, table)
    }
    const { domainKeys } = JSON.parse(await place.done(['seal', 'show', '--json'])) as SealState
    assert.deepEqual(
      domainKeys.map(({ version, active }) => [version, active]),
      [[2, true]],
    )
    for (const key of made) await succeed(one.url, app, 'Encrypt', { keyid: key, plaintext: 'AAAA' })
    // An unknown app still costs what a known one does, and gets the same answer.
    const stranger = { ...app, appid: '01234567-89ab-4def-8123-456789abcdef' }
    assert.equal((await call(one.url, stranger, 'ListKey')).message, 'sign error')
    await one[Symbol.asyncDispose]()
    await other[Symbol.asyncDispose]()
    const again = await place.start()
    await useAll(again.url, belongings)
    for (const key of made) await succeed(again.url, app, 'Encrypt', { keyid: key, plaintext: 'AAAA' })
  })
}

test('root and domain keys are rotated without a server as well', async () => {
  await using place = await openInstallation('sqlite')
  const server = await place.start()
  const belongings = await fill(server.url, await enroll(server.url), 4)
  await server[Symbol.asyncDispose]()
  await place.done(['domain-key', 'rotate'])
  await place.done(['seal', 'rotate'])
  await place.done(['domain-key', 'rotate'])
  await useAll((await place.start()).url, belongings)
  const audit = JSON.parse(await place.done(['audit', 'query', '--actor', 'operator', '--json'])) as { records: { action: string }[] }
  assert.deepEqual(
    audit.records.map(({ action }) => action),
    ['CreateDomainKey', 'RetireDomainKeys', 'RotateSeal', 'CreateDomainKey', 'RetireDomainKeys'],
  )
  await queryDatabase(place.store.location, `update keys set spec = 'aes-128-gcm' where id = $1`, [belongings.keys[0]!.keyid])
  const altered = new RegExp(`table keys, row ${belongings.keys[0]!.keyid}: it was altered in the store`)
  assert.match(await place.refused(['domain-key', 'rotate']), altered)
})

test('a root key under a passphrase: from the environment, a file, and refused when it is wrong or missing', async () => {
  await using place = await openInstallation('sqlite', { VOUCHSAFE_SEAL: 'passphrase', VOUCHSAFE_SEAL_PASSPHRASE: PASSPHRASE })
  const server = await place.start()
  const belongings = await fill(server.url, await enroll(server.url), 2)
  assert.match(await place.done(['seal', 'show']), /^seal +passphrase$/m)
  await server[Symbol.asyncDispose]()
  const file = await readFile(join(place.dataDir, 'root.key'))
  delete place.env['VOUCHSAFE_SEAL_PASSPHRASE']
  await assert.rejects(place.start(), { name: 'SealError', message: /protected by a passphrase, and none was given/ })
  assert.match(await place.refused(['apps', 'list']), /protected by a passphrase, and none was given/)
  const passphraseFile = place.path('passphrase')
  await writeFile(passphraseFile, `${PASSPHRASE}!\n`)
  place.env['VOUCHSAFE_SEAL_PASSPHRASE_FILE'] = passphraseFile
  await assert.rejects(place.start(), { name: 'SealError', message: /the passphrase is wrong/ })
  await rm(passphraseFile)
  await assert.rejects(place.start(), { name: 'SealError', message: /seal-passphrase-file: ENOENT/ })
  assert.deepEqual(await readFile(join(place.dataDir, 'root.key')), file)
  await writeFile(passphraseFile, `${PASSPHRASE}\nmore lines\n`)
  await useAll((await place.start()).url, belongings)
})

test('a store moves between kinds of seal; a short passphrase is refused with nothing changed', async () => {
  await using place = await openInstallation('sqlite')
  const server = await place.start()
  const belongings = await fill(server.url, await enroll(server.url), 2)
  place.env['VOUCHSAFE_NEW_PASSPHRASE'] = 'too short'
  const before = await readFile(join(place.dataDir, 'root.key'))
  assert.match(await place.refused(['seal', 'rotate', '--to', 'passphrase']), /a passphrase must have 12 to 1024 characters/)
  assert.deepEqual(await readFile(join(place.dataDir, 'root.key')), before)
  place.env['VOUCHSAFE_NEW_PASSPHRASE'] = PASSPHRASE
  assert.match(await place.done(['seal', 'rotate', '--to', 'passphrase']), /\(passphrase\)/)
  assert.ok(!(await readFile(join(place.dataDir, 'root.key'), 'utf8')).includes('"key"'))
  await useAll(server.url, belongings)
  // The running server was given the passphrase, and needs it no second time.
  await place.done(['domain-key', 'rotate'])
  await server[Symbol.asyncDispose]()
  await assert.rejects(place.start(), { message: /none was given/ })
  place.env['VOUCHSAFE_SEAL_PASSPHRASE'] = PASSPHRASE
  // The passphrase itself is rotated, without a server.
  place.env['VOUCHSAFE_NEW_PASSPHRASE'] = `${PASSPHRASE} staple`
  await place.done(['seal', 'rotate'])
  await assert.rejects(place.start(), { message: /the passphrase is wrong/ })
  place.env['VOUCHSAFE_SEAL_PASSPHRASE'] = `${PASSPHRASE} staple`
  await place.done(['seal', 'rotate', '--to', 'file'])
  delete place.env['VOUCHSAFE_SEAL_PASSPHRASE']
  await useAll((await place.start()).url, belongings)
  assert.match(await place.refused(['seal', 'rotate', '--to', 'paper']), /must be one of/)
})

test('a second server that lacks the new root key goes on, and takes the next domain key once it has the file, while a rotation waits', async () => {
  await using place = await openInstallation('postgres')
  await using elsewhere = await openInstallation('sqlite')
  const server = await place.start()
  const app = await enroll(server.url)
  const keyFile = join(place.dataDir, 'root.key')
  const otherFile = join(elsewhere.dataDir, 'root.key')
  await copyFile(keyFile, otherFile)
  elsewhere.env['VOUCHSAFE_DATABASE_URL'] = place.env['VOUCHSAFE_DATABASE_URL']
  const other = await elsewhere.start()
  const belongings = await fill(other.url, app, 3)
  await place.done(['seal', 'rotate'])
  await useAll(other.url, belongings)
  const { envelope } = other.context
  const refresh = envelope.refresh.bind(envelope)
  const failed = new Promise<void>((resolve) => {
    envelope.refresh = () => refresh().finally(resolve)
  })
  const rotated = place.done(['domain-key', 'rotate'])
  await failed
  assert.equal(envelope.current, 1)
  await copyFile(keyFile, otherFile)
  assert.match(await rotated, /^domain key 2 is in use/)
  await useAll(other.url, belongings)
  await fill(other.url, app, 3)
})
