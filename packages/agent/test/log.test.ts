import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readFile, rename, rm, rmdir, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import { after, test } from 'node:test'
import { createLog, logDestination } from '../src/log.ts'

const folder = await mkdtemp(join(tmpdir(), 'vouchsafe-agent-log-'))
after(() => rm(folder, { recursive: true }))

test('the log file may be moved away, and may fail for a while: nothing that is logged is lost', async () => {
  const file = join(folder, 'agent.log')
  const standard = new PassThrough()
  const destination = logDestination(file, standard)
  const log = createLog('info', destination, () => 0)
  const written = async (message: string) => {
    log.info(message)
    await new Promise((resolve) => destination.write('', resolve))
  }
  await written('one')
  assert.equal((await stat(file)).mode & 0o777, 0o600)
  await rename(file, `${file}.1`)
  await written('two')
  await rename(file, `${file}.2`)
  await mkdir(file)
  await written('three')
  await rmdir(file)
  await written('four')

  const messages = (lines: string) => [...lines.matchAll(/"message":"(.*?)"/g)].map(([, message]) => message)
  assert.deepEqual(messages(await readFile(`${file}.1`, 'utf8')), ['one'])
  assert.deepEqual(messages(await readFile(`${file}.2`, 'utf8')), ['two'])
  assert.deepEqual(messages(await readFile(file, 'utf8')), ['four'])
  standard.end()
  assert.match(await text(standard), /log file: EISDIR.*\n.*"three"/)
})
