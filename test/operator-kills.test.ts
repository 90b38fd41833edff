// kill -9 at random moments, of the server under a mixed load and of operator commands beside it: nothing that was acknowledged is lost.
// Once for each database and command; 25 times by npm run soak.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { commandProcesses } from '@vouchsafe/testkit/command-process'
import type { CommandProcesses } from '@vouchsafe/testkit/command-process'
import { call, enroll, succeed } from '@vouchsafe/testkit/ehsm-calls'
import type { Credentials } from '@vouchsafe/testkit/ehsm-calls'
import { eventually } from '@vouchsafe/testkit/retry'
import { spawnServer } from '@vouchsafe/testkit/server'
import type { ServerProcess } from '@vouchsafe/testkit/server'
import { LATER, fill, later, openInstallation, useAll } from './support/installation.ts'
import type { Belongings, Installation } from './support/installation.ts'
import { random } from './support/random.ts'

const KILLS = process.env['VOUCHSAFE_TEST_FULL'] ? 25 : 1
const WRITERS = 4
const PASSPHRASE = { VOUCHSAFE_BACKUP_PASSPHRASE: 'a passphrase of the backup' }

/** The fence of a server that was killed lies up to two seconds ahead. */
const beyondTheFence = () => ({ timestamp: String(Date.now() + 10_000) })

const commands = (place: Installation): CommandProcesses =>
  commandProcesses({
    VOUCHSAFE_DATA_DIR: place.dataDir,
    ...PASSPHRASE,
    ...(place.store.location.databaseUrl !== undefined && { VOUCHSAFE_DATABASE_URL: place.store.location.databaseUrl }),
  })

/** What writers were told is done. */
interface Acknowledged {
  states: Map<string, 'enabled' | 'disabled' | 'deleted' | 'unknown'>
  secrets: Map<string, string>
}

/** Creates, changes and deletes keys and secrets until the server is gone. */
async function write(url: string, app: Credentials, { states, secrets }: Acknowledged, writer: string): Promise<void> {
  for (let i = 0; ; i++) {
    const keyid = String((await succeed(url, app, 'CreateKey', { keyspec: 'EH_AES_GCM_256', origin: 'EH_INTERNAL_KEY' })).keyid)
    states.set(keyid, 'enabled')
    const change = (['DisableKey', 'DeleteKey', undefined] as const)[i % 3]
    if (change !== undefined) {
      states.set(keyid, 'unknown')
      await succeed(url, app, change, { keyid })
      states.set(keyid, change === 'DisableKey' ? 'disabled' : 'deleted')
    }
    const name = `${writer} ${i}`
    await succeed(url, app, 'CreateSecret', { secretName: name, secretData: 'first' })
    secrets.set(name, 'first')
    await succeed(url, app, 'PutSecretValue', { secretName: name, secretData: 'second' }).catch((error: unknown) => {
      // It may have been done all the same.
      secrets.delete(name)
      throw error
    })
    secrets.set(name, 'second')
  }
}

async function check(url: string, app: Credentials, { states, secrets }: Acknowledged): Promise<void> {
  for (const [keyid, state] of states) {
    const { code, message, result } = await call(url, app, 'DescribeKey', { keyid }, beyondTheFence())
    const found = code === 200 ? String(result.status) : message
    if (state === 'unknown') assert.match(found, /^(enabled|disabled|keyid error)$/)
    else assert.equal(found, state === 'deleted' ? 'keyid error' : state)
  }
  for (const [secretName, value] of secrets) {
    assert.equal((await succeed(url, app, 'GetSecretValue', { secretName }, beyondTheFence())).secretData, value)
  }
}

for (const kind of ['sqlite', 'postgres'] as const) {
  test(`kill -9 of the server under mixed writes, ${KILLS}× (${kind})`, async () => {
    await using place = await openInstallation(kind)
    let server = await spawnServer(place.store.location)
    try {
      for (let i = 0; i < KILLS; i++) {
        const app = await enroll(server.url)
        const acknowledged: Acknowledged = { states: new Map(), secrets: new Map() }
        const { url } = server
        const writers = Promise.allSettled(Array.from({ length: WRITERS }, (_, writer) => write(url, app, acknowledged, `${i} ${writer}`)))
        // On a busy machine the first write may take longer than the random moment.
        await eventually(async () => assert.ok(acknowledged.states.size > 0))
        await sleep(100 + random() * 900)
        await server.stop('SIGKILL')
        await writers
        server = await spawnServer(place.store.location)
        await check(server.url, app, acknowledged)
      }
    } finally {
      await server.stop('SIGKILL')
    }
  })

  for (const rotate of [
    ['seal', 'rotate'],
    ['domain-key', 'rotate'],
  ]) {
    test(`kill -9 of ${rotate.join(' ')}, with or without a server, or of the server during it, ${KILLS}× (${kind})`, async () => {
      await using place = await openInstallation(kind)
      using processes = commands(place)
      const own = await spawnServer(place.store.location)
      const belongings = await fill(own.url, await enroll(own.url), 30)
      await own.stop()
      for (let i = 0; i < KILLS; i++) {
        const how = Math.floor(random() * 3)
        let server: ServerProcess | undefined = how === 0 ? undefined : await spawnServer(place.store.location)
        const command = processes.start(rotate)
        // The command takes about this long to begin; then the work is a moment's.
        await sleep(300 + random() * 700)
        if (how === 2) await server!.stop('SIGKILL')
        else command.child.kill('SIGKILL')
        await command.finished
        await server?.stop('SIGKILL')
        server = await spawnServer(place.store.location)
        await useAll(server.url, belongings, beyondTheFence)
        await server.stop()
      }
      await place.done(rotate)
      const last = await spawnServer(place.store.location)
      await useAll(last.url, belongings, beyondTheFence)
      await last.stop()
    })
  }

  test(`kill -9 of restore, ${KILLS}× (${kind})`, async () => {
    await using source = await openInstallation('sqlite', PASSPHRASE)
    const server = await source.start()
    const belongings: Belongings = await fill(server.url, await enroll(server.url), 30)
    const file = source.path('backup')
    await source.done(['backup', file])
    for (let i = 0; i < KILLS; i++) {
      await using place = await openInstallation(kind, PASSPHRASE)
      using processes = commands(place)
      const command = processes.start(['restore', file])
      await sleep(300 + random() * 1_200)
      command.child.kill('SIGKILL')
      const wasDone = (await command.finished).stdout.includes('is restored')
      const again = await place.done(['restore', file]).catch(() => undefined)
      // Once the restore's last step is done, the store is not empty any more.
      if (wasDone) assert.equal(again, undefined)
      await useAll((await place.start([], LATER)).url, belongings, later)
    }
  })
}
