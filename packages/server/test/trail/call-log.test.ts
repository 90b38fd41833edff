import assert from 'node:assert/strict'
import { open } from 'node:fs/promises'
import { mkdtempSync, readFileSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { call, enroll } from '@vouchsafe/testkit/ehsm-calls'
import { eventually } from '@vouchsafe/testkit/retry'
import { startTestServer } from '@vouchsafe/testkit/server'
import type { CallRecord } from '../../src/trail/call-log.ts'
import { queryCallLog } from '../../src/trail/call-log-query.ts'
import { callLogOf } from '../support/call-log.ts'
import { systemRuntime, type Runtime } from '../../src/foundation/runtime.ts'
import { collectedLog } from '../support/collected-log.ts'
import { pinnedRuntime } from '../support/runtime.ts'
import { refusal } from '../support/refusal.ts'

const MEGABYTE = 1024 * 1024

function record(requestId: string): CallRecord {
  return { at: 1_700_000_000_000, tenant: 'app', actor: 'app', action: 'Encrypt', object: 'key', result: 'ok', requestId }
}

/** Everything in the audit files of a data directory, in the order of the files' names. */
function linesOf(dataDir: string): Record<string, unknown>[] {
  const text = auditFiles(dataDir)
    .map((name) => readFileSync(join(dataDir, 'audit', name), 'utf8'))
    .join('')
  assert.ok(text === '' || text.endsWith('\n'))
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
}

function auditFiles(dataDir: string): string[] {
  return readdirSync(join(dataDir, 'audit')).sort()
}

function withFolder(name: string, work: (dataDir: string, t: TestContext) => Promise<void>): void {
  test(name, async (t) => {
    const dataDir = mkdtempSync(join(tmpdir(), 'vouchsafe-audit-'))
    try {
      await work(dataDir, t)
    } finally {
      rmSync(dataDir, { recursive: true })
    }
  })
}

/** A clock on which a second passes whenever it is looked at, so that patience ends without waiting. */
const impatient: Runtime = (() => {
  let monotonic = 0
  return { ...systemRuntime, monotonic: () => (monotonic += 1_000) }
})()

test('a call leaves one line: who, what, which object, with what result, under which request id', async () => {
  await using server = await startTestServer()
  const { url, dataDir } = server
  const app = await enroll(url)
  const nobody = '01234567-89ab-4def-8123-456789abcdef'
  const started = Date.now()
  const { result } = await call(
    url,
    app,
    'CreateKey',
    { keyspec: 'EH_AES_GCM_256', origin: 'EH_INTERNAL_KEY' },
    { headers: { 'x-request-id': 'r1' } },
  )
  const plaintext = Buffer.from('text').toString('base64')
  await call(url, app, 'Encrypt', { keyid: result.keyid, plaintext }, { headers: { 'x-request-id': 'r2' } })
  await call(url, app, 'Encrypt', { keyid: nobody, plaintext }, { headers: { 'x-request-id': 'r3' } })
  await call(url, app, 'Encrypt', { keyid: 'no key id"\n', plaintext }, { headers: { 'x-request-id': 'r4' } })
  await call(url, app, 'Nothing', {}, { headers: { 'x-request-id': 'r5' } })
  await call(url, { ...app, apikey: 'x'.repeat(32) }, 'ListKey', {}, { headers: { 'x-request-id': 'r6' } })
  const lines = await eventually(async () => {
    const found = linesOf(dataDir)
    assert.equal(found.length, 6)
    return found
  })
  for (const { time } of lines) assert.ok((time as number) >= started && (time as number) <= Date.now())
  const of = { v: 1, tenant: app.appid, actor: app.appid }
  assert.deepEqual(
    lines.map(({ time: _, salt: __, seq: ___, server: ____, ...line }) => line),
    [
      { ...of, action: 'CreateKey', object: result.keyid, outcome: 'ok', request: 'r1' },
      { ...of, action: 'Encrypt', object: result.keyid, outcome: 'ok', request: 'r2' },
      { ...of, action: 'Encrypt', object: nobody, outcome: 'refused', code: 'key_not_found', request: 'r3' },
      { ...of, action: 'Encrypt', object: '', outcome: 'refused', code: 'invalid', request: 'r4' },
      { ...of, action: 'unknown', object: '', outcome: 'refused', code: 'unknown_action', request: 'r5' },
      {
        ...of,
        tenant: '',
        actor: `unproven:${app.appid}`,
        action: 'ListKey',
        object: '',
        outcome: 'refused',
        code: 'sign_error',
        request: 'r6',
      },
    ],
  )
})

withFolder('lines are written in order, by their owner alone to read, and what waits is written when it stops', async (dataDir) => {
  const ids = Array.from({ length: 1_000 }, (_, i) => `request-${i}`)
  {
    await using callLog = callLogOf(dataDir, systemRuntime)
    for (const [i, id] of ids.entries()) {
      callLog.record(record(id))
      if (i % 300 === 0) void callLog.flush()
    }
  }
  assert.deepEqual(
    linesOf(dataDir).map(({ request }) => request),
    ids,
  )
  assert.equal(statSync(join(dataDir, 'audit')).mode & 0o777, 0o700)
  for (const name of auditFiles(dataDir)) assert.equal(statSync(join(dataDir, 'audit', name)).mode & 0o777, 0o600)
})

withFolder('a file is left at 64 MiB, and the next one goes on', async (dataDir) => {
  const runtime = pinnedRuntime()
  let records = 0
  {
    await using callLog = callLogOf(dataDir, runtime)
    const long = 'x'.repeat(64 * 1024)
    for (let written = 0; written < 65 * MEGABYTE; written += long.length) {
      callLog.record(record(long))
      records++
      if (!callLog.hasRoom) await callLog.room()
    }
    runtime.advance(1_000)
    await callLog.flush()
    callLog.record(record('last'))
    records++
  }
  const files = auditFiles(dataDir)
  assert.equal(files.length, 2)
  assert.ok(statSync(join(dataDir, 'audit', files[0]!)).size >= 64 * MEGABYTE)
  assert.ok(statSync(join(dataDir, 'audit', files[0]!)).size < 80 * MEGABYTE)
  const lines = linesOf(dataDir)
  assert.equal(lines.length, records)
  assert.equal(lines.at(-1)!.request, 'last')
})

withFolder('when the disk refuses, calls are refused as busy, and nothing that was noted is lost', async (dataDir) => {
  const blocked = join(dataDir, 'audit')
  writeFileSync(blocked, 'a file where the folder should be')
  await using callLog = callLogOf(dataDir, impatient)
  callLog.record(record('one'))
  callLog.record(record('two'))
  await callLog.flush()
  assert.equal(callLog.hasRoom, false)
  await assert.rejects(callLog.room(), refusal('busy'))
  rmSync(blocked)
  await callLog.room()
  callLog.record(record('three'))
  await callLog.flush()
  assert.deepEqual(
    linesOf(dataDir).map(({ request }) => request),
    ['one', 'two', 'three'],
  )
})

withFolder('a write that ends within a character goes on with its next byte', async (dataDir, t) => {
  await using callLog = callLogOf(dataDir, impatient)
  const line = { ...record('one'), object: 'a name with é' }
  await using some = await open(dataDir)
  const { write } = Object.getPrototypeOf(some) as { write: (bytes: Uint8Array) => Promise<unknown> }
  let writes = 0
  t.mock.method(Object.getPrototypeOf(some) as { write: typeof write }, 'write', function (this: unknown, bytes: Buffer) {
    if (++writes === 2) return Promise.reject(new Error('no space left'))
    // The first byte of the letter is the last that the disk has room for.
    return write.call(this, writes === 1 ? bytes.subarray(0, bytes.indexOf('é') + 1) : bytes)
  })
  callLog.record(line)
  await callLog.flush()
  assert.equal(callLog.hasRoom, false)
  await callLog.room()
  assert.deepEqual(await queryCallLog(dataDir, {}, 10), [line])
})

withFolder('a query finds a call whose object holds a line separator of Unicode', async (dataDir) => {
  const line = { ...record('one'), object: 'a\u2028name\u2029of\u0085lines' }
  {
    await using callLog = callLogOf(dataDir, systemRuntime)
    callLog.record(line)
  }
  assert.deepEqual(await queryCallLog(dataDir, { object: line.object }, 10), [line])
})

withFolder('a query finds a caller whose name holds what JSON escapes', async (dataDir) => {
  const actor = 'user:a "b\\\\c"'
  {
    await using callLog = callLogOf(dataDir, systemRuntime)
    callLog.record({ ...record('one'), actor: JSON.stringify(actor).slice(1, -1) })
    callLog.record(record('other'))
  }
  assert.deepEqual(await queryCallLog(dataDir, { actor }, 10), [{ ...record('one'), actor }])
})

withFolder('over HTTP: no call is done that cannot be audited, and calls are served again when the disk is back', async (dataDir) => {
  writeFileSync(join(dataDir, 'audit'), 'a file where the folder should be')
  await using server = await startTestServer({ dataDir, runtime: impatient })
  const { url } = server
  const app = await enroll(url)
  let served = 0
  const list = async () => {
    const { code, message } = await call(url, app, 'ListKey')
    if (code === 200) served++
    return `${code} ${message}`
  }
  // Until the first write fails, calls are served: their lines wait in memory.
  await eventually(async () => assert.equal(await list(), '500 Server busy, please try again.'))
  rmSync(join(dataDir, 'audit'))
  await eventually(async () => assert.equal(await list(), '200 success!'))
  await eventually(async () => assert.equal(linesOf(dataDir).filter(({ outcome }) => outcome === 'ok').length, served))
})

for (const [what, change] of [
  ['removed', (path: string) => rmSync(path)],
  ['replaced', (path: string) => (renameSync(path, `${path}.1`), writeFileSync(path, ''))],
  ['shortened', (path: string) => writeFileSync(path, '')],
] as const) {
  withFolder(`a file that is ${what} by others is noticed, said loudly, counted, and left for a new one`, async (dataDir) => {
    const runtime = pinnedRuntime()
    const { log, text } = collectedLog('info')
    await using callLog = callLogOf(dataDir, runtime, [], log)
    callLog.record(record('one'))
    await callLog.flush()
    await callLog.flush()
    assert.equal(callLog.statistics.lostFiles, 0)
    const [first] = auditFiles(dataDir)
    change(join(dataDir, 'audit', first!))
    runtime.advance(1_000)
    // Also while there is nothing to write.
    await callLog.flush()
    assert.deepEqual(callLog.statistics, { waitingBytes: 0, failing: false, lostFiles: 1 })
    assert.equal(text().split('an audit file was changed by others').length, 2)
    assert.match(text(), new RegExp(`"what":"${what}"`))
    callLog.record(record('two'))
    await callLog.flush()
    await callLog.flush()
    assert.equal(callLog.statistics.lostFiles, 1)
    assert.equal(linesOf(dataDir).at(-1)!.request, 'two')
    assert.notEqual(auditFiles(dataDir).at(-1), first)
  })
}

withFolder('a folder that is removed is made anew', async (dataDir) => {
  await using callLog = callLogOf(dataDir, systemRuntime)
  callLog.record(record('one'))
  await callLog.flush()
  rmSync(join(dataDir, 'audit'), { recursive: true })
  callLog.record(record('two'))
  await callLog.flush()
  assert.deepEqual(
    linesOf(dataDir).map(({ request }) => request),
    ['two'],
  )
})
