/** Servers under measurement, each in a process of its own, and what they take of the processor. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

export interface Program extends AsyncDisposable {
  readonly port: number
  readonly pid: number
}

/** What the launcher starts a server with, so that a reference can be started alike. */
export interface Launch {
  flags: readonly string[]
  environment: Record<string, string>
}

export interface ServerProgram extends Program {
  readonly launch: Launch
}

/** In hundredths of a second on Linux (proc_pid_stat(5), USER_HZ). */
const TICKS_A_SECOND = 100

/** Seconds of the processor that a process has used so far: user and system time of all its threads, also of those that have ended. */
export function processorSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / TICKS_A_SECOND
}

export function residentMegabytes(pid: number): number {
  return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))![1]) / 1024
}

/** Starts a server on a store of its own, as `vouchsafe server` does; `args` are added to its command line. */
export async function startServer(args: readonly string[] = []): Promise<ServerProgram> {
  const folder = mkdtempSync(join(tmpdir(), 'vouchsafe-bench-'))
  const command = [
    path('../packages/cli/bin/vouchsafe.mjs'),
    'server',
    '--listen',
    '127.0.0.1:0',
    '--data-dir',
    folder,
    '--log-level',
    'error',
  ]
  const launcher = await start([...command, ...args], {}, () => rmSync(folder, { recursive: true, force: true }))
  // The launcher's only child.
  const pid = Number(readFileSync(`/proc/${launcher.pid}/task/${launcher.pid}/children`, 'latin1').trim())
  const given = textsIn(`/proc/${pid}/cmdline`).slice(1)
  const flags = given.slice(
    0,
    given.findIndex((text) => !text.startsWith('--')),
  )
  const allocator = textsIn(`/proc/${pid}/environ`).filter((text) => text.startsWith('MALLOC_'))
  return { ...launcher, pid, launch: { flags, environment: Object.fromEntries(allocator.map((text) => text.split('=', 2))) } }
}

/** Starts one of the references (see reference.ts) as the launcher started a server. */
export function startReference(name: string, { flags, environment }: Launch, apiKey: string): Promise<Program> {
  return start([...flags, path('reference.ts'), name], { ...environment, BENCH_API_KEY: apiKey })
}

async function start(args: readonly string[], environment: Record<string, string>, clean = () => {}): Promise<Program> {
  const env = { ...process.env, ...environment }
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', ...args], { stdio: ['ignore', 'pipe', 'inherit'], env })
  const ended = once(child, 'exit')
  async function stop(): Promise<void> {
    child.kill()
    // The launcher ends after the server: until then that writes to its folder.
    await ended
    clean()
  }
  for await (const line of createInterface(child.stdout)) {
    const port = /listening on http:\/\/127\.0\.0\.1:(\d+)/.exec(line)?.[1]
    if (port !== undefined) return { port: Number(port), pid: child.pid!, [Symbol.asyncDispose]: stop }
  }
  clean()
  throw new Error(`${args.join(' ')} did not start`)
}

function path(file: string): string {
  return fileURLToPath(new URL(file, import.meta.url))
}

/** Texts that end with a zero byte each. */
function textsIn(file: string): string[] {
  return readFileSync(file, 'latin1').split('\0').slice(0, -1)
}
