/** While calls can't be audited, none is served, memory stays bounded, and nothing that was noted is lost. */
import assert from 'node:assert/strict'
import { mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { temporaryFolder } from '@vouchsafe/testkit/server'
import { callLogOf } from '../support/call-log.ts'
import { pinnedRuntime } from '../support/runtime.ts'

const LINE = { at: 1, tenant: '', actor: 'a', action: 'Encrypt', object: 'o', result: 'ok', requestId: 'r' }

test('a write that fails closes the gate until one succeeds, and keeps the lines', async () => {
  const folder = await temporaryFolder()
  try {
    // A file where the folder should be: nothing can be written.
    await writeFile(join(folder, 'audit'), '')
    const runtime = pinnedRuntime()
    const log = callLogOf(folder, runtime)
    log.record({ ...LINE, requestId: 'first' })
    await log.flush()
    assert.equal(log.hasRoom, false)
    const refused = log.room()
    runtime.advance(60_000)
    await assert.rejects(refused, { code: 'busy' })

    await rm(join(folder, 'audit'))
    await mkdir(join(folder, 'audit'))
    await log.room()
    assert.equal(log.hasRoom, true)
    log.record({ ...LINE, requestId: 'second' })
    await log[Symbol.asyncDispose]()
    const [file] = await readdir(join(folder, 'audit'))
    const lines = (await readFile(join(folder, 'audit', file!), 'utf8')).trim().split('\n')
    assert.deepEqual(
      lines.map((line) => (JSON.parse(line) as { request: string }).request),
      ['first', 'second'],
    )
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})
