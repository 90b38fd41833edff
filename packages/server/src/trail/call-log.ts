/**
 * The data plane's audit: one line of JSON per call (who, action, object, result, request id; never content), in append-only files.
 *
 * Lines are written in the background, at most {@link FLUSH_MS} later; a crash of the process can lose what was accepted since the last write
 * (management changes are in the store, in the transaction of the change, and can't be lost). Memory is bounded: if the disk doesn't keep
 * up, calls wait, and are refused before they do anything if waiting doesn't help. Nothing is dropped.
 */
import { mkdir, open, type FileHandle } from 'node:fs/promises'
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
  #file: FileHandle | undefined
  #fileBytes = 0
  #flushing: Promise<void> | undefined

  constructor(dataDir: string, runtime: Runtime, log: Log) {
    this.#directory = join(dataDir, 'audit')
    this.#runtime = runtime
    this.#log = log
    this.#timer = setInterval(() => void this.flush(), FLUSH_MS)
    this.#timer.unref()
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
    if (this.#writing.length === 0) return
    try {
      this.#file ??= await this.#openFile()
      while (this.#writing.length > 0) {
        const { bytesWritten } = await this.#file.write(this.#writing)
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

  async #openFile(): Promise<FileHandle> {
    await mkdir(this.#directory, { recursive: true, mode: 0o700 })
    const started = new Date(this.#runtime.now()).toISOString().replaceAll(/[:.]/g, '-')
    this.#fileBytes = 0
    return open(join(this.#directory, `calls-${started}-${process.pid}.jsonl`), 'a', 0o600)
  }

  async #closeFile(): Promise<void> {
    const file = this.#file
    this.#file = undefined
    await file?.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer)
    await this.#flushing
    await this.flush()
    await this.#file?.datasync().catch(() => {})
    await this.#closeFile()
  }
}
