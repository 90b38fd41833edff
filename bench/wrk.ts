/** Load from wrk: one thread, many connections, one request under way on each. */
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { processorSeconds, type Program } from './program.ts'

export const CONNECTIONS = 32

const SCRIPT = fileURLToPath(new URL('requests.lua', import.meta.url))
const run = promisify(execFile)

export interface Load {
  requests: number
  /** Answers a second. */
  rate: number
  /** Milliseconds, of requests that followed the answer to the one before. */
  p50: number
  p99: number
  /** Microseconds of the processor for each request, in all threads of the program. */
  processor: number
}

/** Requests in a file, as wrk reads them; disposing of it removes it. */
export class RequestFile implements Disposable {
  readonly #folder = mkdtempSync(join(tmpdir(), 'vouchsafe-bench-'))
  readonly path = join(this.#folder, 'requests')

  constructor(requests: readonly Buffer[]) {
    writeFileSync(this.path, Buffer.concat(requests.flatMap((request) => [Buffer.from(String(request.length).padStart(8, '0')), request])))
  }

  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

/**
 * Sends requests for some seconds, or until each was sent once unless they may be sent `again`.
 * @throws {Error} if any failed
 */
export async function load(program: Program, file: RequestFile, seconds: number, again = false): Promise<Load> {
  const before = processorSeconds(program.pid)
  const options = ['-t1', `-c${CONNECTIONS}`, `-d${seconds}s`, '-s', SCRIPT, `http://127.0.0.1:${program.port}`]
  const { stdout, stderr } = await run('wrk', [...options, file.path, ...(again ? ['again'] : [])])
  const used = processorSeconds(program.pid) - before
  const counted = JSON.parse(stdout.slice(stdout.indexOf('{'))) as {
    requests: number
    seconds: number
    p50: number
    p99: number
    errors: number
  }
  if (counted.errors > 0 || counted.requests === 0) throw new Error(`${counted.errors} requests failed. ${stderr}`)
  const { requests, p50, p99 } = counted
  return { requests, rate: requests / counted.seconds, p50, p99, processor: (used / requests) * 1e6 }
}
