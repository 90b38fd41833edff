// kill -9 at random moments, of the server under a mixed load and of operator commands beside it: nothing that was acknowledged is lost.
// Once for each database and command; by npm run soak 60 times for the server, 25 times for each command.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { giveSigningKeys } from '@vouchsafe/testkit/authority-keys'
import { commandProcesses } from '@vouchsafe/testkit/command-process'
import type { CommandProcesses } from '@vouchsafe/testkit/command-process'
import { enroll } from '@vouchsafe/testkit/ehsm-calls'
import { eventually } from '@vouchsafe/testkit/retry'
import { spawnServer } from '@vouchsafe/testkit/server'
import type { ServerProcess } from '@vouchsafe/testkit/server'
import { LATER, fill, later, openInstallation, useAll } from './support/installation.ts'
import type { Belongings, Installation } from './support/installation.ts'
import { MixedLoad } from './support/mixed-load.ts'
import { random } from './support/random.ts'
import { assertGaps, verifyTrail } from './support/verified-trail.ts'

const FULL = process.env['VOUCHSAFE_TEST_FULL'] !== undefined
const SERVER_KILLS = FULL ? 60 : 1
const KILLS = FULL ? 25 : 1
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

for (const kind of ['sqlite', 'postgres'] as const) {
  test(`kill -9 of the server under a mixed load, ${SERVER_KILLS}×: nothing is missing from store or trail (${kind})`, async (t) => {
    await using place = await openInstallation(kind)
    {
      const first = await place.start()
      await giveSigningKeys(first.context.signingKeys)
      await first[Symbol.asyncDispose]()
    }
    const loads: MixedLoad[] = []
    for (let i = 0; i < SERVER_KILLS; i++) {
      const server = await spawnServer(place.store.location)
      try {
        await loads.at(-1)?.assertStored(server.url, beyondTheFence)
        loads.at(-1)?.assertChangesRecorded(await verifyTrail(place))
        const load = await MixedLoad.on(server.url)
        loads.push(load)
        await using running = load.run(server.url, WRITERS)
        // On a busy machine the first round may take longer than the random moment.
        await load.goesOn(1)
        await sleep(random() * 900)
        await server.stop('SIGKILL')
        await running.stop()
        assert.deepEqual([...load.refusals], [])
      } finally {
        await server.stop('SIGKILL')
      }
    }
    // Then a minute has passed since the last one began: what ended without saying so is known to be gone.
    const last = await place.start([], LATER)
    await loads.at(-1)!.assertStored(last.url, later)
    const trail = await eventually(async () => {
      const verified = await verifyTrail(place)
      assertGaps(verified, 1)
      return verified
    })
    const lost = loads.map((load) => load.assertRecorded(trail))
    const { changes, uses } = trail
    t.diagnostic(`${changes.size} changes, ${[...uses.values()].reduce((a, b) => a + b, 0)} uses recorded, ${lost.join('+')} uses lost`)
  })

  for (const rotate of [
    ['seal', 'rotate'],
    ['domain-key', 'rotate'],
  ]) {
    // The sample has each once: the seal on SQLite, the domain key on PostgreSQL.
    if (!FULL && (kind === 'sqlite') !== (rotate[0] === 'seal')) continue
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

  if (!FULL && kind === 'postgres') continue
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
