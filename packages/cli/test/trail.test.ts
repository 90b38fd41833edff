// The trail's commands against real servers: what they print, and what each kind of damage to an exported log is called.
import assert from 'node:assert/strict'
import { generateKeyPairSync, hash, sign } from 'node:crypto'
import { cp, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import {
  appendLeaves,
  edgeRoot,
  emptyEdge,
  encodeBundle,
  encodeLeaf,
  formatCheckpoint,
  formatNote,
  formatVerifierKey,
  leafHash,
  parseBundle,
  parseLeaf,
  parseLogProof,
  formatLogProof,
  signNote,
  verifierKey,
  type RecordLeaf,
} from '@vouchsafe/audit-log'
import { eachDatabase } from '@vouchsafe/testkit/databases'
import { call, enroll } from '@vouchsafe/testkit/ehsm-calls'
import { startTestServer, temporaryFolder, type TestServer } from '@vouchsafe/testkit/server'
import { openTerminal, type Terminal } from '@vouchsafe/testkit/terminal'

interface FoundFault {
  code: string
  index?: number
  until?: number
  path?: string
  line?: number
  /** Of `trail check`. */
  fault?: string
  table?: string
}

/** What the commands print with `--json`; each has some of it. */
interface Answer {
  ok: boolean
  epoch: number
  origin: string
  key: string
  size: number
  new: number
  entries: number
  from: number
  first: number
  more: number
  isKeyGiven: boolean
  index: number
  proof: string
  reason: string
  entry: RecordLeaf
  checkpoint: { origin: string; size: number; root: string }
  faults: FoundFault[]
  records: { records: number; batches: number; batchesWithout: number; unproven: number; files: number } & {
    position: number
    requestId: string
  }[]
}

interface Place {
  server: TestServer
  terminal: Terminal
  /** Makes a key and uses it, each call in a batch of its own. */
  work(): Promise<void>
  /** Runs a command that must exit with `code`; returns what it printed, or its complaint. */
  run(code: number, ...args: string[]): Promise<string>
  json(code: number, ...args: string[]): Promise<Answer>
}

async function withServer(body: (place: Place) => Promise<void>, location: { dataDir?: string; databaseUrl?: string } = {}): Promise<void> {
  await using server = await startTestServer(location)
  await using terminal = await openTerminal(server.url)
  terminal.env['VOUCHSAFE_DATA_DIR'] = server.dataDir
  const app = await enroll(server.url)
  await body({
    server,
    terminal,
    async work() {
      const { result } = await call(server.url, app, 'CreateKey', { keyspec: 'EH_AES_GCM_256', origin: 'EH_INTERNAL_KEY' })
      for (const plaintext of ['YQ==', 'Yg==', 'Yw==']) {
        for (let i = 0; i < 3; i++) await call(server.url, app, 'Encrypt', { ...(result as unknown as { keyid: string }), plaintext })
        await server.server.context.trail!.flush()
      }
    },
    run: async (code, ...args) => {
      const done = await terminal.vouchsafe(args)
      assert.equal(done.code, code, `${args.join(' ')}\n${done.text}${done.stderr}`)
      assert.equal(code === 0 ? done.stderr : '', '')
      return done.text || done.stderr
    },
    json: async (code, ...args) => {
      const done = await terminal.vouchsafe([...args, '--json'])
      assert.equal(done.code, code, `${args.join(' ')}\n${done.text}${done.stderr}`)
      return done.json() as Answer
    },
  })
}

eachDatabase('a checkpoint, an export, a proof and a check of a real server', async (store) => {
  await withServer(async ({ terminal, work, run, json }) => {
    await work()
    const key = (await run(0, 'trail', 'checkpoint', '--key-only')).trim()
    const note = await run(0, 'trail', 'checkpoint')
    assert.match(note, /^vouchsafe\/[0-9a-f-]{36}\/1\n\d+\n\S{44}\n\n— vouchsafe\/[0-9a-f-]{36}\/1 \S+\n$/)
    const published = await json(0, 'trail', 'checkpoint', '--epoch', '1')
    assert.deepEqual([published.epoch, published.key, published.origin], [1, key, note.split('\n')[0]])
    await writeFile(terminal.path('old'), note)
    await work()

    const folder = terminal.path('export')
    const exported = await json(0, 'trail', 'export', folder)
    assert.deepEqual([exported.epoch, exported.new, exported.records.files], [1, exported.size, 1])
    const report = await json(0, 'trail', 'verify', folder, '--key', key, '--checkpoint', terminal.path('old'))
    const { origin, size } = exported
    assert.deepEqual([report.ok, report.isKeyGiven, report.origin, report.entries, report.faults], [true, true, origin, size, []])
    assert.deepEqual([report.checkpoint.origin, report.checkpoint.size, report.checkpoint.root.length], [origin, size, 44])
    assert.ok(report.records.records > 18 && report.records.batches >= 6, JSON.stringify(report.records))
    assert.equal(report.records.batchesWithout, 0)
    const text = await run(0, 'trail', 'verify', folder)
    assert.match(
      text,
      /^\d+ entries of vouchsafe\/\S+ are as they were signed; the newest is of \S+Z\.\n\d+ records of calls in \d+ batches are as they were logged\.\n(.* newer than it.*\n)?The key is the one in the folder/,
    )

    const { records } = await json(0, 'trail', 'query', '--action', 'CreateKey', '--plane', 'management')
    const { position, requestId } = records.at(-1)!
    assert.deepEqual(records, (await json(0, 'audit', 'query', '--action', 'CreateKey', '--plane', 'management')).records)
    const proof = await run(0, 'trail', 'prove', String(position))
    await writeFile(terminal.path('proof'), proof)
    assert.match(
      await run(0, 'trail', 'verify', terminal.path('proof'), '--key', key),
      new RegExp(`^entry ${position} of ${origin}: \\S+Z \\S+ CreateKey \\S+\n$`),
    )
    const proven = await json(0, 'trail', 'verify', terminal.path('proof'), '--key', key)
    assert.deepEqual([proven.ok, proven.index, proven.entry.request], [true, position, requestId])
    assert.equal((await json(0, 'trail', 'prove', String(position))).proof.split('\n')[1], proof.split('\n')[1])

    assert.match(await run(0, 'trail', 'check'), /^The store is what the trail says: \d+ rows, \d+ entries\.\n$/)
    const checked = await json(0, 'trail', 'check')
    assert.deepEqual([checked.ok, checked.faults, checked.more], [true, [], 0])
  }, store.location)
})

test('a second export into the same folder adds what is new, and an export of another log, or one that was set back, is refused', () =>
  withServer(async ({ terminal, work, run, json }) => {
    const folder = terminal.path('export')
    const first = await json(0, 'trail', 'export', folder)
    await work()
    const early = await readFile(join(folder, 'checkpoint'))
    const second = await json(0, 'trail', 'export', folder)
    assert.equal(second.new, second.size - first.size)
    assert.deepEqual(await readdir(join(folder, 'tile/entries/')), ['000.p'])
    assert.deepEqual(await readdir(join(folder, 'tile/entries/000.p')), [String(second.size)])
    await writeFile(terminal.path('early'), early)
    await run(0, 'trail', 'verify', folder, '--checkpoint', terminal.path('early'))
    const later = terminal.path('later')
    await cp(folder, later, { recursive: true })

    await withServer(async (other) => {
      assert.match(
        await other.run(1, 'trail', 'export', folder),
        /holds the log vouchsafe\/\S+, not vouchsafe\/\S+; export each into a folder of its own/,
      )
    })
    await writeFile(terminal.path('file'), '')
    assert.match(await run(1, 'trail', 'export', terminal.path('file')), /file is not a folder/)
    await writeFile(join(folder, 'checkpoint'), 'nothing')
    assert.match(await run(1, 'trail', 'export', folder), /the checkpoint in .* is not one of this log/)
  }))

test('an export does not replace what a server that was set back, or forked, no longer has', async () => {
  await using dataDir = { path: await temporaryFolder(), [Symbol.asyncDispose]: () => rm(dataDir.path, { recursive: true }) }
  await using copy = { path: `${dataDir.path}-copy`, [Symbol.asyncDispose]: () => rm(copy.path, { recursive: true, force: true }) }
  await using kept = await openTerminal()
  const folder = kept.path('export')
  await withServer(async ({ work }) => work(), { dataDir: dataDir.path })
  await cp(dataDir.path, copy.path, { recursive: true })
  await withServer(
    async ({ work, json }) => {
      for (let i = 0; i < 4; i++) await work()
      await json(0, 'trail', 'export', folder)
    },
    { dataDir: dataDir.path },
  )
  const before = await readFile(join(folder, 'checkpoint'))
  await withServer(
    async ({ work, run }) => {
      assert.match(
        await run(1, 'trail', 'export', folder),
        /the log was set back: .* holds \d+ entries that the server signed, and the server has \d+/,
      )
      for (let i = 0; i < 8; i++) await work()
      assert.match(await run(1, 'trail', 'export', folder), /the log was forked: the server's does not continue the \d+ entries/)
    },
    { dataDir: copy.path },
  )
  assert.deepEqual(await readFile(join(folder, 'checkpoint')), before)
})

interface Export {
  folder: string
  key: string
  /** The one bundle of entries. */
  bundle: string
  entries: Uint8Array[]
  /** The one file of records. */
  records: string
  lines: string[]
  path(name: string): string
}

const sha256 = (bytes: Uint8Array) => hash('sha256', bytes, 'buffer')

/** A log key of our own for `origin`. */
function signer(origin: string) {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  const raw = Buffer.from(publicKey.export({ format: 'jwk' }).x!, 'base64url')
  return { key: verifierKey(sha256, origin, 'note', raw), sign: (message: Uint8Array) => sign(null, message, privateKey) }
}

async function signed(origin: string, log: ReturnType<typeof signer>, entries: readonly Uint8Array[]): Promise<string> {
  const { edge } = appendLeaves(
    sha256,
    emptyEdge(),
    entries.map((entry) => leafHash(sha256, entry)),
  )
  const text = formatCheckpoint({ origin, size: edge.size, root: edgeRoot(sha256, edge) })
  return formatNote({ text, signatures: [await signNote(text, log)] })
}

test('each kind of damage to an exported log and its records is named, with exit code 1', () =>
  withServer(async ({ terminal, work, run, json }) => {
    await work()
    await work()
    const original = terminal.path('original')
    const { origin, size } = await json(0, 'trail', 'export', original)
    const key = (await readFile(join(original, 'key'), 'utf8')).trim()
    const isBatch = (entry: Uint8Array) => parseLeaf(entry).kind === 'batch'

    /** The codes and places of the faults after `damage`. */
    async function faultsAfter(damage: (copy: Export) => Promise<void>, ...flags: string[]): Promise<string[]> {
      const folder = terminal.path('damaged')
      await rm(folder, { recursive: true, force: true })
      await cp(original, folder, { recursive: true })
      const bundle = join(folder, `tile/entries/000.p/${size}`)
      const [name] = await readdir(join(folder, 'records'))
      const records = join(folder, 'records', name!)
      const lines = (await readFile(records, 'utf8')).split('\n').slice(0, -1)
      await damage({ folder, key, bundle, entries: parseBundle(await readFile(bundle)), records, lines, path: terminal.path })
      const { faults } = await json(1, 'trail', 'verify', folder, ...flags)
      const text = await run(1, 'trail', 'verify', folder, ...flags)
      assert.match(text, /^FAULT +WHERE +WHAT\n/)
      return faults.map(({ code, index, path, line, until }) => {
        assert.ok(text.includes(String(code)), text)
        const place = line === undefined ? (index ?? path) : `${line}${until === undefined ? '' : `-${until}`}`
        if (code === 'reordered') return `${code} ${index}-${Number(until) - 1}`
        return `${code} ${place}`.replace(folder, '').replace(String(name), 'FILE')
      })
    }
    const rewrite = (change: (entries: Uint8Array[]) => Uint8Array[]) => (copy: Export) =>
      writeFile(copy.bundle, encodeBundle(change(copy.entries)))
    const records = (change: (lines: string[]) => string[]) => async (copy: Export) =>
      writeFile(
        copy.records,
        change(copy.lines)
          .map((line) => `${line}\n`)
          .join(''),
      )
    const text = (line: string) => Buffer.from(line)
    const other = (line: string) => Buffer.from(encodeLeaf({ ...(parseLeaf(text(line)) as RecordLeaf), actor: 'someone' })).toString()

    const cases: [string, (copy: Export) => Promise<void>, ...string[]][] = [
      ['truncated ' + (size - 2), rewrite((entries) => entries.slice(0, -2))],
      ['truncated 0', ({ bundle }) => rm(bundle)],
      ['edited 3', rewrite((entries) => entries.with(3, encodeLeaf({ ...(parseLeaf(entries[3]!) as RecordLeaf), actor: 'someone' })))],
      ['missing checkpoint', ({ folder }) => rm(join(folder, 'checkpoint'))],
      ['missing tile/0/000.p/' + size, ({ folder }) => rm(join(folder, `tile/0/000.p/${size}`))],
      ['unsigned checkpoint', ({ folder }) => writeFile(join(folder, 'checkpoint'), 'nothing')],
      [
        'unsigned checkpoint',
        async ({ folder, entries }) => writeFile(join(folder, 'checkpoint'), await signed(origin, signer(origin), entries)),
      ],
    ]
    for (const [fault, damage] of cases) assert.equal((await faultsAfter(damage))[0], fault)
    const swapped = rewrite((entries) => entries.with(3, entries[4]!).with(4, entries[3]!))
    assert.deepEqual(await faultsAfter(swapped), ['reordered 3-4'])

    // Whoever has the log's key can sign another one; a checkpoint that was kept says so.
    const log = signer(origin)
    const forks: [string, (entries: Uint8Array[]) => Uint8Array[]][] = [
      ['forked 0', (entries) => entries.with(2, encodeLeaf({ ...(parseLeaf(entries[2]!) as RecordLeaf), actor: 'someone' }))],
      ['truncated ' + (size - 1), (entries) => entries.slice(0, -1)],
    ]
    for (const [fault, change] of forks) {
      const faults = await faultsAfter(
        async ({ folder, bundle, entries }) => {
          await writeFile(terminal.path('kept'), await signed(origin, log, entries))
          const changed = change(entries)
          await rename(bundle, join(folder, `tile/entries/000.p/${changed.length}`))
          await rm(join(folder, `tile/0/000.p/${size}`))
          await writeFile(join(folder, `tile/entries/000.p/${changed.length}`), encodeBundle(changed))
          await writeFile(join(folder, `tile/0/000.p/${changed.length}`), Buffer.concat(changed.map((entry) => leafHash(sha256, entry))))
          await writeFile(join(folder, 'checkpoint'), await signed(origin, log, changed))
        },
        '--key',
        formatVerifierKey(log.key),
        '--checkpoint',
        terminal.path('kept'),
      )
      assert.equal(faults[0], fault)
    }

    // The records of the second batch of three calls, from its first line on.
    const batches = Map.groupBy(
      (await readFile(join(original, 'records', (await readdir(join(original, 'records')))[0]!), 'utf8')).trim().split('\n'),
      (line) => parseLeaf(text(line)).seq,
    )
    const numbers = [...batches.keys()].sort((a, b) => a - b)
    const [, third] = numbers.filter((seq) => batches.get(seq)!.length === 3)
    const before = numbers.filter((seq) => seq < third!).reduce((sum, seq) => sum + batches.get(seq)!.length, 0)
    const place = `${before + 1}-${before + 3}`
    assert.ok(isBatch(parseBundle(await readFile(join(original, `tile/entries/000.p/${size}`))).at(-1)!))
    const recordCases: [string[], (copy: Export) => Promise<void>][] = [
      [[`record_altered ${place}`], records((lines) => lines.with(before + 1, other(lines[before + 1]!)))],
      [[`record_altered ${place}`], records((lines) => lines.with(before, lines[before + 1]!).with(before + 1, lines[before]!))],
      [[`record_missing ${before + 1}-${before + 2}`], records((lines) => lines.toSpliced(before, 1))],
      [['record_missing records'], records((lines) => lines.toSpliced(before, 3))],
      [[`record_added ${before + 1}-${before + 4}`], records((lines) => lines.toSpliced(before, 0, lines[before]!))],
      [[`record_malformed ${before + 2}`, `record_missing ${before + 1}-${before + 3}`], records((lines) => lines.with(before + 1, '{}'))],
      [
        ['record_unknown 1'],
        records((lines) => [
          Buffer.from(
            encodeLeaf({ ...(parseLeaf(text(lines[0]!)) as RecordLeaf), server: '00000000-0000-4000-8000-000000000000/calls' }),
          ).toString(),
          ...lines,
        ]),
      ],
    ]
    for (const [faults, damage] of recordCases) assert.deepEqual(await faultsAfter(damage), faults)
  }))

test('records that are elsewhere, newer than the log, or torn by a crash are counted, and are no fault', () =>
  withServer(async ({ terminal, work, run, json }) => {
    const folder = terminal.path('export')
    await work()
    await json(0, 'trail', 'export', folder)
    const checkpoint = await readFile(join(folder, 'checkpoint'))
    const [name] = await readdir(join(folder, 'records'))
    const path = join(folder, 'records', name!)
    const whole = await readFile(path)

    const last = parseLeaf(whole.subarray(whole.lastIndexOf(10, -2) + 1, -1)) as RecordLeaf
    await writeFile(path, Buffer.concat([whole, Buffer.from(encodeLeaf({ ...last, seq: last.seq + 1 })), Buffer.from('\n{"act')]))
    const newer = await json(0, 'trail', 'verify', folder)
    // Some of the export's own calls may be newer than its checkpoint, too.
    assert.ok(newer.records.unproven >= 1)
    assert.match(await run(0, 'trail', 'verify', folder), /^\d+ records are not in this log: newer than it/m)

    await rm(join(folder, 'records'), { recursive: true })
    const without = await json(0, 'trail', 'verify', folder)
    assert.deepEqual([without.records.batches, without.records.batchesWithout], [0, newer.records.batches])
    assert.match(await run(0, 'trail', 'verify', folder), /^\d+ batches have no records here: they are other servers', or were removed\.$/m)
    assert.deepEqual(await readFile(join(folder, 'checkpoint')), checkpoint)
  }))

test('a proof that was damaged, or is of another log, proves nothing', () =>
  withServer(async ({ terminal, run, json }) => {
    const key = (await run(0, 'trail', 'checkpoint', '--key-only')).trim()
    const proof = parseLogProof(await run(0, 'trail', 'prove', '1'))
    const stranger = signer(key.slice(0, key.indexOf('+')))
    const path = terminal.path('proof')
    const entry = encodeLeaf({ ...(parseLeaf(proof.extra!) as RecordLeaf), actor: 'someone' })
    const { extra: _, ...bare } = proof
    const damaged: [string, RegExp][] = [
      [formatLogProof({ ...proof, extra: entry }), /the entry is not in the log/],
      [formatLogProof({ ...proof, index: 2 }), /the entry is not in the log/],
      [formatLogProof({ ...proof, proof: proof.proof.slice(1) }), /the entry is not in the log/],
      [formatLogProof({ ...proof, checkpoint: proof.checkpoint.replace(/\n\d+\n/, '\n1\n') }), /signature/],
      [formatLogProof(bare), /the proof holds no entry/],
      ['no proof', /proof: /],
    ]
    for (const [text, message] of damaged) {
      await writeFile(path, text)
      const { ok, reason } = await json(1, 'trail', 'verify', path, '--key', key)
      assert.equal(ok, false)
      assert.match(reason, message)
      assert.match(await run(1, 'trail', 'verify', path, '--key', key), /^not proven: /)
    }
    await writeFile(path, formatLogProof(proof))
    assert.match(await run(1, 'trail', 'verify', path, '--key', formatVerifierKey(stranger.key)), /^not proven: no known key has signed it/)
    assert.match(
      await run(1, 'trail', 'verify', path, '--key', formatVerifierKey(signer('another').key)),
      /^not proven: the checkpoint is of /,
    )
    assert.match(await run(2, 'trail', 'verify', path), /give the log's verifier key with --key/)
    assert.match(await run(2, 'trail', 'verify', path, '--key', key, '--checkpoint', path), /--checkpoint is for a folder/)
  }))

test('an export is refused under another key, and checkpoints of other logs are named by their file', () =>
  withServer(async ({ terminal, run, json }) => {
    const folder = terminal.path('export')
    const { origin } = await json(0, 'trail', 'export', folder)
    const codes = async (...flags: string[]) =>
      (await json(1, 'trail', 'verify', folder, ...flags)).faults.map(({ code, path }) => [code, path])
    assert.deepEqual(await codes('--key', formatVerifierKey(signer(origin).key)), [['unsigned', 'checkpoint']])
    assert.deepEqual(await codes('--key', formatVerifierKey(signer('another').key)), [['wrong_origin', 'checkpoint']])
    await writeFile(terminal.path('other'), await signed('another', signer('another'), []))
    await writeFile(terminal.path('forged'), await signed(origin, signer(origin), []))
    assert.deepEqual(await codes('--checkpoint', terminal.path('other'), '--checkpoint', terminal.path('forged')), [
      ['wrong_origin', terminal.path('other')],
      ['unsigned', terminal.path('forged')],
    ])
    assert.match(await run(1, 'trail', 'verify', folder, '--checkpoint', terminal.path('none')), /none: there is no such file/)
  }))

test('wrong command lines and what is not there are said in a line', () =>
  withServer(async ({ server, terminal, run }) => {
    assert.match(await run(2, 'trail', 'prove', 'x'), /POSITION is an entry's place in the log, from 0 on/)
    assert.match(await run(2, 'trail', 'prove'), /POSITION is missing/)
    assert.match(await run(1, 'trail', 'prove', '999999'), /no such entry/)
    assert.match(await run(2, 'trail', 'checkpoint', '--epoch', '0'), /--epoch must be a whole number from 1/)
    assert.match(await run(1, 'trail', 'checkpoint', '--epoch', '2'), /no such entry/)
    assert.match(await run(2, 'trail', 'verify', server.dataDir), /there is no key in .*: if it is an exported log, give/)
    assert.match(await run(2, 'trail', 'verify', server.dataDir, '--key', 'x'), /--key: /)
    assert.match(await run(1, 'trail', 'verify', terminal.path('none')), /none: there is no such file/)
  }))

test('a row that was changed in the store is named by trail check, with exit code 1', () =>
  withServer(async ({ server, work, run, json }) => {
    await work()
    const { DatabaseSync } = await import('node:sqlite')
    using database = new DatabaseSync(join(server.dataDir, 'vouchsafe.db'))
    database.exec('update apps set enabled = 0')
    const { ok, faults } = await json(1, 'trail', 'check')
    assert.equal(ok, false)
    assert.deepEqual(
      faults.map(({ fault, table }) => [fault, table]),
      [['altered', 'apps']],
    )
    assert.match(await run(1, 'trail', 'check'), /^FAULT +TABLE +ID\naltered +apps +\S+\n$/)
  }))

test('what was removed from the server stays in an export of before; a later one says where it begins, and so does all else', () =>
  withServer(async ({ server, terminal, work, run, json }) => {
    const { storage, settleTrail } = server.server.context
    const fill = async (count: number) => {
      const row = { at: Date.now(), tenant: '', actor: 'test', action: 'Test', object: '', result: 'ok', requestId: '' }
      await storage.appendAudit({ rows: Array.from({ length: count }, () => row) })
      await settleTrail()
    }
    await work()
    const key = (await run(0, 'trail', 'checkpoint', '--key-only')).trim()
    const [whole, late, old] = [terminal.path('whole'), terminal.path('late'), terminal.path('old')]
    await writeFile(old, await run(0, 'trail', 'checkpoint'))
    await fill(400)
    await run(0, 'trail', 'export', whole)
    await fill(400)
    assert.match(await run(1, 'trail', 'prune', '--keep', '100'), /No terminal to confirm it on: give --yes/)
    assert.match(await run(2, 'trail', 'prune', '--keep', 'some', '--yes'), /--keep must be a duration/)
    assert.match(
      await run(0, 'trail', 'prune', '--keep', '500', '--yes'),
      /^256 entries and 0 files of records of calls were removed\.\nWhat is kept begins with entry 256 of epoch 1\.\n$/,
    )
    assert.match(await run(1, 'trail', 'prove', '7'), /begins with entry 256/)
    assert.match(await run(0, 'trail', 'query', '--action', 'BeginEpoch'), /What is kept begins at \S+Z: older entries were removed\.\n$/)
    assert.doesNotMatch(await run(0, 'trail', 'query', '--action', 'Test', '--limit', '1'), /older entries/)
    assert.match(await run(0, 'trail', 'check'), /^The store is what the trail says/)

    // The same folder has all of it.
    await run(0, 'trail', 'export', whole)
    assert.deepEqual((await json(0, 'trail', 'verify', whole, '--key', key, '--checkpoint', old)).from, 0)
    // A new one begins later, with records of calls of before.
    assert.match(await run(0, 'trail', 'export', late), /It begins with entry 256: /)
    const report = await json(0, 'trail', 'verify', late, '--key', key, '--checkpoint', old)
    assert.deepEqual([report.from, report.entries, report.faults], [256, report.checkpoint.size - 256, []])
    assert.ok(report.records.unproven > 0)
    assert.match(await run(0, 'trail', 'verify', late, '--key', key), /They begin with entry 256: the server removed older ones/)
    // What was exported before goes on from there, when more is removed.
    await fill(600)
    await run(0, 'trail', 'prune', '--keep', '0', '--yes')
    const gap = await json(0, 'trail', 'export', whole)
    assert.ok(gap.first > 768)
    assert.equal((await json(0, 'trail', 'verify', whole, '--key', key)).from, gap.first)

    // Entries that are removed from a folder alone are missing, whatever it says.
    await writeFile(join(late, 'minimum'), '512')
    const { faults } = await json(1, 'trail', 'verify', late, '--key', key)
    assert.deepEqual([faults[0]!.code, faults[0]!.index, faults[0]!.until], ['missing', 256, 512])
  }))
