// The appraisal workers: bounded, fair, ended by force where Rego's own limits don't help.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { ask } from '@vouchsafe/testkit/authority'
import { startTestServer } from '@vouchsafe/testkit/server'
import { Appraiser } from '../../src/attestation/appraisal/appraiser.ts'
import { appraiseWith } from '../../src/attestation/appraisal/jobs.ts'
import type { AppraisalTask, PolicySource } from '../../src/attestation/appraisal/task.ts'
import { StoppedError, WorkerPool } from '../../src/attestation/appraisal/worker-pool.ts'
import { DigestSetWriter } from '../../src/attestation/reference-values/digest-set.ts'
import { openReferences } from '../../src/attestation/reference-values/reference-index.ts'
import { EvidenceError, type Verifier } from '../../src/attestation/verifiers/verifier.ts'
import { constantPolicy, ENDLESS_POLICY } from '../support/policies.ts'

interface Job {
  name: string
  /** Milliseconds for which the thread does nothing else; -1: for ever. */
  busy?: number
  memory?: true
  /** The thread waits until this is no longer 0. */
  until?: Int32Array
}

/** A pool of threads that do as they are told. */
function pool(options: { workers?: number; hardStop?: number; maxWaiting?: number; maxWaitingOfOwner?: number } = {}) {
  const script = `data:text/javascript,${encodeURIComponent(`
    import { parentPort } from 'node:worker_threads'
    parentPort.on('message', ({ name, busy = 0, memory, until }) => {
      if (until) Atomics.wait(until, 0, 0)
      const end = busy < 0 ? Infinity : performance.now() + busy
      while (performance.now() < end);
      const taken = []
      while (memory) taken.push(new Array(10000).fill(name))
      parentPort.postMessage(name)
    })`)}`
  const bounds = { workers: 1, hardStop: 30_000, maxWaiting: 100, maxWaitingOfOwner: 100, heapMegabytes: 32, ...options }
  return new WorkerPool<Job, string>({ script: new URL(script), ...bounds })
}

function source(id: string, text: string): PolicySource {
  return { id, version: 1, hash: createHash('sha256').update(text).digest('hex'), text }
}

test('a job that never ends is ended with its thread, and the next one has a new thread', async () => {
  await using threads = pool({ hardStop: 2_000 })
  const endless = threads.run('user', { name: 'endless', busy: -1 })
  const next = threads.run('user', { name: 'next' })
  await assert.rejects(endless, (error) => error instanceof StoppedError && /took longer than 2 seconds/.test(error.message))
  assert.equal(await next, 'next')
  assert.equal(threads.stopped, 1)
})

test('a job that takes too much memory is ended, and the process lives', async () => {
  await using threads = pool()
  await assert.rejects(threads.run('user', { name: 'greedy', memory: true }), /needed more memory than it may/)
  assert.equal(await threads.run('user', { name: 'next' }), 'next')
})

test('digest sets move to the thread that indexes them: there is no copy on the main thread', async () => {
  await using appraiser = new Appraiser({ workers: 1 })
  const writer = new DigestSetWriter()
  for (const text of ['a', 'b']) writer.add(createHash('sha256').update(text).digest('hex'))
  const own = writer.finish()
  const around = new Uint8Array(own.length + 8)
  around.set(own, 4)
  const holds = openReferences(await appraiser.buildReferences('user', [around.subarray(4, 4 + own.length), own]))
  assert.ok(holds(createHash('sha256').update('b').digest('hex'), ''))
  assert.equal(own.byteLength, 0)
  assert.equal(around.byteLength, 78, 'a view is not moved with what is around it')
})

test('owners take turns, so that one with many jobs does not keep out the others', async () => {
  await using threads = pool()
  const order: string[] = []
  const run = (owner: string, name: string) => threads.run(owner, { name, busy: 5 }).then((done) => order.push(done))
  await Promise.all([...[1, 2, 3, 4, 5].map((n) => run('many', `many ${n}`)), run('few', 'few 1'), run('other', 'other 1')])
  // The first was under way before the others came.
  assert.deepEqual(order.slice(0, 4).sort(), ['few 1', 'many 1', 'many 2', 'other 1'])
})

test('an owner with slow jobs on all threads gets no more than one of two as long as others wait', async () => {
  await using threads = pool({ workers: 2 })
  const [first, second] = [1, 2].map(() => new Int32Array(new SharedArrayBuffer(4)))
  const release = (gate: Int32Array) => Atomics.store(gate, 0, 1) + Atomics.notify(gate, 0)
  const order: string[] = []
  const run = (owner: string, name: string, until?: Int32Array) =>
    threads.run(owner, { name, ...(until && { until }) }).then((done) => order.push(done))
  const slow = [run('slow', 'slow 1', first), run('slow', 'slow 2', second)]
  const others = [run('slow', 'slow 3'), run('slow', 'slow 4'), run('one', 'one 1'), run('one', 'one 2'), run('two', 'two 1')]
  release(second!)
  await Promise.all([slow[1], ...others])
  assert.deepEqual(order, ['slow 2', 'one 1', 'two 1', 'one 2', 'slow 3', 'slow 4'])
  release(first!)
  await slow[0]
})

test('what waits is bounded, in all and for each owner', async () => {
  await using threads = pool({ maxWaiting: 3, maxWaitingOfOwner: 2 })
  const jobs = [1, 2, 3].map((n) => threads.run('one', { name: `${n}`, busy: 50 }))
  await assert.rejects(threads.run('one', { name: 'too many' }), { code: 'busy' })
  jobs.push(threads.run('two', { name: '4' }))
  await assert.rejects(threads.run('three', { name: 'too many' }), { code: 'busy' })
  assert.deepEqual(await Promise.all(jobs), ['1', '2', '3', '4'])
  assert.deepEqual([threads.waiting, threads.busy], [0, 0])
})

test('what waits when the pool is closed is refused, and so is what comes later', async () => {
  const threads = pool()
  const jobs = [1, 2].map((n) => threads.run('one', { name: `${n}`, busy: -1 }))
  const outcomes = Promise.allSettled(jobs)
  await threads[Symbol.asyncDispose]()
  assert.deepEqual(
    (await outcomes).map(({ status }) => status),
    ['rejected', 'rejected'],
  )
  await assert.rejects(threads.run('one', { name: 'late' }), { code: 'busy' })
})

test('a policy that loops is bounded by its limits, also when several do', async () => {
  await using appraiser = new Appraiser({ workers: 1 })
  const result = await appraiser.tryPolicy('user', ENDLESS_POLICY, [{}])
  assert.equal(result.ok, false)
  assert.match((result as { message: string }).message, /exceeded its limit/)
  assert.deepEqual(await appraiser.tryPolicy('user', constantPolicy(), [{}, {}]), { ok: true })
  assert.equal(appraiser.statistics.done, 2)
})

const verifier = (verify: Verifier['verify']): Verifier => ({
  type: 'test',
  evidenceSchema: {},
  certificateOf: () => ({ leaf: new Uint8Array(), intermediates: [] }),
  verify,
  samples: () => [],
})
const task: AppraisalTask = {
  verifier: 'test',
  evidence: {},
  nodeId: 'node',
  limits: { imaEntries: 10, bootLogBytes: 10 },
  exportPolicy: source('export', 'package verification\nresult = {"secure_boot": input.state}'),
  policies: [
    source(
      'yes',
      'package verification\nresult = {"policy_matched": input.state == "enabled", "custom_data": {"big": 12345678901234567890}}',
    ),
    source('no', 'package verification\ndefault ok = false\nok { input.state == "disabled" }\nresult = {"policy_matched": ok}'),
  ],
  explain: false,
}
const enabled = verifier(() => ({ input: { state: 'enabled' }, checks: () => [{ name: 'quote', passed: true }] }))

test('an appraisal gives the claims of the export policy and the verdict of each policy', () => {
  const { results, ...rest } = appraiseWith(enabled, task)
  assert.deepEqual(rest, { exported: { secure_boot: 'enabled' }, checks: [] })
  const { checks } = appraiseWith(enabled, { ...task, explain: true })
  assert.deepEqual(checks, [{ name: 'quote', passed: true }], 'told with an explanation')
  assert.deepEqual(
    results.map(({ id, version, matched }) => [id, version, matched]),
    [
      ['yes', 1, true],
      ['no', 1, false],
    ],
  )
  // Such as a token can hold.
  assert.doesNotThrow(() => JSON.stringify(results))
  const [, no] = appraiseWith(enabled, { ...task, explain: true }).results
  assert.match(no?.reasons?.join(' ') ?? '', /ok failed at line 3: input.state == "disabled", where input.state is "enabled"/)
})

test('a policy without a verdict fails the appraisal and is named; evidence is refused in the words of its verifier', async () => {
  const broken = source('broken', 'package verification\nresult = {"policy_matched": true} { input.absent }')
  assert.throws(() => appraiseWith(enabled, { ...task, policies: [broken] }), {
    name: 'PolicyError',
    message: /policy broken: .*no results/,
  })
  const endless = Array.from({ length: 20 }, (_, i) => source(`endless ${i}`, ENDLESS_POLICY))
  assert.throws(() => appraiseWith(enabled, { ...task, policies: endless }), { name: 'PolicyError' })
  assert.throws(() => appraiseWith(enabled, { ...task, exportPolicy: source('e', 'package verification\nresult = 1') }), /export policy e/)
  await using appraiser = new Appraiser({ workers: 1 })
  const unknown = appraiser.appraise('user', task)
  await assert.rejects(unknown, (error) => error instanceof EvidenceError && /Plugin not found for attester type: test/.test(error.message))
})

test('a server whose appraisal workers are all busy still answers', async () => {
  await using server = await startTestServer({ flags: ['--appraisal-workers', '1'] })
  const { appraiser } = server.server.context.attestation
  let done = false
  const trials = Promise.all([1, 2, 3, 4].map(() => appraiser.tryPolicy('user', ENDLESS_POLICY, [{}]))).finally(() => (done = true))
  while (appraiser.statistics.busy === 0) await sleep(1)
  const { status } = await ask(server.url, 'GET', '/healthz')
  assert.equal(status, 200)
  assert.equal(done, false)
  assert.deepEqual(new Set((await trials).map(({ ok }) => ok)), new Set([false]))
})
