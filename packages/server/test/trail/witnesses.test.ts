// Checkpoints are cosigned by witnesses that behave as C2SP tlog-witness has it, and by none that does not.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  checkSignatures,
  formatSignatureLines,
  formatVerifierKey,
  parseCheckpoint,
  parseNote,
  signNote,
  verifyCheckpoint,
  type NoteSigner,
  type SignatureType,
} from '@vouchsafe/audit-log'
import { eachDatabase, testStore } from '@vouchsafe/testkit/databases'
import { queryDatabase } from '@vouchsafe/testkit/raw-database'
import { eventually } from '@vouchsafe/testkit/retry'
import { startTestServer } from '@vouchsafe/testkit/server'
import { makeSigner, startWitness, type TestWitness } from '@vouchsafe/testkit/witness'
import { verifyRaw } from '@vouchsafe/x509'
import { systemRuntime } from '../../src/foundation/index.ts'
import type { Storage } from '../../src/storage/index.ts'
import { LogFiles, Sequencer, Witnesses, type Witness } from '../../src/trail/index.ts'
import type { WitnessTimes } from '../../src/trail/witnesses.ts'
import { collectedLog } from '../support/collected-log.ts'

const runtime = systemRuntime
const origin = (epoch: number) => `vouchsafe/store/${epoch}`
const SOON: WitnessTimes = { patience: 20_000, pause: 1, rest: 20, longestRest: 40 }
const COSIGNERS: SignatureType[] = ['cosignature-ed25519', 'cosignature-ml-dsa-44']

/** A store's log and what has its checkpoints cosigned, as a server has them. */
function openLog(storage: Storage, signer: NoteSigner, witnesses: readonly Witness[], times: Partial<WitnessTimes> = {}) {
  const stack = new AsyncDisposableStack()
  const { log, text } = collectedLog()
  const files = new LogFiles(storage, { origin, verifierKey: () => signer.key })
  const cosigning = stack.use(new Witnesses({ storage, runtime, log, files }, witnesses, { ...SOON, ...times }))
  const logSigner = { origin, signer: async () => signer }
  const published = async () => cosigning.notice()
  const sequencer = stack.use(new Sequencer({ storage, runtime, log, signer: logSigner, published }, 0))
  sequencer.start()
  return {
    files,
    cosigning,
    text,
    /** Records entries, and signs a checkpoint of them. */
    async add(count: number, object = 'x') {
      const row = { at: 1, tenant: '', actor: 'a', action: 'Test', object, result: 'ok', requestId: '' }
      await storage.appendAudit({ rows: Array.from({ length: count }, () => ({ ...row })) })
      // The first may join a round that had begun before.
      await sequencer.run(true)
      await sequencer.run(true)
    },
    /** The newest checkpoint once witnesses with these keys have cosigned it; returns its size. */
    cosigned: (...signers: NoteSigner[]) =>
      eventually(async () => {
        const { note, size } = await files.checkpoint(null)
        const keys = signers.map(({ key }) => key)
        const checked = await checkSignatures(parseNote(note), [signer.key, ...keys], verifyRaw)
        assert.ok(checked.every(({ valid }) => valid))
        assert.equal(checked.length, signers.length + 1)
        return size
      }),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
}

const asWitness = ({ url, signers }: TestWitness): Witness => ({ url, keys: signers.map(({ key }) => key) })

function logSigner(...witnesses: TestWitness[]): NoteSigner {
  const signer = makeSigner(origin(1), 'note')
  for (const { trusted } of witnesses) trusted.set(origin(1), signer.key)
  return signer
}

const errorsIn = (text: string) => text.split('\n').filter((line) => line.includes('"level":50'))

eachDatabase('each checkpoint is cosigned by every witness, with Ed25519 and with ML-DSA-44, and satisfies a policy', async (store) => {
  const [ed, ml] = COSIGNERS.map((type, i) => makeSigner(`w${i}.example`, type)) as [NoteSigner, NoteSigner]
  await using one = await startWitness(ed)
  await using two = await startWitness(ml)
  const signer = logSigner(one, two)
  await using log = openLog(await store.open(), signer, [one, two].map(asWitness))
  for (const count of [1, 300, 5]) {
    await log.add(count)
    assert.equal(await log.cosigned(ed, ml), [...one.cosigned.values()][0]!.size)
  }
  const policy = {
    logs: [{ key: signer.key }],
    witnesses: [ed, ml].map(({ key }, i) => ({ name: `w${i}`, key })),
    groups: [{ name: 'both', threshold: 2, members: ['w0', 'w1'] }],
    quorum: 'both',
  }
  const { size } = await verifyCheckpoint(parseNote((await log.files.checkpoint(null)).note), policy, verifyRaw)
  await eventually(async () =>
    assert.deepEqual(log.cosigning.statistics, { cosigned: [size, size], failures: 0, contradicting: [false, false] }),
  )
  assert.deepEqual([one.atOnce, two.atOnce], [1, 1])
  assert.ok(one.seen.every(({ status }) => status === 200))
})

test('a witness with two keys signs with both', async () => {
  const signers = COSIGNERS.map((type) => makeSigner('w.example', type))
  await using store = await testStore('sqlite')
  await using witness = await startWitness(...signers)
  await using log = openLog(await store.open(), logSigner(witness), [asWitness(witness)])
  await log.add(3)
  await log.cosigned(...signers)
})

eachDatabase('the newest cosigned checkpoint stays obtainable while newer ones are not cosigned', async (store) => {
  const cosigner = makeSigner('w.example', 'cosignature-ed25519')
  await using witness = await startWitness(cosigner)
  await using log = openLog(await store.open(), logSigner(witness), [asWitness(witness)])
  await assert.rejects(log.files.checkpoint(null, 'cosigned'), { code: 'trail_not_found' })
  await log.add(300)
  const size = await log.cosigned(cosigner)
  witness.answer = (res) => void res.writeHead(503).end()
  await log.add(10)
  assert.equal((await log.files.checkpoint(null)).size, size + 10)
  assert.equal(parseNote((await log.files.checkpoint(null)).note).signatures.length, 1)
  const kept = await log.files.checkpoint(null, 'cosigned')
  assert.deepEqual([kept.size, parseNote(kept.note).signatures.length], [size, 2])
  assert.ok((await log.files.prove(null, size - 1, 'cosigned')).endsWith(kept.note))
  await assert.rejects(log.files.prove(null, size, 'cosigned'), { code: 'trail_not_found' })
  await log.files.prove(null, size)
})

eachDatabase(
  'cosignatures of one checkpoint that arrive one by one are put together; an older checkpoint replaces nothing',
  async (store) => {
    const signer = makeSigner(origin(1), 'note')
    const storage = await store.open()
    await using log = openLog(storage, signer, [])
    await log.add(4)
    const cosigners = COSIGNERS.map((type, i) => makeSigner(`w${i}.example`, type))
    const { note, size } = await log.files.checkpoint(null)
    const older = `${note}${formatSignatureLines([await signNote(parseNote(note).text, cosigners[0]!, 1)])}`
    for (const cosigner of cosigners) {
      const cosigned = `${note}${formatSignatureLines([await signNote(parseNote(note).text, cosigner, 1)])}`
      await storage.keepCosigned({ epoch: 1, note: cosigned })
    }
    assert.equal(await log.cosigned(...cosigners), size)
    await log.add(4)
    const next = await log.files.checkpoint(null)
    await storage.keepCosigned({ epoch: 1, note: next.note })
    await storage.keepCosigned({ epoch: 1, note: older })
    assert.equal((await log.files.checkpoint(null, 'cosigned')).note, next.note)
  },
)

test('after a restart a witness goes on from what it cosigned last, known from the store or, if that is lost, from the witness', async () => {
  const cosigner = makeSigner('w.example', 'cosignature-ed25519')
  await using store = await testStore('sqlite')
  await using witness = await startWitness(cosigner)
  const signer = logSigner(witness)
  const storage = await store.open()
  let size: number
  {
    await using log = openLog(storage, signer, [asWitness(witness)])
    await log.add(20)
    size = await log.cosigned(cosigner)
  }
  const asked = witness.seen.length
  {
    await using log = openLog(storage, signer, [asWitness(witness)])
    log.cosigning.notice()
    await eventually(async () => assert.deepEqual(log.cosigning.statistics.cosigned, [size]))
    assert.equal(witness.seen.length, asked, 'what is cosigned is not asked for again')
    await log.add(1)
    await log.cosigned(cosigner)
    assert.deepEqual(witness.seen.slice(asked), [{ oldSize: size, size: size + 1, status: 200 }])
  }
  // The last answer never arrived.
  witness.answer = async (res, honest) => {
    await honest()
    res.destroy()
  }
  {
    await using log = openLog(storage, signer, [asWitness(witness)])
    await log.add(2)
    await eventually(async () => assert.equal(witness.cosigned.get(origin(1))!.size, size + 3))
  }
  witness.answer = undefined
  await using log = openLog(storage, signer, [asWitness(witness)])
  await log.add(3)
  assert.equal(await log.cosigned(cosigner), size + 6)
  assert.deepEqual(witness.seen.slice(-2), [
    { oldSize: size + 1, size: size + 6, status: 409 },
    { oldSize: size + 3, size: size + 6, status: 200 },
  ])
  assert.equal(log.cosigning.statistics.failures, 0)
})

eachDatabase(
  'what someone else wrote in the place of the cosigned checkpoint is not used, and makes room for the next one',
  async (store) => {
    const cosigner = makeSigner('w.example', 'cosignature-ed25519')
    await using witness = await startWitness(cosigner)
    await using log = openLog(await store.open(), logSigner(witness), [asWitness(witness)])
    await log.add(2)
    await log.cosigned(cosigner)
    const { note, size } = await log.files.checkpoint(null, 'cosigned')
    for (const other of ['no note', note.replace(`\n${size}\n`, '\n1000000\n')]) {
      await queryDatabase(store.location, 'UPDATE trail_heads SET cosigned = $1', [other])
      await assert.rejects(log.files.checkpoint(null, 'cosigned'), { code: 'trail_not_found' })
      await log.add(1)
      await log.cosigned(cosigner)
    }
  },
)

test('two servers of one store, whose witness knows what either has shown, report no failure', async () => {
  const cosigner = makeSigner('w.example', 'cosignature-ed25519')
  await using store = await testStore('sqlite')
  await using witness = await startWitness(cosigner)
  const signer = logSigner(witness)
  await using one = openLog(await store.open(), signer, [asWitness(witness)])
  await using two = openLog(await store.open(), signer, [asWitness(witness)])
  for (let i = 0; i < 20; i++) await Promise.all([one.add(1), two.add(2)])
  await one.cosigned(cosigner)
  assert.deepEqual(
    [one, two].flatMap(({ cosigning }) => cosigning.statistics.contradicting),
    [false, false],
  )
  assert.deepEqual(errorsIn(one.text() + two.text()), [])
})

const FAULTS: [name: string, answer: NonNullable<TestWitness['answer']>, reason: RegExp][] = [
  ['is down', (res) => void res.destroy(), /cannot be reached/],
  ['is slow', () => undefined, /no answer in time/],
  [
    'sends its answer slowly',
    (res) => {
      res.writeHead(200).write('— w.example ')
    },
    /no answer in time/,
  ],
  ['does not know the log', (res) => void res.writeHead(404).end(), /origin \(404\)/],
  ["does not accept the log's key", (res) => void res.writeHead(403).end(), /key \(403\)/],
  ['redirects', (res) => void res.writeHead(307, { location: 'http://127.0.0.1:1/' }).end(), /answered 307/],
  ['answers garbage', (res) => void res.writeHead(200).end('<html>'), /newline|malformed/],
  ['answers nothing', (res) => void res.writeHead(200).end(), /newline|malformed/],
  ['answers too much', (res) => void res.writeHead(200).end('x'.repeat(100_000)), /more than 64 KiB/],
  ['answers a conflict with what it was told', (res) => void res.writeHead(409).end('0\n'), /answered 409/],
  ['answers a conflict without a size', (res) => void res.writeHead(409).end('what?'), /answered 409/],
]

for (const [name, answer, reason] of FAULTS)
  test(`a witness that ${name} delays nothing, is said once, and is asked again`, async () => {
    const cosigner = makeSigner('w.example', 'cosignature-ed25519')
    const other = makeSigner('other.example', 'cosignature-ed25519')
    await using store = await testStore('sqlite')
    await using witness = await startWitness(cosigner)
    await using good = await startWitness(other)
    await using log = openLog(await store.open(), logSigner(witness, good), [witness, good].map(asWitness), { patience: 150 })
    witness.answer = answer
    await log.add(2)
    await log.cosigned(other)
    await eventually(async () => assert.ok(log.cosigning.statistics.failures >= 2))
    assert.equal(witness.atOnce, 1)
    const warnings = log
      .text()
      .split('\n')
      .filter((line) => line.includes('does not cosign') && line.includes('"witness":1,'))
    assert.equal(warnings.length, 1)
    assert.match(warnings[0]!, reason)
    assert.ok(!log.text().includes(witness.url))
    assert.deepEqual(errorsIn(log.text()), [])
    witness.answer = undefined
    await log.cosigned(cosigner, other)
    await eventually(async () => assert.match(log.text(), /cosigns the trail's checkpoints again/))
  })

test('a cosignature of another text, or by another key, is not kept', async () => {
  const cosigner = makeSigner('w.example', 'cosignature-ml-dsa-44')
  const stranger = makeSigner('w.example', 'cosignature-ml-dsa-44')
  await using store = await testStore('sqlite')
  await using witness = await startWitness(cosigner)
  const signer = logSigner(witness)
  await using log = openLog(await store.open(), signer, [asWitness(witness)])
  const signedBy = (by: NoteSigner, text: (own: string) => string): NonNullable<TestWitness['answer']> => {
    return async (res, _honest, body) => {
      const own = parseNote(body.slice(body.indexOf('\n\n') + 2)).text
      res.writeHead(200).end(formatSignatureLines([await signNote(text(own), by, 1)]))
    }
  }
  witness.answer = signedBy(cosigner, (own) => own.replace(/\n\d+\n/, '\n7777\n'))
  await log.add(2)
  await eventually(async () => assert.match(log.text(), /signed something else/))
  witness.answer = signedBy(stranger, (own) => own)
  await eventually(async () => assert.ok(log.cosigning.statistics.failures > 4))
  await assert.rejects(log.files.checkpoint(null, 'cosigned'), { code: 'trail_not_found' })
  witness.answer = async (res, honest, body) => {
    const own = parseNote(body.slice(body.indexOf('\n\n') + 2)).text
    const foreign = formatSignatureLines([await signNote(own, stranger, 1)])
    const { status, body: lines } = await honest()
    res.writeHead(status).end(foreign + lines)
  }
  await log.cosigned(cosigner)
  const { note } = await log.files.checkpoint(null)
  assert.equal(parseNote(note).signatures.length, 2, 'lines of unknown keys are left out')
})

/** Two stores whose logs have one name and one key: the first is shown to the witness, then the second. */
async function fork([first, second]: readonly [number, number]) {
  await using stack = new AsyncDisposableStack()
  const cosigner = makeSigner('w.example', 'cosignature-ed25519')
  const witness = stack.use(await startWitness(cosigner))
  const signer = logSigner(witness)
  {
    await using store = await testStore('sqlite')
    await using log = openLog(await store.open(), signer, [asWitness(witness)])
    await log.add(first, 'one')
    await log.cosigned(cosigner)
  }
  const store = stack.use(await testStore('sqlite'))
  const log = stack.use(openLog(await store.open(), signer, [asWitness(witness)]))
  await log.add(second, 'another')
  await eventually(async () => assert.ok(log.cosigning.statistics.failures >= 3))
  const owned = stack.move()
  return { log, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}

for (const [name, sizes, reason] of [
  ['is longer than', [10, 20], /first 11 entries are not those/],
  ['is as long as', [10, 10], /another log of 11 entries/],
  ['is shorter than', [20, 10], /has cosigned 21 entries of this log, which has only 11/],
] as const)
  test(`a log that ${name} the one its witness cosigned, and another, is noticed: loudly, once, and not cosigned`, async () => {
    await using forked = await fork(sizes)
    const { log } = forked
    const errors = errorsIn(log.text())
    assert.equal(errors.length, 1)
    assert.match(errors[0]!, /a witness contradicts the trail/)
    assert.match(errors[0]!, reason)
    assert.deepEqual(log.cosigning.statistics.contradicting, [true])
    assert.match(log.cosigning.contradictions.join(), new RegExp(`^witness 1 .*${reason.source}`))
    await assert.rejects(log.files.checkpoint(null, 'cosigned'), { code: 'trail_not_found' })
  })

test('a stop waits for no witness', async () => {
  await using store = await testStore('sqlite')
  await using witness = await startWitness(makeSigner('w.example', 'cosignature-ed25519'))
  const log = openLog(await store.open(), logSigner(witness), [asWitness(witness)], { patience: 60_000 })
  let isAsked = false
  witness.answer = () => void (isAsked = true)
  await log.add(1)
  await eventually(async () => assert.ok(isAsked))
  const start = performance.now()
  await log[Symbol.asyncDispose]()
  assert.ok(performance.now() - start < 5_000)
  assert.equal(log.cosigning.statistics.failures, 0)
})

test('a witness that knows another log is named by a running server, which stays ready', async () => {
  const cosigner = makeSigner('w.example', 'cosignature-ed25519')
  await using witness = await startWitness(cosigner)
  witness.answer = (res) => void res.writeHead(409, { 'content-type': 'text/x.tlog.size' }).end('1000000\n')
  const { log, text } = collectedLog()
  const flags = ['--witness-url', witness.url, '--witness-key', formatVerifierKey(cosigner.key)]
  await using server = await startTestServer({ flags, log })
  const ready = await eventually(async () => {
    const response = await fetch(`${server.url}/readyz`)
    const answer = (await response.json()) as { status: string; detail?: string[] }
    assert.equal(response.status, 200)
    assert.ok(answer.detail)
    return answer
  })
  assert.equal(ready.status, 'ready')
  assert.match(ready.detail!.join(), /^witness 1 has cosigned 1000000 entries of this log, which has only \d+$/)
  assert.match(errorsIn(text()).join(), /"witness":1,.*a witness contradicts the trail/)
  const { metrics, checkTrail } = server.server.context
  assert.match(await metrics.registry.metrics(), /^vouchsafe_trail_witness_contradicting\{witness="1"\} 1$/m)
  assert.deepEqual(
    (await checkTrail()).faults.map(({ fault }) => fault),
    ['contradicted'],
  )
  assert.equal((await fetch(`${server.url}/readyz`)).status, 200)
})

test('a server has its trail cosigned by the witnesses that it is told of, and shows it in its metrics', async () => {
  const [ed, ml] = COSIGNERS.map((type) => makeSigner('w.example', type)) as [NoteSigner, NoteSigner]
  await using witness = await startWitness(ed, ml)
  const urls = `${witness.url}/,${witness.url}`
  const keys = [ed, ml].map(({ key }) => formatVerifierKey(key)).join(',')
  await using server = await startTestServer({ flags: ['--witness-url', urls, '--witness-key', keys] })
  const { logKey, logFiles, metrics } = server.server.context
  witness.trusted.set(logKey.origin(1), logKey.verifierKey(1))
  const { note, size } = await eventually(() => logFiles.checkpoint(null, 'cosigned'))
  const checked = await checkSignatures(parseNote(note), [ed.key, ml.key, logKey.verifierKey(1)], verifyRaw)
  assert.deepEqual(
    checked.map(({ valid }) => valid),
    [true, true, true],
  )
  assert.equal(parseCheckpoint(parseNote(note).text).size, size)
  await eventually(async () => {
    const [, entries] = /^vouchsafe_trail_witness_cosigned_entries\{witness="1"\} (\d+)$/m.exec(await metrics.registry.metrics())!
    assert.ok(Number(entries) >= size)
  })
  assert.match(await metrics.registry.metrics(), /^vouchsafe_trail_witness_contradicting\{witness="1"\} 0$/m)
})
