// The command as a process of its own, through its launcher.
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

/** The command's launcher. */
export const BIN = fileURLToPath(new URL('../bin/vouchsafe.mjs', import.meta.resolve('@vouchsafe/cli')))

export interface Finished {
  code: number | null
  stdout: string
  stderr: string
}

export interface Running {
  child: ChildProcess
  /** Resolves when standard output holds `text`, and rejects when it has ended without. */
  printed(text: string): Promise<void>
  finished: Promise<Finished>
}

export interface CommandProcesses extends Disposable {
  /** The environment of the processes, which tests may add to. */
  readonly env: Record<string, string>
  /** Starts `vouchsafe <args>` in a session of its own, without a terminal; standard input holds `input`. */
  start(args: readonly string[], input?: string | Uint8Array): Running
}

/** Processes with PATH and what `added` says for environment; all that still run in the end are killed. */
export function commandProcesses(added: Record<string, string>): CommandProcesses {
  const env = { PATH: process.env['PATH']!, ...added }
  const started: ChildProcess[] = []
  return {
    env,
    start(args, input = '') {
      const child = spawn(process.execPath, [BIN, ...args], { env, detached: true, stdio: 'pipe' })
      started.push(child)
      child.stdin.end(input)
      return watch(child)
    },
    [Symbol.dispose]: () => started.forEach(killGroup),
  }
}

/** Follows a process whose standard output and standard error are pipes. */
export function watch(child: ChildProcess): Running {
  let stdout = ''
  let stderr = ''
  child.stdout!.on('data', (chunk: Buffer) => (stdout += chunk.toString()))
  child.stderr!.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
  const finished = once(child, 'close').then(([code]) => ({ code: code as number | null, stdout, stderr }))
  return {
    child,
    finished,
    async printed(text) {
      while (!stdout.includes(text)) {
        const ended = await Promise.race([once(child.stdout!, 'data').then(() => false), finished.then(() => true)])
        if (ended && !stdout.includes(text)) throw new Error(`it ended without printing '${text}':\n${stdout}\n${stderr}`)
      }
    },
  }
}

/** Whatever of the process and its children a failed test has left. */
function killGroup({ pid }: ChildProcess): void {
  try {
    process.kill(-pid!, 'SIGKILL')
  } catch {
    // All have ended.
  }
}
