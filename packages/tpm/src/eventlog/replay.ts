import { TpmError } from '../error.ts'
import { digestSizes, hash } from '../hash.ts'
import type { HashAlgorithm, Hashes } from '../hash.ts'
import { PCR_COUNT, initialPcr } from '../pcr.ts'
import type { EventLog, EventRecord } from './event-log.ts'
import { EVENT_TYPES } from './event-types.ts'

/** A PCR's value after all events of a log. */
export type ReplayedPcr = {
  value: Uint8Array
  /** How many events were extended. */
  events: number
  /** Numbers of the events that have no digest for the bank: with any, the value is not that of a TPM which had the bank when they happened. */
  missing: readonly number[]
}

const SIGNATURE = Buffer.from('StartupLocality\0')

/** The locality that a StartupLocality event tells (PC Client Platform Firmware Profile 1.06, section 10.4.5.3); undefined for other events. */
export function readStartupLocality({ type, pcr, data }: EventRecord): number | undefined {
  if (type !== EVENT_TYPES.EV_NO_ACTION || pcr !== 0 || data.length !== SIGNATURE.length + 1) return undefined
  return SIGNATURE.equals(data.subarray(0, SIGNATURE.length)) ? data[SIGNATURE.length] : undefined
}

/**
 * The event that tells the locality of TPM2_Startup, on which the first value of PCR 0 depends. It stands before what is extended into PCR 0; one that comes
 * later is not heeded, and only the first one is.
 */
export function startupLocalityEvent(log: EventLog): EventRecord | undefined {
  if (log.format === 'ccel') return undefined
  for (const event of log.events) {
    if (readStartupLocality(event) !== undefined) return event
    if (event.pcr === 0 && isExtended(event)) return undefined
  }
  return undefined
}

/** All events but EV_NO_ACTION were extended into their PCR (section 10.4.1). */
export function isExtended(event: EventRecord): boolean {
  return event.type !== EVENT_TYPES.EV_NO_ACTION
}

/** The events that made up a PCR, in order. */
export function eventsOf(log: EventLog, pcr: number): EventRecord[] {
  return log.events.filter((event) => event.pcr === pcr && isExtended(event))
}

/**
 * The values of all PCRs that the log touches, by index: PCRs with events, and PCR 0 when there is a StartupLocality event. Initial values are those of the PC
 * Client Platform TPM Profile (`initialPcr`); registers of a CCEL begin with zeros. Throws TpmError for SM3 without a function for it.
 */
export function replay(log: EventLog, algorithm: HashAlgorithm, hashes: Hashes = {}): Map<number, ReplayedPcr> {
  if (!log.banks.includes(algorithm)) throw new TpmError(`the event log has no digests of ${algorithm}`, { field: 'bank' })
  const size = digestSizes[algorithm]
  const startup = startupLocalityEvent(log)
  const pcrs: ((ReplayedPcr & { missing: number[] }) | undefined)[] = new Array(PCR_COUNT)
  const initial = (pcr: number) => ({
    value: log.format === 'ccel' ? new Uint8Array(size) : initialPcr(algorithm, pcr, startup && readStartupLocality(startup)),
    events: 0,
    missing: [],
  })
  if (startup !== undefined) pcrs[0] = initial(0)

  const message = new Uint8Array(2 * size)
  for (const event of log.events) {
    if (!isExtended(event)) continue
    const pcr = (pcrs[event.pcr] ??= initial(event.pcr))
    const digest = event.digests[algorithm]
    if (digest === undefined) {
      pcr.missing.push(event.number)
      continue
    }
    message.set(pcr.value)
    message.set(digest, size)
    pcr.value = hash(algorithm, message, hashes)
    pcr.events++
  }
  return new Map(pcrs.flatMap((pcr, index) => (pcr === undefined ? [] : [[index, pcr]])))
}
