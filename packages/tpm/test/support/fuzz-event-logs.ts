// A worker that reads mutated boot logs: whatever they hold, it ends with the number of logs, and any error other than TpmError ends it. Its memory is limited by
// whoever starts it; what lies outside that limit (buffers) it reports.
import { parentPort, workerData } from 'node:worker_threads'
import { bootLog } from '@vouchsafe/testkit/boot-log'
import { ascii, eventLogWriter, u16, u32, u64, u8 } from '@vouchsafe/testkit/event-log-writer'
import { gptDrive, imageLoad, node, pciRoot } from '@vouchsafe/testkit/uefi'
import { TpmError, decodeEvent, digestCoversData, firstDifference, parseEventLog, replay } from '../../src/index.ts'
import type { EventLog, HashAlgorithm } from '../../src/index.ts'
import { mutate, randomNumbers } from './mutations.ts'

export interface FuzzResult {
  logs: number
  parsed: number
  /** The most bytes of buffers at any time. */
  buffers: number
}

const { count, seed } = workerData as { count: number; seed: number }

const BASES = [
  bootLog({ banks: ['sha1', 'sha256'], locality: 3, revocations: 4 }).bytes(),
  bootLog({ format: 'sha1', revocations: 2 }).bytes(),
  bootLog({ banks: ['sha384'], revocations: 2 }).bytes(),
  eventLogWriter({ banks: ['sha256', 'sha512'] })
    .noAction(Buffer.concat([ascii('SP800-155 Event'), u8(0), u32(1), Buffer.alloc(16)]))
    .noAction(Buffer.concat([ascii('NvIndexDynamic\0\0'), u16(1), Buffer.alloc(6), u64(1), u16(1), u8(65), u16(1), u8(1)]))
    .event(
      2,
      0x800000e1,
      Buffer.concat([ascii('SPDM Device Sec\0'), u16(1), u16(0), u32(2), u32(1), u8(1, 1), u16(4), u8(1, 1, 0, 5), Buffer.alloc(20)]),
    )
    .event(4, 0x80000003, imageLoad(pciRoot, node(3, 12, Buffer.alloc(23)), node(3, 19, Buffer.alloc(20)), gptDrive(1)))
    .bytes(),
]

const random = randomNumbers(seed)
const whole = BASES.map((bytes) => parseEventLog(bytes))
const result: FuzzResult = { logs: 0, parsed: 0, buffers: 0 }
for (; result.logs < count; result.logs++) {
  const index = random(BASES.length)
  const bytes = mutate(BASES[index]!, random)
  const log = parsed(bytes)
  if (log !== undefined) {
    result.parsed++
    readAll(log, whole[index]!)
  }
  if (result.logs % 100 === 0) result.buffers = Math.max(result.buffers, process.memoryUsage().arrayBuffers)
}
parentPort!.postMessage(result)

/** Both ways of parsing; the log as far as it goes. */
function parsed(bytes: Buffer): EventLog | undefined {
  try {
    return parseEventLog(bytes, { ccel: random(8) === 0 })
  } catch (error) {
    if (!(error instanceof TpmError)) throw error
    return parseEventLog(bytes, { partial: true })
  }
}

function readAll(log: EventLog, other: EventLog): void {
  for (const event of log.events) decodeEvent(event)
  for (const bank of log.banks) {
    if (!/^sha\d+$/.test(bank)) continue
    replay(log, bank as HashAlgorithm)
    for (const event of log.events) digestCoversData(event, bank as HashAlgorithm)
    if (other.banks.includes(bank)) for (let pcr = 0; pcr < 24; pcr++) firstDifference(log, other, pcr, bank)
  }
}
