/**
 * The trail's records of plain uses: one a call (who, action, object, outcome, request id; never content), in append-only files. A line is
 * the canonical JSON of a record leaf; what is written at once is a batch, and the trail holds one leaf for it, with the root of its records.
 *
 * Batches are written in the background, at most {@link FLUSH_MS} later; a crash of the process can lose what was accepted since the last one
 * (management changes are in the store, in the transaction of the change, and can't be lost), and the next start records the gap. Memory is
 * bounded: if the disk or the store doesn't keep up, calls wait, and are refused before they do anything if waiting doesn't help. Nothing is
 * dropped. A file that others remove, replace or shorten while it is written is noticed with the next flush, said loudly, and left for a new
 * one; what was in it is missing from its batches, which verification says.
 */
import { mkdir, open, stat, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { ERROR_CODES, ServiceError, isServerFault, kindOf, type Log, type Runtime } from '../foundation/index.ts'
import { removeRecordFiles } from './record-files.ts'
import type { TrailBatch } from '../storage/index.ts'
import { RecordBatch } from './record-batch.ts'

const FLUSH_MS = 250
const MAX_WAITING = 8 * 1024 * 1024
const MAX_FILE_BYTES = 64 * 1024 * 1024
/** A file goes when all of it is older than is to be kept. */
const MAX_FILE_MS = 24 * 60 * 60 * 1000
const PATIENCE_MS = 5_000
const SALT_BYTES = 16
/** Drawn at once: one call of the system's generator costs as much as the rest of a record. */
const SALTS_BYTES = 256 * SALT_BYTES
const FAULTS: ReadonlySet<string> = new Set(ERROR_CODES.filter((code) => isServerFault(kindOf(code))))

/** One call of the data plane. */
export interface CallRecord {
  at: number
  /** '' for what belongs to no tenant. */
  tenant: string
  actor: string
  action: string
  /** The object named, or '': an id, or a secret's name. */
  object: string
  /** `ok`, or the code of the error. */
  result: string
  requestId: string
  /** How many identical calls the record stands for, if more than one. */
  count?: number
}

/** A batch on its way: first its lines are written, then its leaf is stored. */
interface Batch {
  records: RecordBatch
  /** What is not written yet. Bytes, since a write may end within a character. */
  lines: Uint8Array
  leaf: TrailBatch
}

/** The canonical JSON of a call's record, before and after what its batch adds. Every text can be put into a JSON string unescaped: the server's own words, ids, names already escaped. */
export function recordTexts({ at, tenant, actor, action, object, result, requestId, count }: CallRecord): [before: string, after: string] {
  const outcome = result === 'ok' ? '"ok"' : FAULTS.has(result) ? '"failed"' : '"refused"'
  const code = result === 'ok' ? '' : `"code":"${result}",`
  const counted = count === undefined ? '' : `"count":${count},`
  return [
    `{"action":"${action}","actor":"${actor}",${code}${counted}"object":"${object}","outcome":${outcome},"request":"${requestId}"`,
    `"tenant":"${tenant}","time":${at},"v":1}\n`,
  ]
}

export interface CallLogServices {
  runtime: Runtime
  log: Log
  /** A name under which batches are numbered, from 0. */
  newWriter: () => string
  /** Stores the leaf of a batch; one that is stored already is left alone. */
  append: (batch: TrailBatch) => Promise<'recorded' | 'ended'>
}

interface OpenFile {
  handle: FileHandle
  path: string
  /** Which file it is, whatever the path leads to later. */
  ino: number
  dev: number
}

export class CallLog implements AsyncDisposable {
  readonly #directory: string
  readonly #services: CallLogServices
  readonly #timer: NodeJS.Timeout
  #waiting: RecordBatch
  #batch: Batch | undefined
  /** Of a batch that is done. */
  #room: Buffer | undefined
  #salts: Buffer = Buffer.alloc(0)
  #usedSalts = 0
  /** The last write failed: no call is admitted until one succeeds. */
  #failing = false
  #file: OpenFile | undefined
  /** Written to the file, or there before. */
  #fileBytes = 0
  #openedAt = 0
  #lostFiles = 0
  #flushing: Promise<void> | undefined

  constructor(dataDir: string, services: CallLogServices) {
    this.#directory = join(dataDir, 'audit')
    this.#services = services
    this.#waiting = new RecordBatch(services.newWriter(), 0)
    this.#timer = setInterval(() => void this.flush(), FLUSH_MS)
    this.#timer.unref()
  }

  /** The name under which batches are numbered now. */
  get writer(): string {
    return this.#waiting.writer
  }

  /** For metrics: what waits for the disk, and files that others removed, replaced or shortened. */
  get statistics(): { waitingBytes: number; failing: boolean; lostFiles: number } {
    return { waitingBytes: this.#waiting.bytes + (this.#batch?.lines.length ?? 0), failing: this.#failing, lostFiles: this.#lostFiles }
  }

  /** Whether {@link record} may be called at once; otherwise {@link room} first. */
  get hasRoom(): boolean {
    const { waitingBytes, failing } = this.statistics
    return !failing && waitingBytes < MAX_WAITING
  }

  /**
   * Waits until there is room.
   * @throws {ServiceError} `busy` if the disk does not keep up
   */
  async room(): Promise<void> {
    const { runtime } = this.#services
    const started = runtime.monotonic()
    while (!this.hasRoom) {
      await this.flush()
      if (!this.hasRoom && runtime.monotonic() - started > PATIENCE_MS) {
        throw new ServiceError('busy', { detail: 'the records of calls cannot be written' })
      }
    }
  }

  /** Notes a call. */
  record(record: CallRecord): void {
    const [before, after] = recordTexts(record)
    this.#take(before, after)
  }

  /** Notes calls that another thread has put into words: {@link recordTexts} of each, one after the other. */
  adopt(texts: readonly string[]): void {
    for (let i = 0; i < texts.length; i += 2) this.#take(texts[i]!, texts[i + 1]!)
  }

  #take(before: string, after: string): void {
    this.#waiting.add(`${before},"salt":"${this.#salt()}"`, after)
  }

  #salt(): string {
    if (this.#usedSalts === this.#salts.length) {
      this.#salts = this.#services.runtime.randomBytes(SALTS_BYTES)
      this.#usedSalts = 0
    }
    const start = this.#usedSalts
    this.#usedSalts += SALT_BYTES
    return this.#salts.toString('base64', start, this.#usedSalts)
  }

  /** Writes what is waiting; concurrent calls share one write. */
  flush(): Promise<void> {
    this.#flushing ??= this.#write().finally(() => (this.#flushing = undefined))
    return this.#flushing
  }

  async #write(): Promise<void> {
    await this.#leaveLostFile()
    this.#batch ??= this.#nextBatch()
    const batch = this.#batch
    if (batch === undefined) return
    try {
      this.#file ??= await this.#openFile()
      while (batch.lines.length > 0) {
        const { bytesWritten } = await this.#file.handle.write(batch.lines)
        batch.lines = batch.lines.subarray(bytesWritten)
        this.#fileBytes += bytesWritten
      }
      // The leaf says that the records are there.
      await this.#file.handle.datasync()
      const outcome = await this.#services.append(batch.leaf)
      this.#batch = undefined
      if (outcome === 'ended') this.#renew(batch)
      this.#room = batch.records.release()
      this.#failing = false
      if (this.#fileBytes >= MAX_FILE_BYTES || this.#services.runtime.now() - this.#openedAt >= MAX_FILE_MS) await this.#closeFile()
    } catch (error) {
      // A torn line is completed by the retry, since what follows it continues at the byte that failed.
      this.#failing = true
      this.#services.log.error({ err: error }, 'cannot write the records of calls')
      // A full disk answers at once; without this pause the retry would spin.
      await new Promise((resolve) => setTimeout(resolve, FLUSH_MS))
    }
  }

  /** Others took this process for dead, and said that nothing of it follows: the batch is made again under another name. */
  #renew({ records }: Batch): void {
    const renewed = new RecordBatch(this.#services.newWriter(), 0)
    renewed.takeOver(records)
    renewed.takeOver(this.#waiting)
    this.#waiting = renewed
  }

  #nextBatch(): Batch | undefined {
    const records = this.#waiting
    const { count, writer, seq } = records
    if (count === 0) return undefined
    this.#waiting = new RecordBatch(writer, seq + 1, this.#room)
    this.#room = undefined
    return { records, lines: records.lines, leaf: { writer, seq, at: this.#services.runtime.now(), root: records.root(), count } }
  }

  async #openFile(): Promise<OpenFile> {
    await mkdir(this.#directory, { recursive: true, mode: 0o700 })
    this.#openedAt = this.#services.runtime.now()
    const started = new Date(this.#openedAt).toISOString().replaceAll(/[:.]/g, '-')
    const path = join(this.#directory, `calls-${started}-${process.pid}.jsonl`)
    const handle = await open(path, 'a', 0o600)
    const { ino, dev, size } = await handle.stat()
    this.#fileBytes = size
    return { handle, path, ino, dev }
  }

  /** Lines written to a file that nobody can find any more would be lost without a trace. */
  async #leaveLostFile(): Promise<void> {
    if (this.#file === undefined) return
    const { path, ino, dev } = this.#file
    const found = await stat(path).catch(() => undefined)
    if (found?.ino === ino && found.dev === dev && found.size >= this.#fileBytes) return
    this.#lostFiles++
    const what = found === undefined ? 'removed' : found.ino === ino && found.dev === dev ? 'shortened' : 'replaced'
    this.#services.log.error(
      { path, what, bytes: this.#fileBytes },
      'an audit file was changed by others while it was written: a new one is begun',
    )
    await this.#closeFile().catch(() => {})
  }

  /** Removes files that nothing was written to since a time, its own among them; returns how many. */
  async removeBefore(before: number): Promise<number> {
    await this.#flushing
    const opened = this.#file
    if (opened !== undefined && (await opened.handle.stat()).mtimeMs < before && this.#file === opened && this.#flushing === undefined)
      await this.#closeFile()
    return removeRecordFiles(this.#directory, before)
  }

  async #closeFile(): Promise<void> {
    const file = this.#file
    this.#file = undefined
    await file?.handle.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer)
    await this.#flushing
    await this.flush()
    // What came while a batch was under way.
    await this.flush()
    await this.#closeFile()
  }
}
