// Boot event logs: what the firmware and boot loaders measured, and the PCR values that follow from it.
import {
  DEFAULT_EVENT_LOG_LIMITS,
  TpmError,
  decodeEvent,
  digestCoversData,
  digestSizes,
  firstDifference,
  parseEventLog,
  replay,
} from '@vouchsafe/tpm'
import type { EventDifference, EventLog, EventLogOptions, EventRecord, HashAlgorithm } from '@vouchsafe/tpm'
import { CommandError, UsageError, columns, printable } from '@vouchsafe/command'
import type { Outcome } from '@vouchsafe/command'
import { command } from '../command.ts'
import type { Host } from '../command.ts'
import { eventSummary } from '../event-summary.ts'
import { readLogFile } from '../log-file.ts'
import { hashes } from '../tpm.ts'

/** Banks in the order in which one is chosen to show. */
const PREFERRED: readonly HashAlgorithm[] = ['sha256', 'sha384', 'sha512', 'sm3', 'sha1']

const CCEL_OPTION = { type: 'boolean', summary: 'the logs are those of a confidential VM (ACPI table CCEL)' } as const
const PCR_OPTION = { type: 'string', value: 'N', summary: 'only this PCR (with --ccel: this register)' } as const

export const tpmEventLogCommands = [
  command({
    name: 'tpm eventlog',
    args: ['FILE'],
    summary: 'Read a boot event log (- for standard input): its events, and the PCR values that it replays to',
    options: {
      pcr: PCR_OPTION,
      partial: { type: 'boolean', summary: 'if the log is truncated, show the events before that point' },
      ccel: CCEL_OPTION,
    },
    async run(host, [path = ''], values) {
      const pcr = pcrNumber(values.pcr)
      const log = await readLog(host, path, { partial: values.partial ?? false, ccel: values.ccel ?? false })
      return logOutcome(log, pcr)
    },
  }),
  command({
    name: 'tpm diff',
    args: ['LOG', 'LOG'],
    summary: 'Compare two boot event logs: the first event that differs in each PCR; exits 1 if any does',
    options: {
      pcr: PCR_OPTION,
      bank: {
        type: 'string',
        value: 'BANK',
        summary: 'the bank to compare (default: the first that both have, of sha256, sha384, sha512, sm3, sha1)',
      },
      ccel: CCEL_OPTION,
    },
    async run(host, [left = '', right = ''], values) {
      const pcr = pcrNumber(values.pcr)
      if (left === '-' && right === '-') throw new UsageError('only one of the logs can be standard input')
      const options = { ccel: values.ccel ?? false }
      const logs = [await readLog(host, left, options), await readLog(host, right, options)] as const
      return differenceOutcome([left, right], logs, values.bank ?? commonBank(logs), pcr)
    },
  }),
]

function pcrNumber(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  if (!/^(\d|1\d|2[0-3])$/.test(text)) throw new UsageError('--pcr is a number from 0 to 23')
  return Number(text)
}

async function readLog(host: Host, path: string, options: EventLogOptions): Promise<EventLog> {
  const bytes = await readLogFile(host, path, DEFAULT_EVENT_LOG_LIMITS.bytes)
  try {
    return parseEventLog(bytes, options)
  } catch (error) {
    if (!(error instanceof TpmError)) throw error
    const place = error.offset === undefined ? '' : ` at byte ${error.offset}`
    throw new CommandError(`${path} is not an event log, or is damaged${place}: ${error.message}`)
  }
}

/** Banks whose PCRs can be computed. */
function banksOf(log: EventLog): HashAlgorithm[] {
  return log.banks.filter((bank): bank is HashAlgorithm => Object.hasOwn(digestSizes, bank))
}

function logOutcome(log: EventLog, pcr: number | undefined): Outcome {
  const isWanted = (index: number) => pcr === undefined || index === pcr
  const events = log.events.filter((event) => isWanted(event.pcr))
  const banks = banksOf(log)
  const pcrs = Object.fromEntries(
    banks.map((bank) => {
      const values = [...replay(log, bank, hashes)].filter(([index]) => isWanted(index))
      return [bank, Object.fromEntries(values.map(([index, { value }]) => [index, value.toHex()]))]
    }),
  )
  const { truncated } = log
  const json = { events: events.map((event) => eventJson(event, banks)), pcrs, ...(truncated && { truncated }) }

  const shown = PREFERRED.find((bank) => banks.includes(bank))
  const rows = events.map((event) => [
    String(event.number),
    registerName(log, event.pcr),
    event.typeName,
    shown === undefined ? '' : digestCoversData(event, shown, hashes),
    printable(eventSummary(decodeEvent(event))),
  ])
  const values = Object.entries(pcrs).map(
    ([bank, byIndex]) =>
      `\n${bank}\n${columns(Object.entries(byIndex).map(([index, value]) => [registerName(log, Number(index)), value]))}`,
  )
  const end = truncated ? `\nThe log is truncated at byte ${truncated.offset}: ${printable(truncated.reason)}\n` : ''
  return { json, text: `${columns([['#', 'PCR', 'EVENT', 'DIGEST OF DATA', 'DATA'], ...rows])}${values.join('')}${end}` }
}

/** In a CCEL, what the index stands for (TDX). */
function registerName(log: EventLog, index: number): string {
  return log.format !== 'ccel' ? String(index) : index === 0 ? 'MRTD' : `RTMR${index - 1}`
}

function eventJson(event: EventRecord, banks: readonly HashAlgorithm[]) {
  const { number, pcr, type, typeName, data } = event
  const coverage = Object.fromEntries(banks.map((bank) => [bank, digestCoversData(event, bank, hashes)]))
  return { number, pcr, type, typeName, digests: plain(event.digests), coverage, data: data.toHex(), decoded: plain(decodeEvent(event)) }
}

/** Bytes as hex; 64-bit fields, which are addresses and sizes, as `0x…`. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return value.toHex()
  if (typeof value === 'bigint') return `0x${value.toString(16)}`
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, plain(item)]))
}

function commonBank([left, right]: readonly [EventLog, EventLog]): string {
  const bank = PREFERRED.find((each) => left.banks.includes(each) && right.banks.includes(each))
  if (bank === undefined) throw new CommandError(`the logs have no bank in common: ${left.banks.join(', ')} and ${right.banks.join(', ')}`)
  return bank
}

function differenceOutcome(
  paths: readonly [string, string],
  logs: readonly [EventLog, EventLog],
  bank: string,
  only: number | undefined,
): Outcome {
  for (const [i, log] of logs.entries())
    if (!log.banks.includes(bank)) throw new CommandError(`${paths[i]} has no bank ${bank}: it has ${log.banks.join(', ')}`)
  const wanted = only === undefined ? Array.from({ length: 24 }, (_, i) => i) : [only]
  const found = wanted.flatMap((pcr) => {
    const difference = firstDifference(...logs, pcr, bank)
    return difference === undefined ? [] : [{ pcr, ...difference }]
  })
  const differences = found.map(({ pcr, reason, position, left, right }) => ({
    ...{ pcr, reason, position },
    ...(left && { left: sideJson(left, bank) }),
    ...(right && { right: sideJson(right, bank) }),
  }))
  const text = found.map((difference) => differenceText(paths, logs[0], bank, difference)).join('')
  return { json: { bank, equal: found.length === 0, differences }, text: text || 'no differences\n', exitCode: found.length === 0 ? 0 : 1 }
}

function sideJson(event: EventRecord, bank: string) {
  const { number, type, typeName, digests } = event
  const digest = digests[bank]
  return { number, type, typeName, ...(digest && { digest: digest.toHex() }), decoded: plain(decodeEvent(event)) }
}

function differenceText(
  [leftPath, rightPath]: readonly [string, string],
  log: EventLog,
  bank: string,
  { pcr, reason, position, left, right }: EventDifference & { pcr: number },
): string {
  const side = (path: string, event: EventRecord | undefined) => {
    if (event === undefined) return [`  ${path}`, reason === 'startup-locality' ? 'no such event' : 'ends before']
    const digest = event.digests[bank]
    const summary = printable(eventSummary(decodeEvent(event)))
    return [`  ${path}`, `#${event.number}`, event.typeName, reason === 'digest' && digest ? digest.toHex() : '', summary]
  }
  const name = log.format === 'ccel' ? registerName(log, pcr) : `PCR ${pcr}`
  const where = reason === 'startup-locality' ? 'begins with another locality' : `differs from event ${position + 1} on (${bank})`
  return `${name} ${where}\n${columns([side(leftPath, left), side(rightPath, right)])}`
}
