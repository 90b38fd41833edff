/**
 * Boot event logs: their PCR values against `expected-pcrs.json`, and events and PCR values against what tpm2_eventlog printed (`LOG.yaml` beside the log or in
 * `expected/` there) and prints now, where it is installed. A log that isn't expected to end clean may be refused.
 */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { basename, dirname, join, relative } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { digestSizes, EVENT_TYPES, parseEventLog, replay, TpmError } from '@vouchsafe/tpm'
import type { EventLog, HashAlgorithm } from '@vouchsafe/tpm'
import { readTpm2Events, readTpm2Pcrs } from '@vouchsafe/testkit/tpm2-pcrs'
import type { PcrValues } from '@vouchsafe/testkit/tpm2-pcrs'
import type { Tally } from './tally.ts'
import { isObject, readVectorFile } from './vector-files.ts'
import type { Json } from './vector-files.ts'

const EXPECTATIONS = /^expected-pcrs\.json(\.gz)?$/

export async function runEventLogs(folder: string, tally: Tally): Promise<void> {
  const expected = await readExpectations(folder, tally)
  const logs = (await readdir(folder, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile() && !/\.(ya?ml|json|gz|md|txt)$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
  for (const path of logs) await runLog(path, relative(folder, path), expected, tally)
  const found = new Set(logs.map((path) => relative(folder, path)))
  for (const name of Object.keys(expected)) if (!found.has(name)) tally.skip(name, 'the log is not there', 1)
}

async function readExpectations(folder: string, tally: Tally): Promise<Json> {
  const name = (await readdir(folder)).find((each) => EXPECTATIONS.test(each))
  if (name === undefined) return {}
  try {
    const { replayed } = await readVectorFile(folder, name)
    if (isObject(replayed)) return replayed
    tally.fail(name, 'file', 'has no replayed')
  } catch (error) {
    tally.fail(name, 'file', `cannot be read: ${(error as Error).message}`)
  }
  return {}
}

async function runLog(path: string, name: string, expected: Json, tally: Tally): Promise<void> {
  const expectation = Object.hasOwn(expected, name) ? expected[name] : undefined
  const mayBeRefused = isObject(expectation) && expectation['trailing_clean'] === false
  const expect = (test: string, found: unknown, wanted: unknown) => {
    if (isDeepStrictEqual(found, wanted)) tally.pass()
    else tally.fail(name, test, `${JSON.stringify(found)} instead of ${JSON.stringify(wanted)}`.slice(0, 500))
  }
  let log: EventLog
  try {
    log = parseEventLog(await readFile(path))
  } catch (error) {
    if (error instanceof TpmError && mayBeRefused) tally.pass()
    else tally.fail(name, 'parse', String(error))
    return
  }
  const pcrs = pcrValues(log)
  if (isObject(expectation)) {
    expect('number of events', log.events.filter(({ number }) => number > 0 || log.specId === undefined).length, expectation['events'])
    expect('PCR values', pcrs, expectation['pcrs'])
  }
  const recorded = [`${path}.yaml`, join(dirname(path), 'expected', `${basename(path)}.yaml`)].find((each) => existsSync(each))
  if (recorded !== undefined) expectTpm2(log, pcrs, await readFile(recorded, 'utf8'), 'recorded', expect)
  if (!isObject(expectation) && recorded === undefined) tally.skip(name, 'no expectation', 1)

  const printed = tpm2EventLog(path)
  if (typeof printed !== 'string') return tally.skip(name, printed.reason, 1)
  const untold = isOldTpm2() ? informedPcrs(log) : []
  for (const pcr of untold) tally.skip(name, `PCR ${pcr} of tpm2_eventlog, which extends EV_NO_ACTION before version 5.6`, 1)
  expectTpm2(log, pcrs, printed, 'tpm2_eventlog', expect, untold)
}

/** PCRs that have EV_NO_ACTION events beside the Spec ID event. */
function informedPcrs(log: EventLog): number[] {
  return [...new Set(log.events.filter(({ number, type }) => number > 0 && type === EVENT_TYPES.EV_NO_ACTION).map(({ pcr }) => pcr))]
}

function isOldTpm2(): boolean {
  const [, major, minor] = /version="(\d+)\.(\d+)/.exec(execFileSync('tpm2_eventlog', ['--version'], { encoding: 'utf8' })) ?? []
  return Number(major) < 5 || (Number(major) === 5 && Number(minor) < 6)
}

/** All PCR values of the log, also of the banks that no event touches. */
function pcrValues(log: EventLog): PcrValues {
  const sm3 = (data: Uint8Array) => createHash('sm3').update(data).digest()
  const values: PcrValues = {}
  for (const bank of log.banks.filter((each): each is HashAlgorithm => Object.hasOwn(digestSizes, each))) {
    values[bank] = {}
    for (const [pcr, { value }] of replay(log, bank, { sm3 })) values[bank][pcr] = Buffer.from(value).toString('hex')
  }
  return values
}

function expectTpm2(
  log: EventLog,
  pcrs: PcrValues,
  yaml: string,
  source: string,
  expect: (test: string, found: unknown, wanted: unknown) => void,
  exceptPcrs: readonly number[] = [],
): void {
  const compared = (values: PcrValues) =>
    Object.fromEntries(
      Object.entries(values).map(([bank, byPcr]) => [
        bank,
        Object.fromEntries(Object.entries(byPcr).filter(([pcr]) => !exceptPcrs.includes(Number(pcr)))),
      ]),
    )
  const events = log.events.map(({ pcr, typeName, digests }) => ({
    pcr,
    typeName,
    digests: Object.fromEntries(Object.entries(digests).map(([bank, digest]) => [bank, Buffer.from(digest).toString('hex')])),
  }))
  expect(`events (${source})`, events, readTpm2Events(yaml))
  expect(`PCR values (${source})`, compared(pcrs), compared(readTpm2Pcrs(yaml)))
}

/** What tpm2_eventlog prints, or why it doesn't. */
function tpm2EventLog(path: string): string | { reason: string } {
  try {
    return execFileSync('tpm2_eventlog', [path], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'], maxBuffer: 256 * 1024 * 1024 })
  } catch (error) {
    const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT'
    return { reason: isMissing ? 'tpm2_eventlog is not installed' : 'tpm2_eventlog refuses the log' }
  }
}
