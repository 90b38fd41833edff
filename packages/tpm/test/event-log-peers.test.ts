// Replays compared with tpm2-tools, and with a TPM that was extended by the same digests.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { bootLog } from '@vouchsafe/testkit/boot-log'
import { ascii } from '@vouchsafe/testkit/event-log-writer'
import type { EventLogWriter } from '@vouchsafe/testkit/event-log-writer'
import { startSwtpm } from '@vouchsafe/testkit/swtpm'
import { readTpm2Events, readTpm2Pcrs } from '@vouchsafe/testkit/tpm2-pcrs'
import type { PcrValues } from '@vouchsafe/testkit/tpm2-pcrs'
import { EVENT_TYPES as EV, parseEventLog, replay } from '../src/index.ts'
import type { HashAlgorithm } from '../src/index.ts'

const BANKS = ['sha1', 'sha256', 'sha384', 'sha512'] as const

function replayed(bytes: Uint8Array): PcrValues {
  const log = parseEventLog(bytes)
  return Object.fromEntries(
    log.banks.map((bank) => [
      bank,
      Object.fromEntries([...replay(log, bank as HashAlgorithm)].map(([pcr, { value }]) => [pcr, Buffer.from(value).toString('hex')])),
    ]),
  )
}

test('tpm2_eventlog reads the same events and replays the same values, crypto-agile and SHA-1', () => {
  const folder = mkdtempSync(join(tmpdir(), 'vouchsafe-eventlog-'))
  try {
    const writers: EventLogWriter[] = [
      bootLog({ banks: BANKS }),
      bootLog({ banks: ['sha256'], secureBoot: false }),
      bootLog({ format: 'sha1' }),
    ]
    for (const [i, writer] of writers.entries()) {
      const path = join(folder, `${i}.bin`)
      writeFileSync(path, writer.bytes())
      const yaml = execFileSync('tpm2_eventlog', [path], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
      assert.deepEqual(replayed(writer.bytes()), readTpm2Pcrs(yaml))
      const events = parseEventLog(writer.bytes()).events.map(({ pcr, typeName, digests }) => ({
        pcr,
        typeName,
        digests: Object.fromEntries(Object.entries(digests).map(([bank, digest]) => [bank, Buffer.from(digest).toString('hex')])),
      }))
      assert.deepEqual(events, readTpm2Events(yaml))
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('a TPM that is extended by the digests of a log has the replayed values', async () => {
  await using swtpm = await startSwtpm()
  const writer = bootLog({ banks: BANKS })
  writer.event(16, EV.EV_COMPACT_HASH, ascii('debug')).event(23, EV.EV_COMPACT_HASH, ascii('application'))
  const env = { ...process.env, TPM2TOOLS_TCTI: swtpm.tctiString }
  const specs = writer.extensions.map(
    ({ pcr, digests }) => `${pcr}:${BANKS.map((bank) => `${bank}=${digests[bank]!.toString('hex')}`).join(',')}`,
  )
  execFileSync('tpm2_pcrextend', specs, { env, stdio: 'ignore' })
  const values = replayed(writer.bytes())
  const selection = BANKS.map((bank) => `${bank}:${Object.keys(values[bank]!).join(',')}`).join('+')
  assert.deepEqual(readTpm2Pcrs(execFileSync('tpm2_pcrread', [selection], { env, encoding: 'utf8' })), values)
})
