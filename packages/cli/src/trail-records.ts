// The records of calls beside an exported log: whether those of each batch are what the log has the root of.
import { createReadStream } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { MAX_LEAF_BYTES, batchOf, parseLeaf, type BatchLeaf, type Leaf, type RecordLeaf } from '@vouchsafe/audit-log'
import { sha256 } from './trail-log.ts'

/** The folder in an export, and in it the names of files, as a server gives them. */
export const RECORDS_FOLDER = 'records'
export const RECORDS_FILE = /^calls-[\dTZ-]+\.jsonl$/

/**
 * What can be wrong with records:
 * - `record_altered`: those of a batch are not the ones that were logged, or not in their order.
 * - `record_missing`: a batch has fewer than were logged, or none between batches of its server that have theirs.
 * - `record_added`: a batch has more than were logged.
 * - `record_unknown`: the log has no such batch, although it has what came later, or nothing of its server.
 * - `record_malformed`: a line is no record.
 */
export interface RecordFault {
  code: 'record_altered' | 'record_missing' | 'record_added' | 'record_unknown' | 'record_malformed'
  path: string
  /** Counted from 1. */
  line?: number
  /** The last line that it is about. */
  until?: number
  detail: string
}

export interface RecordsReport {
  faults: RecordFault[]
  /** How many were found beyond those. */
  moreFaults: number
  /** Records that are as they were logged, and their batches. */
  records: number
  batches: number
  /** Batches of the log that have no records in the folder. */
  batchesWithout: number
  /** Records that nothing is known of: newer than the log, older than what is left of it, lost in a crash before their batch was logged, or of an earlier epoch. */
  unproven: number
}

const MAX_FAULTS = 100
/** Characters of a server's name that its process gives; what numbers batches and what numbers changes of a process begin alike. */
const PROCESS_CHARS = 36

/** What is known of a batch. */
interface Batch extends Pick<BatchLeaf, 'root' | 'count'> {
  /** Its entry. */
  index: number
  /** Whether records of it were found. */
  isFound: boolean
}

/** The batches of a log, as its entries say. */
export class LoggedBatches {
  /** By server and number, each in the order of the numbers. */
  readonly servers = new Map<string, Map<number, Batch>>()
  readonly #processes = new Set<string>()
  readonly #last = new Map<string, number>()
  readonly #first = new Map<string, number>()
  #isFirstEpoch = true
  readonly #isCut: boolean

  /** @param isCut whether the log's first entries were removed, and with them what they say of batches */
  constructor(isCut: boolean) {
    this.#isCut = isCut
  }

  add(leaf: Leaf, index: number): void {
    const { server, seq } = leaf
    this.#processes.add(server.slice(0, PROCESS_CHARS))
    if (leaf.kind === 'gap') this.#processes.add(leaf.missing.server.slice(0, PROCESS_CHARS))
    if (leaf.kind === 'epoch') this.#isFirstEpoch = leaf.previous === undefined
    if (leaf.kind !== 'batch') return
    const batches = this.servers.get(server) ?? new Map<number, Batch>()
    this.servers.set(server, batches.set(seq, { root: leaf.root, count: leaf.count, index, isFound: false }))
    this.#last.set(server, seq)
    if (!this.#first.has(server)) this.#first.set(server, seq)
  }

  find({ server, seq }: RecordLeaf): Batch | undefined {
    return this.servers.get(server)?.get(seq)
  }

  /** Whether the log would have the record's batch if it were genuine. */
  shouldHave({ server, seq }: RecordLeaf): boolean {
    const last = this.#last.get(server)
    if (last !== undefined) return seq <= last && (!this.#isCut || seq >= this.#first.get(server)!)
    return !this.#isCut && this.#isFirstEpoch && !this.#processes.has(server.slice(0, PROCESS_CHARS))
  }
}

/** Records of one batch that stand together. */
interface Group {
  batch: Batch
  server: string
  seq: number
  lines: Uint8Array[]
  /** How many there are; beyond those of the batch they are not kept. */
  count: number
  path: string
  line: number
  until: number
}

/**
 * Verifies the records in a folder's `records`. Memory grows with the number of batches, not with that of records.
 * @param isWhole whether the log is; otherwise nothing is said of records whose batch it does not have
 */
export async function verifyRecords(folder: string, batches: LoggedBatches, isWhole: boolean): Promise<RecordsReport> {
  const names = await recordFiles(join(folder, RECORDS_FOLDER))
  const check = new RecordsCheck(batches, isWhole)
  for (const name of names) await check.file(`${RECORDS_FOLDER}/${name}`, join(folder, RECORDS_FOLDER, name))
  return check.report()
}

/** The names of files of records in a folder, oldest first. */
export async function recordFiles(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return []
    throw error
  })
  return names.filter((name) => RECORDS_FILE.test(name)).sort()
}

class RecordsCheck {
  readonly #batches: LoggedBatches
  readonly #isWhole: boolean
  readonly #faults: RecordFault[] = []
  #more = 0
  #records = 0
  #complete = 0
  #unproven = 0
  /** The batch whose records are being read, and those that had not all of theirs: a file may end within a batch. */
  #group: Group | undefined
  readonly #incomplete = new Map<Batch, Group>()

  constructor(batches: LoggedBatches, isWhole: boolean) {
    this.#batches = batches
    this.#isWhole = isWhole
  }

  async file(path: string, place: string): Promise<void> {
    let line = 0
    for await (const bytes of linesOf(place)) {
      line++
      if (bytes.length > MAX_LEAF_BYTES) {
        this.#fault({ code: 'record_malformed', path, line, detail: 'a line is too long; nothing after it was read' })
        break
      }
      this.#line(bytes, path, line)
    }
    this.#finish()
  }

  report(): RecordsReport {
    for (const group of this.#incomplete.values())
      this.#fault({
        code: 'record_missing',
        ...placeOf(group),
        detail: `${group.count} of ${group.batch.count} records of ${nameOf(group)}`,
      })
    let batchesWithout = 0
    for (const [server, batches] of this.#batches.servers) {
      const found = [...batches.values()].map(({ isFound }) => isFound)
      const [first, last] = [found.indexOf(true), found.lastIndexOf(true)]
      for (const [i, [seq, { count, index, isFound }]] of [...batches].entries()) {
        if (isFound) continue
        batchesWithout++
        if (first < i && i < last)
          this.#fault({
            code: 'record_missing',
            path: RECORDS_FOLDER,
            detail: `all ${count} records of ${nameOf({ server, seq, batch: { index } })}, although those before and after it are there`,
          })
      }
    }
    return {
      faults: this.#faults,
      moreFaults: this.#more,
      records: this.#records,
      batches: this.#complete,
      batchesWithout,
      unproven: this.#unproven,
    }
  }

  #line(bytes: Uint8Array, path: string, line: number): void {
    const record = readRecord(bytes)
    if (record === undefined) return this.#fault({ code: 'record_malformed', path, line, detail: 'the line is no record of a call' })
    const { server, seq } = record
    const batch = this.#batches.find(record)
    if (this.#group !== undefined && this.#group.batch !== batch) this.#finish()
    if (batch === undefined) {
      if (this.#isWhole && this.#batches.shouldHave(record))
        this.#fault({ code: 'record_unknown', path, line, detail: `the log has no batch ${seq} of server ${server}` })
      else this.#unproven++
      return
    }
    batch.isFound = true
    this.#group ??= { ...(this.#incomplete.get(batch) ?? { count: 0, lines: [] }), batch, server, seq, path, line, until: line }
    const group = this.#group
    group.until = line
    group.count++
    if (group.count <= batch.count) group.lines.push(bytes)
  }

  #finish(): void {
    const group = this.#group
    if (group === undefined) return
    this.#group = undefined
    const { batch, lines, count } = group
    if (count < batch.count) {
      this.#incomplete.set(batch, group)
      return
    }
    this.#incomplete.delete(batch)
    if (count > batch.count) {
      this.#fault({ code: 'record_added', ...placeOf(group), detail: `${count} records, not ${batch.count}, of ${nameOf(group)}` })
    } else if (batchOf(sha256, lines).root !== batch.root) {
      this.#fault({
        code: 'record_altered',
        ...placeOf(group),
        detail: `${count === 1 ? 'the record' : `one or more of the ${count} records`} of ${nameOf(group)}`,
      })
    } else {
      this.#records += count
      this.#complete++
    }
  }

  #fault(fault: RecordFault): void {
    if (this.#faults.length < MAX_FAULTS) this.#faults.push(fault)
    else this.#more++
  }
}

function placeOf({ path, line, until }: Group): Pick<RecordFault, 'path' | 'line' | 'until'> {
  return { path, line, ...(until > line && { until }) }
}

function nameOf({ server, seq, batch: { index } }: { server: string; seq: number; batch: { index: number } }): string {
  return `batch ${seq} of server ${server} (entry ${index})`
}

function readRecord(bytes: Uint8Array): RecordLeaf | undefined {
  try {
    const leaf = parseLeaf(bytes)
    return leaf.kind === undefined ? leaf : undefined
  } catch {
    return undefined
  }
}

/** Lines without their ends. What a crash has torn off at the end of a file is no line; one that is too long ends the file. */
async function* linesOf(path: string): AsyncGenerator<Uint8Array> {
  let rest: Buffer = Buffer.alloc(0)
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    let start = 0
    for (let end = bytes.indexOf(10); end !== -1; end = bytes.indexOf(10, start)) {
      yield bytes.subarray(start, end)
      start = end + 1
    }
    rest = bytes.subarray(start)
    if (rest.length > MAX_LEAF_BYTES) {
      yield rest
      return
    }
  }
}
