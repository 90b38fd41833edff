import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { test } from 'node:test'
import { parseEventLog, replay } from '@vouchsafe/tpm'
import { bootLog } from '@vouchsafe/testkit/boot-log'
import { ascii, eventLogWriter, u32 } from '@vouchsafe/testkit/event-log-writer'
import { openTerminal } from '@vouchsafe/testkit/terminal'

async function withLogs(logs: Record<string, Uint8Array>) {
  const terminal = await openTerminal()
  for (const [name, bytes] of Object.entries(logs)) await writeFile(terminal.path(name), bytes)
  return terminal
}

interface LogJson {
  events: {
    number: number
    pcr: number
    type: number
    typeName: string
    digests: Record<string, string>
    coverage: Record<string, string>
    data: string
    decoded: { kind: string; value?: unknown }
  }[]
  pcrs: Record<string, Record<string, string>>
  truncated?: { offset: number; reason: string }
}

test('tpm eventlog --json gives the events, decoded, and the PCRs of every bank', async () => {
  const writer = bootLog({ banks: ['sha1', 'sha256', 'sm3'], locality: 3 })
  await using terminal = await withLogs({ log: writer.bytes() })
  const { code, json } = await terminal.vouchsafe(['tpm', 'eventlog', '--json', terminal.path('log')])
  const { events, pcrs, truncated } = json() as LogJson
  assert.deepEqual([code, truncated, Object.keys(pcrs)], [0, undefined, ['sha1', 'sha256', 'sm3']])
  const log = parseEventLog(writer.bytes())
  const sm3 = (data: Uint8Array) => createHash('sm3').update(data).digest()
  for (const bank of ['sha1', 'sha256', 'sm3'] as const) {
    const expected = [...replay(log, bank, { sm3 })].map(([pcr, { value }]) => [String(pcr), Buffer.from(value).toString('hex')])
    assert.deepEqual(pcrs[bank], Object.fromEntries(expected))
  }
  assert.equal(events.length, log.events.length)
  const secureBoot = events.find(({ typeName }) => typeName === 'EV_EFI_VARIABLE_DRIVER_CONFIG')!
  assert.deepEqual(
    [secureBoot.pcr, secureBoot.type, secureBoot.coverage],
    [7, 0x80000001, { sha1: 'covered', sha256: 'covered', sm3: 'covered' }],
  )
  assert.deepEqual(secureBoot.decoded.value, { kind: 'boolean', value: true })
  assert.equal(secureBoot.digests['sha256'], createHash('sha256').update(Buffer.from(secureBoot.data, 'hex')).digest('hex'))
})

test('tpm eventlog shows a table of events and the PCRs', async () => {
  const bytes = bootLog({ banks: ['sha256'] }).bytes()
  await using terminal = await withLogs({ log: bytes })
  const { code, text } = await terminal.vouchsafe(['tpm', 'eventlog', terminal.path('log')])
  assert.equal(code, 0)
  assert.match(text, /^#\s+PCR\s+EVENT\s+DIGEST OF DATA\s+DATA\n0\s+0\s+EV_NO_ACTION\s+not-defined\s+Spec ID Event03, sha256\n/)
  assert.match(text, /7\s+EV_EFI_VARIABLE_DRIVER_CONFIG\s+covered\s+SecureBoot: yes\n/)
  assert.match(text, /db: Example Platform Key; EFI_CERT_SHA256_GUID\n/)
  assert.match(text, /dbx: 20 × EFI_CERT_SHA256_GUID\n/)
  assert.match(text, /Boot0000: ubuntu, HD\(2,GPT,.*\\EFI\\ubuntu\\shimx64.efi\n/)
  assert.match(text, /partly-covered\s+kernel_cmdline: \/vmlinuz root=\/dev\/sda3 ro quiet\n/)
  const value = Buffer.from(replay(parseEventLog(bytes), 'sha256').get(14)!.value).toString('hex')
  assert.ok(text.endsWith(`\n14  ${value}\n`))
})

test('tpm eventlog --pcr shows one PCR, and - is standard input', async () => {
  await using terminal = await withLogs({})
  const { events, pcrs } = (
    await terminal.vouchsafe(['tpm', 'eventlog', '-', '--json', '--pcr', '14'], bootLog().bytes())
  ).json() as LogJson
  assert.deepEqual(
    events.map(({ pcr, typeName }) => [pcr, typeName]),
    [[14, 'EV_IPL']],
  )
  assert.deepEqual(Object.keys(pcrs['sha256']!), ['14'])
  assert.equal((await terminal.vouchsafe(['tpm', 'eventlog', '-', '--pcr', '24'])).code, 2)
})

test('text from a log cannot control the terminal', async () => {
  const log = eventLogWriter().event(8, 0xd, Buffer.from('title\u202e\t\u2028', 'utf8'))
  await using terminal = await withLogs({ log: log.bytes() })
  const { text } = await terminal.vouchsafe(['tpm', 'eventlog', terminal.path('log')])
  assert.match(text, /title\\u202e\\u0009\\u2028\n/)
})

test('a broken log is one line with the place; --partial shows the events before', async () => {
  const bytes = bootLog().bytes()
  await using terminal = await withLogs({ log: bytes.subarray(0, -5), other: ascii('no log at all, but long enough to be read as one') })
  const refused = await terminal.vouchsafe(['tpm', 'eventlog', terminal.path('log')])
  assert.equal(refused.code, 1)
  assert.match(refused.stderr, /log is not an event log, or is damaged at byte \d+: event: \d+ bytes expected, \d+ left\n$/)
  const partial = (await terminal.vouchsafe(['tpm', 'eventlog', '--partial', '--json', terminal.path('log')])).json() as LogJson
  assert.equal(partial.events.length, parseEventLog(bytes).events.length - 1)
  assert.ok(partial.truncated!.offset > 0)
  assert.match(
    (await terminal.vouchsafe(['tpm', 'eventlog', '--partial', terminal.path('log')])).text,
    /\nThe log is truncated at byte \d+: /,
  )
  assert.equal((await terminal.vouchsafe(['tpm', 'eventlog', terminal.path('other')])).code, 1)
  assert.match((await terminal.vouchsafe(['tpm', 'eventlog', terminal.path('none')])).stderr, /there is no such file/)
})

test('tpm eventlog --ccel names the registers of a confidential VM', async () => {
  const writer = eventLogWriter({ banks: ['sha384'] })
    .event(1, 4, u32(0))
    .event(3, 0x80000007, ascii('boot'))
  await using terminal = await withLogs({ log: Buffer.concat([writer.bytes(), Buffer.alloc(64, 0xff)]) })
  const { text } = await terminal.vouchsafe(['tpm', 'eventlog', '--ccel', terminal.path('log')])
  assert.match(text, /\n1\s+RTMR0\s+EV_SEPARATOR\s+covered\s+separator\n2\s+RTMR2\s+EV_EFI_ACTION\s+covered\s+boot\n/)
  assert.match(text, /\nsha384\nRTMR0  [0-9a-f]{96}\nRTMR2  [0-9a-f]{96}\n$/)
})

test('tpm diff says nothing differs, or where each PCR begins to', async () => {
  const logs = { a: bootLog(), b: bootLog({ secureBoot: false, kernel: 'other' }), c: bootLog({ locality: 3 }) }
  await using terminal = await withLogs(Object.fromEntries(Object.entries(logs).map(([name, writer]) => [name, writer.bytes()])))
  const diff = (left: string, right: string, ...options: string[]) =>
    terminal.vouchsafe(['tpm', 'diff', terminal.path(left), terminal.path(right), ...options])

  const same = await diff('a', 'a')
  assert.deepEqual([same.code, same.text], [0, 'no differences\n'])

  const changed = await diff('a', 'b')
  assert.equal(changed.code, 1)
  assert.match(
    changed.text,
    /^PCR 7 differs from event 1 on \(sha256\)\n {2}\S+\/a +#4 +EV_EFI_VARIABLE_DRIVER_CONFIG +[0-9a-f]{64} +SecureBoot: yes\n {2}\S+\/b +#4 .*SecureBoot: no\nPCR 9 differs from event 2 on/,
  )
  const { equal, bank, differences } = (await diff('a', 'b', '--json', '--pcr', '9')).json() as {
    equal: boolean
    bank: string
    differences: { pcr: number; reason: string; position: number; left: { decoded: unknown } }[]
  }
  assert.deepEqual([equal, bank, differences.length], [false, 'sha256', 1])
  assert.deepEqual([differences[0]!.pcr, differences[0]!.reason, differences[0]!.position], [9, 'digest', 1])
  assert.deepEqual(differences[0]!.left.decoded, { kind: 'text', text: '/vmlinuz', encoding: 'utf-8' })

  assert.match((await diff('a', 'c')).text, /^PCR 0 begins with another locality\n.*no such event\n.*startup at locality 3\n$/)
  assert.equal((await diff('a', 'b', '--pcr', '2')).code, 0)
})

test('tpm diff compares a bank that both logs have', async () => {
  await using terminal = await withLogs({
    both: bootLog({ banks: ['sha1', 'sha384'] }).bytes(),
    one: bootLog({ banks: ['sha384'] }).bytes(),
    other: bootLog({ banks: ['sha512'] }).bytes(),
  })
  const diff = (left: string, right: string, ...options: string[]) =>
    terminal.vouchsafe(['tpm', 'diff', terminal.path(left), terminal.path(right), ...options])
  assert.deepEqual((await diff('both', 'one', '--json')).json(), { bank: 'sha384', equal: true, differences: [] })
  assert.match((await diff('both', 'other')).stderr, /no bank in common: sha1, sha384 and sha512/)
  assert.match((await diff('both', 'one', '--bank', 'sha1')).stderr, /one has no bank sha1: it has sha384/)
  assert.equal((await terminal.vouchsafe(['tpm', 'diff', '-', '-'])).code, 2)
})
