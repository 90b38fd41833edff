import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, open, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { AgentError } from '../src/errors.ts'
import { readLog } from '../src/log-file.ts'

const folder = await mkdtemp(join(tmpdir(), 'vouchsafe-log-'))
after(() => rm(folder, { recursive: true }))

test("the kernel's files, whose size is zero, are read to their end", async () => {
  const { bytes, whole } = await readLog('/proc/self/maps', 1_000_000)
  assert.ok(bytes.length > 0 && whole)
})

test('a log that comes in pieces is put together', async () => {
  const path = join(folder, 'fifo')
  execFileSync('mkfifo', [path])
  const reading = readLog(path, 1000)
  await using pipe = await open(path, 'w')
  for (const piece of ['one ', 'two ', 'three']) await pipe.write(piece)
  await pipe.close()
  const { bytes, whole } = await reading
  assert.deepEqual([Buffer.from(bytes).toString(), whole], ['one two three', true])
})

test('reading a log takes little more memory than it has bytes, though the kernel gives it in small pieces', async () => {
  const path = join(folder, 'pieces')
  execFileSync('mkfifo', [path])
  const writer = spawn('sh', ['-c', 'head -c 4194304 /dev/zero > "$0"', path])
  const before = process.memoryUsage().arrayBuffers
  const { bytes } = await readLog(path, 8_000_000)
  assert.equal(bytes.length, 4_194_304)
  assert.ok(process.memoryUsage().arrayBuffers - before < 3 * bytes.length)
  if (writer.exitCode === null) await once(writer, 'exit')
})

test('beyond the limit nothing is read, and that is told; a log that never ends too', async () => {
  const path = join(folder, 'long')
  await writeFile(path, Buffer.alloc(1001))
  const long = await readLog(path, 1000)
  assert.deepEqual([long.bytes.length, long.whole], [1000, false])
  await writeFile(path, Buffer.alloc(1000))
  const just = await readLog(path, 1000)
  assert.deepEqual([just.bytes.length, just.whole], [1000, true])
  const endless = await readLog('/dev/zero', 3_000_000)
  assert.deepEqual([endless.bytes.length, endless.whole], [3_000_000, false])
})

test('what can not be read is refused with its name', async () => {
  await assert.rejects(
    readLog(join(folder, 'none'), 1),
    (error) => error instanceof AgentError && /none: there is no such file/.test(error.message),
  )
  await assert.rejects(readLog(folder, 1), (error) => error instanceof AgentError && error.status === 503)
})
