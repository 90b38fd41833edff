/** The conformance suite of boot event logs on tiny folders: it passes what is right, and fails what is not. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { bootLog } from '@vouchsafe/testkit/boot-log'
import { parseEventLog, replay } from '@vouchsafe/tpm'

const RUNNER = fileURLToPath(new URL('../tools/conformance.ts', import.meta.url))

function runOn(files: Record<string, string | Uint8Array>): { status: number | null; lines: string[] } {
  const directory = mkdtempSync(join(tmpdir(), 'vouchsafe-conformance-'))
  try {
    for (const [name, content] of Object.entries(files)) {
      const path = join(directory, 'tpm-eventlog', name)
      mkdirSync(dirname(path), { recursive: true })
      writeFileSync(path, content)
    }
    const { status, stdout } = spawnSync(process.execPath, [RUNNER, directory], { encoding: 'utf8' })
    return { status, lines: stdout.split('\n').filter((line) => line.startsWith('tpm-eventlog: ')) }
  } finally {
    rmSync(directory, { recursive: true })
  }
}

const bytes = bootLog().bytes()
const values = Object.fromEntries(
  [...replay(parseEventLog(bytes), 'sha256')].map(([pcr, { value }]) => [pcr, Buffer.from(value).toString('hex')]),
)
const events = parseEventLog(bytes).events.length - 1
const expectations = (replayed: object) => JSON.stringify({ replayed })

test('a log with the expected events and PCR values passes, also against tpm2_eventlog', () => {
  const { status, lines } = runOn({
    'vendor/log.bin': bytes,
    'expected-pcrs.json': expectations({ 'vendor/log.bin': { events, pcrs: { sha256: values } } }),
  })
  assert.deepEqual([status, lines], [0, ['tpm-eventlog: 4 passed, 0 failed, 0 skipped']])
})

test('gzipped expectations are read; logs without any, and expectations without a log, are skipped with the reason', () => {
  const { status, lines } = runOn({ log: bytes, 'expected-pcrs.json.gz': gzipSync(expectations({ other: { events, pcrs: {} } })) })
  assert.equal(status, 0)
  assert.deepEqual(lines, [
    'tpm-eventlog: skipped 1 in log: no expectation',
    'tpm-eventlog: skipped 1 in other: the log is not there',
    'tpm-eventlog: 2 passed, 0 failed, 2 skipped',
  ])
})

test('another PCR value, another number of events, a recorded difference and a broken log fail', () => {
  const pcrs = { sha256: { ...values, 7: '00'.repeat(32) } }
  const recorded = 'events:\n- EventNum: 0\n  PCRIndex: 0\n  EventType: EV_NO_ACTION\npcrs:\n  sha256:\n    0  : 0x00\n'
  const { status, lines } = runOn({
    a: bytes,
    'a.yaml': recorded,
    b: bytes.subarray(0, -1),
    'expected-pcrs.json': expectations({ a: { events: events + 1, pcrs }, b: { events, pcrs: {} } }),
  })
  assert.equal(status, 1)
  assert.deepEqual(
    lines.map((line) => line.replace(/(?<=: )\{.*|(?<=: )\[.*| TpmError.*/, '').trim()),
    [
      `tpm-eventlog: FAILED a number of events: ${events} instead of ${events + 1}`,
      'tpm-eventlog: FAILED a PCR values:',
      'tpm-eventlog: FAILED a events (recorded):',
      'tpm-eventlog: FAILED a PCR values (recorded):',
      'tpm-eventlog: FAILED b parse:',
      'tpm-eventlog: 2 passed, 5 failed, 0 skipped',
    ],
  )
})

test('a log that is not expected to end clean may be refused', () => {
  const expected = expectations({ log: { events: 0, pcrs: {}, trailing_clean: false } })
  assert.deepEqual(runOn({ log: bytes.subarray(0, -1), 'expected-pcrs.json': expected }).lines, [
    'tpm-eventlog: 1 passed, 0 failed, 0 skipped',
  ])
})
