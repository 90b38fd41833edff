// The command run in this process, with an environment, input and output of its own.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable, Writable } from 'node:stream'
import { run } from '@vouchsafe/cli/run'

/** What time it is for the command. */
export const NOW = Date.UTC(2026, 10, 22)

export interface Result {
  code: number
  stdout: Buffer
  /** stdout as text, and as JSON. */
  text: string
  json(): unknown
  stderr: string
}

export interface Terminal extends AsyncDisposable {
  /** A folder of its own, also the home of its profiles. */
  readonly dir: string
  readonly env: Record<string, string | undefined>
  path(name: string): string
  /** Runs `vouchsafe <args>`; `input` is standard input. With `tty`, input and output are a terminal, or only the output. */
  vouchsafe(args: readonly string[], input?: string | Uint8Array, options?: { tty?: boolean | 'output' }): Promise<Result>
}

export async function openTerminal(url?: string): Promise<Terminal> {
  const dir = await mkdtemp(join(tmpdir(), 'vouchsafe-cli-'))
  const env = { XDG_CONFIG_HOME: join(dir, 'config'), VOUCHSAFE_URL: url }
  return {
    dir,
    env,
    path: (name) => join(dir, name),
    async vouchsafe(args, input = '', { tty = false } = {}) {
      const stdout = collector(tty !== false)
      const stderr = collector(tty !== false)
      const stdin = Object.assign(Readable.from(input.length > 0 ? [Buffer.from(input)] : []), { isTTY: tty === true })
      const code = await run(args, { env, stdin, stdout: stdout.stream, stderr: stderr.stream, now: () => NOW })
      const bytes = stdout.bytes()
      const text = bytes.toString()
      return { code, stdout: bytes, text, json: () => JSON.parse(text) as unknown, stderr: stderr.bytes().toString() }
    },
    [Symbol.asyncDispose]: () => rm(dir, { recursive: true, force: true }),
  }
}

function collector(isTTY: boolean) {
  const chunks: Buffer[] = []
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      chunks.push(chunk)
      done()
    },
  })
  return { stream: Object.assign(stream, { isTTY }), bytes: () => Buffer.concat(chunks) }
}
