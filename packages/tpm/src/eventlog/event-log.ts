import { TpmError } from '../error.ts'
import { digestSizes } from '../hash.ts'
import { LogReader } from '../log-reader.ts'
import { PCR_COUNT } from '../pcr.ts'
import { EVENT_TYPES, eventTypeName } from './event-types.ts'
import { readSpecId } from './spec-id.ts'
import type { SpecId } from './spec-id.ts'

/**
 * One event as logged. What a quote authenticates of it is its place among the extensions of its PCR and its digest in the quoted bank, nothing else: the type
 * is never authenticated, and the data is only where `digestCoversData` says so.
 */
export type EventRecord = {
  /** From 0; the Spec ID event is number 0. */
  number: number
  /** Where the event begins in the log. */
  offset: number
  /** The PCR; in CCEL the measurement register (0: MRTD, 1–4: RTMR 0–3). Any number for EV_NO_ACTION, which is not extended: NV indices stand there. */
  pcr: number
  type: number
  /** `EV_…`, or the type in hex. */
  typeName: string
  /** By algorithm: `sha256`, or `0x0047` for one that is not known here. */
  digests: Readonly<Record<string, Uint8Array>>
  /** A view on the log's bytes. */
  data: Uint8Array
}

export type EventLog = {
  /** `sha1`: TCG_PCR_EVENT throughout, as of TPM 1.2; `crypto-agile`: TCG_PCR_EVENT2 after the Spec ID event; `ccel`: the same for the registers of TDX. */
  format: 'crypto-agile' | 'sha1' | 'ccel'
  specId?: SpecId
  /** Algorithms of the digests, in the order of the Spec ID event. */
  banks: readonly string[]
  events: readonly EventRecord[]
  /** Bytes of 0x00 or 0xFF after the last event: what a firmware's area has left. */
  padding: number
  /** Why the log ends early; only when parsed with `partial`. */
  truncated?: { offset: number; reason: string }
}

export type EventLogLimits = {
  /** Bytes of a log. */
  bytes: number
  /** Events of a log. */
  events: number
}

/** Firmware has areas of 64 KiB to a few MiB; boot loaders that log every command come to some thousands of events. */
export const DEFAULT_EVENT_LOG_LIMITS: Readonly<EventLogLimits> = { bytes: 16 * 1024 * 1024, events: 50_000 }

export type EventLogOptions = {
  /** The log is a Confidential Computing Event Log (ACPI table CCEL), which looks like a crypto-agile one. */
  ccel?: boolean
  /** If the log is cut off or malformed, return the events before that point and `truncated` instead of throwing. */
  partial?: boolean
  limits?: Partial<EventLogLimits>
}

/** pcrIndex and eventType: what is looked at to tell an event from padding. */
const EVENT_HEAD = 8

/**
 * Parses a boot event log: TCG PC Client Platform Firmware Profile 1.06, section 10 "Event logging" (crypto-agile and SHA-1 formats); UEFI 2.10, section 38.4
 * (CCEL). Event data stays undecoded: see `decodeEvent`. The format follows from the first event: crypto-agile when it is a Spec ID event of version 03.
 * Throws TpmError with the offset for anything malformed, truncated or beyond the limits.
 *
 * @example
 * const { format, banks } = parseEventLog(bootLog)
 * const found = [format, banks] // → ['crypto-agile', ['sha256']]
 */
export function parseEventLog(bytes: Uint8Array, options: EventLogOptions = {}): EventLog {
  const { ccel = false, partial = false } = options
  const limits = { ...DEFAULT_EVENT_LOG_LIMITS, ...options.limits }
  if (bytes.length > limits.bytes)
    throw new TpmError(`event log: ${bytes.length} bytes, at most ${limits.bytes} are read`, { field: 'event log' })

  const reader = new LogReader(bytes)
  const events: EventRecord[] = []
  let log: EventLog = { format: ccel ? 'ccel' : 'sha1', banks: [], events, padding: 0 }
  let start = 0
  try {
    const first = readSha1Event(reader, 0)
    const specId = first.type === EVENT_TYPES.EV_NO_ACTION ? readSpecId(first.data, reader.position - first.data.length) : undefined
    log = { ...log, ...formatOf(specId, ccel) }
    events.push(first)
    const sizes = new Map(specId?.algorithms.map((algorithm) => [algorithm.id, algorithm]))
    const padding = paddingStart(bytes)
    while (reader.remaining > 0) {
      start = reader.position
      if (start >= padding && reader.remaining >= EVENT_HEAD) return { ...log, padding: reader.remaining }
      if (events.length === limits.events)
        throw new TpmError(`event log: more than ${limits.events} events`, { field: 'event log', offset: start })
      events.push(sizes.size > 0 ? readAgileEvent(reader, events.length, sizes) : readSha1Event(reader, events.length))
    }
    return log
  } catch (error) {
    if (!partial || !(error instanceof TpmError)) throw error
    return { ...log, truncated: { offset: start, reason: error.message } }
  }
}

function formatOf(specId: SpecId | undefined, ccel: boolean): Pick<EventLog, 'format' | 'banks' | 'specId'> {
  const agile = specId !== undefined && specId.algorithms.length > 0
  if (ccel && !agile) throw new TpmError('event log: a CCEL begins with a Spec ID Event03', { field: 'event log', offset: 0 })
  return {
    format: ccel ? 'ccel' : agile ? 'crypto-agile' : 'sha1',
    banks: agile ? specId.algorithms.map(({ name }) => name) : ['sha1'],
    ...(specId && { specId }),
  }
}

/**
 * Where the zeros or ones begin in which the log ends; its length when it ends in neither. Less than an event's head is never padding, since a log cut after a
 * PCR index of 0 looks the same.
 */
function paddingStart(bytes: Uint8Array): number {
  const value = bytes.at(-1)
  let start = bytes.length
  if (value === 0 || value === 0xff) while (start > 0 && bytes[start - 1] === value) start--
  return start
}

/** TCG_PCR_EVENT (section 10.2.1). */
function readSha1Event(reader: LogReader, number: number): EventRecord {
  const offset = reader.offset
  const { pcr, type } = readHead(reader)
  const digests = { sha1: reader.bytes(digestSizes.sha1, 'digest') }
  const data = reader.bytes(reader.u32('eventDataSize'), 'event')
  return { number, offset, pcr, type, typeName: eventTypeName(type), digests, data }
}

/** TCG_PCR_EVENT2 (section 10.2.2). Each digest is of one of the Spec ID event's algorithms, which tell the sizes; none comes twice. */
function readAgileEvent(
  reader: LogReader,
  number: number,
  algorithms: ReadonlyMap<number, { name: string; digestSize: number }>,
): EventRecord {
  const offset = reader.offset
  const { pcr, type } = readHead(reader)
  const count = reader.u32('digests.count')
  if (count > algorithms.size)
    throw new TpmError(`digests.count: ${count}, but the Spec ID event lists ${algorithms.size} algorithms`, {
      field: 'digests.count',
      offset: reader.offset - 4,
    })
  const digests: Record<string, Uint8Array> = {}
  for (let i = 0; i < count; i++) {
    const at = reader.offset
    const id = reader.u16('hashAlg')
    const algorithm = algorithms.get(id)
    if (algorithm === undefined)
      throw new TpmError(`hashAlg: 0x${id.toString(16).padStart(4, '0')} is not among the algorithms of the Spec ID event`, {
        field: 'hashAlg',
        offset: at,
      })
    if (algorithm.name in digests) throw new TpmError(`hashAlg: two ${algorithm.name} digests`, { field: 'hashAlg', offset: at })
    digests[algorithm.name] = reader.bytes(algorithm.digestSize, 'digest')
  }
  const data = reader.bytes(reader.u32('eventSize'), 'event')
  return { number, offset, pcr, type, typeName: eventTypeName(type), digests, data }
}

function readHead(reader: LogReader): { pcr: number; type: number } {
  const { offset } = reader
  const pcr = reader.u32('pcrIndex')
  const type = reader.u32('eventType')
  if (pcr >= PCR_COUNT && type !== EVENT_TYPES.EV_NO_ACTION)
    throw new TpmError(`pcrIndex: there is no PCR ${pcr}`, { field: 'pcrIndex', offset })
  return { pcr, type }
}
