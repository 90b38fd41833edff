import { TpmError } from '../error.ts'
import type { EventLog, EventRecord } from './event-log.ts'
import { eventsOf, startupLocality, startupLocalityEvent } from './replay.ts'

/** Where two logs part. */
export type EventDifference = {
  /**
   * `startup-locality`: PCR 0 began with another value; `digest`: the events at this position have other digests; `only-left`, `only-right`: the other log ends
   * before.
   */
  reason: 'startup-locality' | 'digest' | 'only-left' | 'only-right'
  /** Place among the extensions of the PCR, from 0. */
  position: number
  left?: EventRecord
  right?: EventRecord
}

/**
 * The first extension of a PCR at which two logs differ in a bank; undefined if both produce the same value. Types, data and events without
 * a digest for the bank don't count, since they don't change the value. Throws TpmError when either log lacks the bank.
 *
 * @example
 * firstDifference(log, parseEventLog(bootLog), 7, 'sha256') // → undefined
 */
export function firstDifference(left: EventLog, right: EventLog, pcr: number, bank: string): EventDifference | undefined {
  for (const log of [left, right])
    if (!log.banks.includes(bank)) throw new TpmError(`an event log has no digests of ${bank}`, { field: 'bank' })
  if (pcr === 0 && startupLocality(left) !== startupLocality(right)) {
    const [a, b] = [startupLocalityEvent(left), startupLocalityEvent(right)]
    return { reason: 'startup-locality', position: 0, ...(a && { left: a }), ...(b && { right: b }) }
  }
  const [before, after] = [eventsOf(left, pcr, bank), eventsOf(right, pcr, bank)]
  for (let position = 0; position < Math.max(before.length, after.length); position++) {
    const [a, b] = [before[position], after[position]]
    if (a === undefined) return { reason: 'only-right', position, right: b! }
    if (b === undefined) return { reason: 'only-left', position, left: a }
    if (Buffer.compare(a.digests[bank]!, b.digests[bank]!) !== 0) return { reason: 'digest', position, left: a, right: b }
  }
  return undefined
}
