// A server under a mixed load in a folder on a small disk, which is filled up and freed again. Runs where that disk is seen; says on standard output
// how it went.
import assert from 'node:assert/strict'
import { closeSync, openSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { giveSigningKeys } from '@vouchsafe/testkit/authority-keys'
import { enroll } from '@vouchsafe/testkit/ehsm-calls'
import { eventually } from '@vouchsafe/testkit/retry'
import { startTestServer } from '@vouchsafe/testkit/server'
import { openTerminal } from '@vouchsafe/testkit/terminal'
import { commandsOf, fill, useAll } from './installation.ts'
import { MixedLoad } from './mixed-load.ts'
import { assertGaps, verifyTrail } from './verified-trail.ts'

const disk = process.argv[2]!
const dataDir = join(disk, 'data')
const filler = join(disk, 'filler')

/** Takes all the space that is left. */
function fillUp(): void {
  const file = openSync(filler, 'a')
  try {
    for (const size of [65_536, 512]) {
      const piece = Buffer.alloc(size)
      try {
        for (;;) writeSync(file, piece)
      } catch (error) {
        assert.equal((error as NodeJS.ErrnoException).code, 'ENOSPC')
      }
    }
  } finally {
    closeSync(file)
  }
}

await using terminal = await openTerminal()
terminal.env['VOUCHSAFE_DATA_DIR'] = dataDir
const server = await startTestServer({ dataDir })
const { url } = server
await giveSigningKeys(server.server.context.signingKeys)
const belongings = await fill(url, await enroll(url), 5)
const load = await MixedLoad.on(url)
{
  await using running = load.run(url, 20)
  await load.goesOn(1)
  fillUp()
  // What SQLite's file has free is used up first; from then on each call waits for the audit, and is refused.
  await eventually(async () => assert.ok(load.refusals.size > 0))
  rmSync(filler)
  // When there is space again the server finds out by itself.
  await load.goesOn(30)
  await running.stop()
}
// The audit's file is full as well: then calls are refused before they do anything.
for (const refusal of load.refusals)
  assert.match(refusal, /^\d+ (database error|the database has no space left|Server busy, please try again\.)$/)
await useAll(url, belongings)
await load.assertStored(url)
const trail = await verifyTrail(commandsOf(terminal))
assert.equal(load.assertRecorded(trail), 0)
assertGaps(trail, 1)
await server[Symbol.asyncDispose]()
using database = new DatabaseSync(join(dataDir, 'vouchsafe.db'))
assert.deepEqual({ ...database.prepare('pragma integrity_check').get() }, { integrity_check: 'ok' })
console.log('everything as it should be')
