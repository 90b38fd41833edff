import { TpmError } from '../error.ts'
import { digestSizes } from '../hash.ts'
import type { HashAlgorithm, Hashes } from '../hash.ts'
import { hashInto } from '../ima/hash-into.ts'
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

/**
 * The locality that a StartupLocality event states (PC Client Platform Firmware Profile 1.06, section 10.4.5.3); undefined for other events.
 *
 * @example
 * readStartupLocality(event) // → undefined
 */
export function readStartupLocality({ type, pcr, data }: EventRecord): number | undefined {
  if (type !== EVENT_TYPES.EV_NO_ACTION || pcr !== 0 || data.length !== SIGNATURE.length + 1) return undefined
  return SIGNATURE.equals(data.subarray(0, SIGNATURE.length)) ? data[SIGNATURE.length] : undefined
}

/**
 * The event that states the locality of TPM2_Startup, on which the first value of PCR 0 depends. It stands before what is extended into PCR 0; one that comes
 * later is not heeded, and only the first one is.
 *
 * @example
 * startupLocalityEvent(log) // → undefined
 */
export function startupLocalityEvent(log: EventLog): EventRecord | undefined {
  if (log.format === 'ccel') return undefined
  for (const event of log.events) {
    if (readStartupLocality(event) !== undefined) return event
    if (event.pcr === 0 && isExtended(event)) return undefined
  }
  return undefined
}

/**
 * The locality at which PCR 0 begins: that of the StartupLocality event; without one, 4 when the first thing that was extended is an H-CRTM's (TPM 2.0 Library,
 * Part 1, "H-CRTM before TPM2_Startup"), else 0.
 *
 * @example
 * startupLocality(log) // → 0
 */
export function startupLocality(log: EventLog): number {
  const event = startupLocalityEvent(log)
  if (event !== undefined) return readStartupLocality(event) ?? 0
  const first = log.events.find((each) => each.pcr === 0 && isExtended(each))
  return log.format !== 'ccel' && first?.type === EVENT_TYPES.EV_EFI_HCRTM_EVENT ? 4 : 0
}

/**
 * All events but EV_NO_ACTION were extended into their PCR (section 10.4.1).
 *
 * @example
 * log.events.map(isExtended) // → [false, true]
 */
export function isExtended(event: EventRecord): boolean {
  return event.type !== EVENT_TYPES.EV_NO_ACTION
}

/**
 * The events that made up a PCR, in order. With a bank, without those that have no digest for it: they did not change its value, so nothing tells that they
 * happened.
 *
 * @example
 * eventsOf(log, 7, 'sha256').length // → 1
 */
export function eventsOf(log: EventLog, pcr: number, bank?: string): EventRecord[] {
  return log.events.filter((event) => event.pcr === pcr && isExtended(event) && (bank === undefined || event.digests[bank] !== undefined))
}

/**
 * The values of all PCRs that the log touches, by index: PCRs with events, and PCR 0 when there is a StartupLocality event. Initial values are those of the PC
 * Client Platform TPM Profile (`initialPcr`); registers of a CCEL begin with zeros. Throws TpmError for SM3 without a function for it.
 *
 * @example
 * replay(log, 'sha256').get(7)?.value.toHex().slice(0, 8) // → 'e58ada1b'
 */
export function replay(log: EventLog, algorithm: HashAlgorithm, hashes: Hashes = {}): Map<number, ReplayedPcr> {
  if (!log.banks.includes(algorithm)) throw new TpmError(`the event log has no digests of ${algorithm}`, { field: 'bank' })
  const size = digestSizes[algorithm]
  const locality = startupLocality(log)
  // Of each PCR its value and beside it the digest to extend, so that both are hashed as they stand.
  const pcrs: ({ pair: Buffer; events: number; missing: number[] } | undefined)[] = new Array(PCR_COUNT)
  const initial = (pcr: number) => {
    const pair = Buffer.alloc(2 * size)
    if (log.format !== 'ccel') pair.set(initialPcr(algorithm, pcr, locality))
    return { pair, events: 0, missing: [] }
  }
  if (startupLocalityEvent(log) !== undefined) pcrs[0] = initial(0)

  for (const event of log.events) {
    if (!isExtended(event)) continue
    const pcr = (pcrs[event.pcr] ??= initial(event.pcr))
    const digest = event.digests[algorithm]
    if (digest === undefined) {
      pcr.missing.push(event.number)
      continue
    }
    pcr.pair.set(digest, size)
    hashInto(algorithm, pcr.pair, pcr.pair, 0, hashes)
    pcr.events++
  }
  return new Map(
    pcrs.flatMap((pcr, index) => {
      if (pcr === undefined) return []
      const { pair, events, missing } = pcr
      return [[index, { value: Uint8Array.from(pair.subarray(0, size)), events, missing }]]
    }),
  )
}
