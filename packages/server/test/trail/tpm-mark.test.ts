// The mark in the store under a counter of the TPM: a copy of the store that is put back is older than the counter.
import assert from 'node:assert/strict'
import { cp, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { operatorCall } from '@vouchsafe/testkit/callers'
import { eachDatabase, type TestStore } from '@vouchsafe/testkit/databases'
import { enroll, signedBody } from '@vouchsafe/testkit/ehsm-calls'
import { queryDatabase } from '@vouchsafe/testkit/raw-database'
import { startTestServer, temporaryFolder } from '@vouchsafe/testkit/server'
import { startSwtpm, type Swtpm } from '@vouchsafe/testkit/swtpm'
import { openTpm, tpm2 } from '@vouchsafe/tpm'
import { restore } from '../../src/process/restore.ts'
import { MarkError, type MarkContents } from '../../src/trail/mark.ts'
import { NvCounter, type Counter } from '../../src/trail/nv-counter.ts'
import { RAISE_MS, TpmMark } from '../../src/trail/tpm-mark.ts'
import { collectedLog } from '../support/collected-log.ts'
import { pinnedRuntime } from '../support/runtime.ts'

const INDEX = 0x01800123
const flagsFor = (swtpm: Swtpm, ...more: string[]) => ['--mark', 'tpm:0x01800123', '--tpm', swtpm.address, ...more]

/** What a start says of the store; undefined if it serves. */
async function refusal(location: TestStore['location'], flags: string[]): Promise<string | undefined> {
  try {
    await using server = await startTestServer({ ...location, flags })
    assert.ok(server.url)
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}

async function send(url: string, body: object): Promise<number> {
  const headers = { 'content-type': 'application/json' }
  const response = await fetch(`${url}/ehsm?Action=ListKey`, { method: 'POST', body: JSON.stringify(body), headers })
  return ((await response.json()) as { code: number }).code
}

async function counterOf(swtpm: Swtpm): Promise<number> {
  await using tpm = await openTpm(swtpm.address)
  return await tpm2.nvReadCounter(tpm, INDEX)
}

test('a data directory that is copied back, root key and all, is refused; where that is accepted, no request of before is', async () => {
  await using swtpm = await startSwtpm()
  const [dataDir, copy] = [await temporaryFolder(), await temporaryFolder()]
  const flags = flagsFor(swtpm)
  try {
    let app
    {
      await using server = await startTestServer({ dataDir, flags })
      app = await enroll(server.url)
    }
    await cp(dataDir, copy, { recursive: true })
    const bodies = Array.from({ length: 50 }, () => signedBody(app, undefined))
    const before = await counterOf(swtpm)
    {
      await using server = await startTestServer({ dataDir, flags })
      for (const body of bodies) assert.equal(await send(server.url, body), 200)
    }
    // Once at its start and once at its end, however much came between.
    assert.equal(await counterOf(swtpm), before + 2)
    await rm(dataDir, { recursive: true })
    await cp(copy, dataDir, { recursive: true })
    assert.match((await refusal({ dataDir }, flags))!, /mark the TPM's counter 0x01800123 was raised 2 times since .*\(rolled back\)/)
    {
      await using server = await startTestServer({ dataDir, flags: [...flags, '--on-rollback', 'warn'] })
      for (const body of bodies) assert.notEqual(await send(server.url, body), 200)
      // What was lost may have had two epochs of its own.
      assert.equal((await server.server.context.storage.trailHead({ epoch: null }))!.epoch, 4)
      assert.deepEqual((await server.server.context.checkTrail()).faults, [])
    }
    assert.equal(await refusal({ dataDir }, flags), undefined)
  } finally {
    for (const folder of [dataDir, copy]) await rm(folder, { recursive: true, force: true })
  }
})

test('a store that was restored with its mark is served; without it, the counter is not the store’s', async () => {
  await using swtpm = await startSwtpm()
  const [dataDir, restored, other] = [await temporaryFolder(), await temporaryFolder(), await temporaryFolder()]
  try {
    const pieces: Uint8Array[] = []
    {
      await using server = await startTestServer({ dataDir, flags: flagsFor(swtpm) })
      await enroll(server.url)
      for await (const piece of await server.server.context.backups.write(operatorCall(), 'a long passphrase')) pieces.push(piece)
    }
    const file = join(dataDir, 'backup')
    await writeFile(file, Buffer.concat(pieces))
    const options = { file, passphrase: 'a long passphrase', report: () => undefined }
    await restore({ ...options, dataDir: other, env: {} })
    assert.match((await refusal({ dataDir: other }, flagsFor(swtpm)))!, /the store knows nothing of it/)
    await restore({ ...options, dataDir: restored, env: { VOUCHSAFE_MARK: 'tpm:0x01800123', VOUCHSAFE_TPM: swtpm.address } })
    assert.equal(await refusal({ dataDir: restored }, flagsFor(swtpm)), undefined)
    // The store that was backed up is now the older one.
    assert.match((await refusal({ dataDir }, flagsFor(swtpm)))!, /rolled back/)
  } finally {
    for (const folder of [dataDir, restored, other]) await rm(folder, { recursive: true, force: true })
  }
})

test('a TPM that does not answer, or has something else at the index, is named', async () => {
  await using swtpm = await startSwtpm()
  {
    await using tpm = await openTpm(swtpm.address)
    const nvPublic = { index: INDEX, nameAlg: 'sha256', nvType: 'ordinary', authPolicy: new Uint8Array(), dataSize: 8 } as const
    await tpm2.nvDefineSpace(tpm, { nvPublic: { ...nvPublic, attributes: ['authRead', 'authWrite'] } })
  }
  await assert.rejects(new NvCounter(swtpm.address, INDEX).read(), { name: 'MarkError', message: /0x01800123: .*no counter/ })
  await swtpm.kill()
  await assert.rejects(new NvCounter(swtpm.address, INDEX).read(), MarkError)
})

test('each TPM’s counter has a name of its own, which stays', async () => {
  await using one = await startSwtpm()
  await using two = await startSwtpm()
  const id = await new NvCounter(one.address, INDEX).id()
  assert.match(id, /^[0-9a-f]{64}\/0x01800123$/)
  await one.reset()
  assert.equal(await new NvCounter(one.address, INDEX).id(), id)
  assert.notEqual(await new NvCounter(two.address, INDEX).id(), id)
  assert.notEqual(await new NvCounter(one.address, INDEX + 1).id(), id)
})

class FakeCounter implements Counter {
  readonly name = 'the counter'
  readonly #id: string
  value: number | undefined
  /** Before it is raised. */
  fails = false

  constructor(id = 'tpm/index') {
    this.#id = id
  }

  async id(): Promise<string> {
    return this.#id
  }

  async read(): Promise<number | undefined> {
    return this.value
  }

  async raise(): Promise<number> {
    if (this.fails) throw new MarkError('power is gone')
    return (this.value = (this.value ?? 41) + 1)
  }
}

const contentsOf = (size: number): MarkContents => ({
  v: 1,
  checkpoint: `vouchsafe/store/1\n${size}\n${'A'.repeat(43)}=\n\n— vouchsafe/store/1 ${'A'.repeat(92)}\n`,
  fence: size,
  manifests: 0,
})

eachDatabase(
  'a counter that is gone, one that the store does not know, and a mark that was edited are each named until it is accepted',
  async (store) => {
    const storage = await store.open()
    const runtime = pinnedRuntime()
    const { log } = collectedLog('error')
    const counter = new FakeCounter()
    const markOf = (one: Counter) => new TpmMark({ storage, counter: one, runtime, log })
    const isNamed = async (reason: RegExp) => {
      const mark = markOf(counter)
      await mark.read()
      assert.match(mark.rolledBack!.reason, reason)
      await mark.write(contentsOf(2))
      assert.equal(mark.rolledBack, undefined)
      const next = markOf(counter)
      assert.deepEqual(await next.read(), contentsOf(2))
      assert.equal(next.rolledBack, undefined)
    }
    await markOf(counter).write(contentsOf(1))
    await queryDatabase(store.location, 'update marks set counter = counter + 1')
    await isNamed(/mark in the store was altered/)
    await queryDatabase(store.location, 'delete from marks')
    await isNamed(/the counter is there, and the store knows nothing of it/)
    counter.value = undefined
    await isNamed(/the counter is gone/)
    counter.value! -= 5
    await isNamed(/the counter is older than the store/)
    // Another TPM has a mark of its own beside it, as two servers on one store do.
    const other = markOf(new FakeCounter('another/index'))
    assert.equal(await other.read(), undefined)
    assert.equal(other.rolledBack, undefined)
    await other.write(contentsOf(3))
    assert.deepEqual(await markOf(counter).read(), contentsOf(2))
    assert.equal((await queryDatabase(store.location, 'select id from marks')).length, 2)
  },
)

eachDatabase('a crash between the row and the counter locks nobody out, and an older row is still one', async (store) => {
  const storage = await store.open()
  const runtime = pinnedRuntime()
  const counter = new FakeCounter()
  const { log } = collectedLog('error')
  const mark = () => new TpmMark({ storage, counter, runtime, log })
  {
    const first = mark()
    assert.equal(await first.read(), undefined)
    await first.write(contentsOf(1))
    assert.equal(counter.value, 42)
    runtime.advance(RAISE_MS)
    await first.write(contentsOf(2))
    assert.equal(counter.value, 43)
  }
  const [copied] = await queryDatabase(store.location, 'select * from marks')
  {
    const crashing = mark()
    counter.fails = true
    await assert.rejects(crashing.write(contentsOf(3)), /power is gone/)
    counter.fails = false
  }
  const next = mark()
  assert.deepEqual(await next.read(), contentsOf(3))
  assert.equal(next.rolledBack, undefined)
  await next.write(contentsOf(4))
  assert.equal(counter.value, 44)
  assert.deepEqual(await mark().read(), contentsOf(4))

  // Put back under a running server: nothing is written over it, and the next start names it.
  const names = Object.keys(copied!)
  await queryDatabase(store.location, 'delete from marks')
  const places = names.map((_, i) => `$${i + 1}`).join(', ')
  await queryDatabase(store.location, `insert into marks (${names.join(', ')}) values (${places})`, Object.values(copied!) as never)
  runtime.advance(RAISE_MS)
  await assert.rejects(next.write(contentsOf(5)), /set back under this server/)
  assert.equal(next.rolledBack!.epochs, 1)
  const later = mark()
  await later.read()
  assert.match(later.rolledBack!.reason, /raised 1 times/)
})

eachDatabase('the counter is raised at the first checkpoint, at the end, and in between once in ten minutes', async (store, t) => {
  const storage = await store.open()
  const runtime = pinnedRuntime()
  const counter = new FakeCounter()
  const { log } = collectedLog('error')
  t.mock.timers.enable({ apis: ['setTimeout'] })
  {
    await using mark = new TpmMark({ storage, counter, runtime, log })
    for (let size = 1; size <= 100; size++) await mark.write(contentsOf(size))
    assert.equal(counter.value, 42)
    runtime.advance(RAISE_MS)
    for (let size = 101; size <= 200; size++) await mark.write(contentsOf(size))
    assert.equal(counter.value, 43)
  }
  assert.equal(counter.value, 44)
  const last = new TpmMark({ storage, counter, runtime, log })
  assert.deepEqual(await last.read(), contentsOf(200))
  await last[Symbol.asyncDispose]()
  assert.equal(counter.value, 44)
})
