/**
 * The data plane's audit: one line of JSON per call (who, action, object, result, request id; never content), in append-only files.
 *
 * Lines are written in the background, at most {@link FLUSH_MS} later; a crash of the process can lose what was accepted since the last write
 * (management changes are in the store, in the transaction of the change, and can't be lost). Memory is bounded: if the disk doesn't keep
 * up, calls wait, and are refused before they do anything if waiting doesn't help. Nothing is dropped. A file that others remove, replace or
 * shorten while it is written is noticed with the next flush, said loudly, and left for a new one.
 */
import { mkdir, open, stat, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { ServiceError, type Log, type Runtime } from '../foundation/index.ts'

const FLUSH_MS = 250
const MAX_WAITING = 8 * 1024 * 1024
const MAX_FILE_BYTES = 64 * 1024 * 1024
const PATIENCE_MS = 5_000

/** One call of the data plane. */
export interface CallRecord {
  at: number
  actor: string
  action: string
  /** The object named, or '': an id, or a secret's name escaped as in a JSON string. */
  object: string
  /** `ok`, or the code of the error. */
  result: string
  requestId: string
  /** How many identical calls the record stands for, if more than one. */
  count?: number
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
  readonly #runtime: Runtime
  readonly #log: Log
  readonly #timer: NodeJS.Timeout
  #waiting = ''
  /** What a write has taken but not finished, or failed to write: bytes, since it may end within a character. */
  #writing = Buffer.alloc(0)
  /** The last write failed: no call is admitted until one succeeds. */
  #failing = false
  #file: OpenFile | undefined
  /** Written to the file, or there before. */
  #fileBytes = 0
  #lostFiles = 0
  #flushing: Promise<void> | undefined

  constructor(dataDir: string, runtime: Runtime, log: Log) {
    this.#directory = join(dataDir, 'audit')
    this.#runtime = runtime
    this.#log = log
    this.#timer = setInterval(() => void this.flush(), FLUSH_MS)
    this.#timer.unref()
  }

  /** For metrics: what waits for the disk, and files that others removed, replaced or shortened. */
  get statistics(): { waitingBytes: number; failing: boolean; lostFiles: number } {
    return { waitingBytes: this.#waiting.length + this.#writing.length, failing: this.#failing, lostFiles: this.#lostFiles }
  }

  /** Whether {@link record} may be called at once; otherwise {@link room} first. */
  get hasRoom(): boolean {
    return !this.#failing && this.#waiting.length + this.#writing.length < MAX_WAITING
  }

  /**
   * Waits until there is room.
   * @throws {ServiceError} `busy` if the disk does not keep up
   */
  async room(): Promise<void> {
    const started = this.#runtime.monotonic()
    while (!this.hasRoom) {
      await this.flush()
      if (!this.hasRoom && this.#runtime.monotonic() - started > PATIENCE_MS) {
        throw new ServiceError('busy', { detail: 'the audit file cannot be written' })
      }
    }
  }

  /** Notes a call. Every field can be put into a JSON string unescaped: the server's own words, ids, names already escaped. */
  record({ at, actor, action, object, result, requestId, count }: CallRecord): void {
    this.#waiting += `{"at":${at},"actor":"${actor}","action":"${action}","object":"${object}","result":"${result}","request":"${requestId}"${count === undefined ? '' : `,"count":${count}`}}\n`
  }

  /** Writes what is waiting; concurrent calls share one write. */
  flush(): Promise<void> {
    this.#flushing ??= this.#write().finally(() => (this.#flushing = undefined))
    return this.#flushing
  }

  async #write(): Promise<void> {
    this.#writing = Buffer.concat([this.#writing, Buffer.from(this.#waiting)])
    this.#waiting = ''
    await this.#leaveLostFile()
    if (this.#writing.length === 0) return
    try {
      this.#file ??= await this.#openFile()
      while (this.#writing.length > 0) {
        const { bytesWritten } = await this.#file.handle.write(this.#writing)
        this.#writing = this.#writing.subarray(bytesWritten)
        this.#fileBytes += bytesWritten
      }
      this.#failing = false
      if (this.#fileBytes >= MAX_FILE_BYTES) await this.#closeFile()
    } catch (error) {
      // A torn line is completed by the retry, since what follows it continues at the byte that failed.
      this.#failing = true
      this.#log.error({ err: error }, 'cannot write the audit file')
      // A full disk answers at once; without this pause the retry would spin.
      await new Promise((resolve) => setTimeout(resolve, FLUSH_MS))
    }
  }

  async #openFile(): Promise<OpenFile> {
    await mkdir(this.#directory, { recursive: true, mode: 0o700 })
    const started = new Date(this.#runtime.now()).toISOString().replaceAll(/[:.]/g, '-')
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
    this.#log.error({ path, what, bytes: this.#fileBytes }, 'an audit file was changed by others while it was written: a new one is begun')
    await this.#closeFile().catch(() => {})
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
    await this.#file?.handle.datasync().catch(() => {})
    await this.#closeFile()
  }
}
