// A server in a folder on a small disk, which is filled up and freed again. Runs where that disk is seen; says on standard output how it went.
import assert from 'node:assert/strict'
import { closeSync, openSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { call, enroll, succeed } from '@vouchsafe/testkit/ehsm-calls'
import { startTestServer } from '@vouchsafe/testkit/server'
import { fill, useAll } from './installation.ts'

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

const server = await startTestServer({ dataDir })
const { url } = server
const app = await enroll(url)
const belongings = await fill(url, app, 5)
const created: string[] = []
const create = async () => {
  const { code, message, result } = await call(url, app, 'CreateKey', { keyspec: 'EH_AES_GCM_256', origin: 'EH_INTERNAL_KEY' })
  if (code === 200) created.push(String(result.keyid))
  return message
}
fillUp()
const answers = new Set<string>()
// What SQLite's file has free is used up first; from then on each call waits for the audit, and is refused.
for (let i = 0; i < 40 && answers.size < 2; i++)
  for (const answer of await Promise.all(Array.from({ length: 20 }, create))) answers.add(answer)
answers.delete('success!')
// The audit's file is full as well: then calls are refused before they do anything.
assert.deepEqual(
  [...answers].filter((answer) => !/^(database error|Server busy, please try again\.)$/.test(answer)),
  [],
)
assert.ok(answers.size > 0)
rmSync(filler)
// When there is space again the server finds out by itself.
for (const deadline = Date.now() + 20_000; (await create()) !== 'success!';) assert.ok(Date.now() < deadline)
await useAll(url, belongings)
for (const keyid of created) await succeed(url, app, 'DescribeKey', { keyid })
await server[Symbol.asyncDispose]()
using database = new DatabaseSync(join(dataDir, 'vouchsafe.db'))
assert.deepEqual({ ...database.prepare('pragma integrity_check').get() }, { integrity_check: 'ok' })
console.log('everything as it should be')
