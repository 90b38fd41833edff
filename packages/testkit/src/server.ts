import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { createLog, readConfig, startServer, systemRuntime, type Log, type Runtime, type Server } from '@vouchsafe/server/testing'

export interface TestServerOptions {
  /** Flags beside --listen and --data-dir. */
  flags?: string[]
  /** Kept by the caller; otherwise a new one is made, and removed in the end. */
  dataDir?: string
  databaseUrl?: string | undefined
  runtime?: Runtime
  /** Silent by default. */
  log?: Log
}

export interface TestServer extends AsyncDisposable {
  url: string
  dataDir: string
  server: Server
}

/** A server in this process on a port of the system's choice. */
export async function startTestServer({
  flags = [],
  dataDir,
  databaseUrl,
  runtime = systemRuntime,
  log = createLog('silent'),
}: TestServerOptions = {}): Promise<TestServer> {
  const folder = dataDir ?? (await temporaryFolder())
  const env = databaseUrl === undefined ? {} : { VOUCHSAFE_DATABASE_URL: databaseUrl }
  const config = readConfig(['--listen', '127.0.0.1:0', '--data-dir', folder, '--webhook-networks', 'loopback', ...flags], env)
  const server = await startServer({ config, runtime, log })
  return {
    url: server.url,
    dataDir: folder,
    server,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]()
      if (dataDir === undefined) await rm(folder, { recursive: true, force: true })
    },
  }
}

export interface ServerProcess {
  url: string
  child: ChildProcess
  /** Ends it with `signal` and waits until it is gone; gives its exit code. */
  stop(signal?: NodeJS.Signals): Promise<number | null>
}

/** The command's entry, without its launcher. */
export const MAIN = fileURLToPath(import.meta.resolve('@vouchsafe/cli'))

/** A server in a process of its own, which tests may kill. Resolves when it says that it is ready. */
export async function spawnServer({ flags = [], dataDir, databaseUrl }: TestServerOptions & { dataDir: string }): Promise<ServerProcess> {
  const args = ['--disable-warning=ExperimentalWarning', MAIN, 'server', '--listen', '127.0.0.1:0', '--data-dir', dataDir, ...flags]
  const env = { ...process.env, ...(databaseUrl === undefined ? {} : { VOUCHSAFE_DATABASE_URL: databaseUrl }) }
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'], env })
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve))
  let errors = ''
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()))
  for await (const line of createInterface(child.stdout)) {
    const url = /listening on (\S+)/.exec(line)?.[1]
    if (url !== undefined) {
      return {
        url,
        child,
        stop(signal = 'SIGTERM') {
          child.kill(signal)
          return exited
        },
      }
    }
  }
  throw new Error(`the server did not start: ${errors}`)
}

/** A new folder under the system's temporary one. */
export function temporaryFolder(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'vouchsafe-test-'))
}
