// The agent as a service in this process, and calls of its API.
import { request } from 'node:http'
import { loadConfig } from '../../src/config.ts'
import { startDaemon } from '../../src/daemon.ts'
import type { Daemon } from '../../src/daemon.ts'
import { createLog, logDestination } from '../../src/log.ts'
import { systemRuntime } from '../../src/runtime.ts'
import type { Runtime } from '../../src/runtime.ts'
import type { LastResult } from '../../src/scheduler.ts'

export const TOKENS = '/global-trust-authority/agent/v1/tokens'
export const EVIDENCES = '/global-trust-authority/agent/v1/evidences'
export const STATUS = '/global-trust-authority/agent/v1/status'

export interface DaemonChanges {
  runtime?: Runtime
  env?: Record<string, string | undefined>
  onResult?: (result: LastResult) => void
  graceMs?: number
}

export async function daemon(
  configFile: string,
  { runtime = systemRuntime, env = {}, onResult, graceMs }: DaemonChanges = {},
): Promise<Daemon> {
  const config = await loadConfig(configFile)
  return await startDaemon({
    config,
    log: createLog(config.logging.level, logDestination(config.logging.file, process.stderr), runtime.now),
    runtime,
    env,
    ...(onResult && { onResult }),
    ...(graceMs !== undefined && { graceMs }),
  })
}

export interface Answer {
  status: number
  headers: Record<string, string | string[] | undefined>
  text: string
  body: Record<string, unknown>
}

export interface AskOptions {
  method?: string
  /** Sent as JSON, or as it is when it is text. */
  body?: unknown
  headers?: Record<string, string>
  /** Instead of the URL's address. */
  socketPath?: string
}

/** One call, without the headers that fetch insists on. */
export function ask(
  url: string | undefined,
  path: string,
  { method = 'POST', body, headers = {}, socketPath }: AskOptions = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const place = socketPath === undefined ? { host: new URL(url!).hostname, port: new URL(url!).port } : { socketPath }
    const sent = request({ ...place, path, method, headers, agent: false }, (response) => {
      let text = ''
      response.on('data', (chunk: Buffer) => (text += chunk.toString()))
      response.on('end', () => {
        let json: unknown
        try {
          json = JSON.parse(text)
        } catch {
          json = {}
        }
        resolve({ status: response.statusCode!, headers: response.headers, text, body: json as Record<string, unknown> })
      })
    })
    sent.on('error', reject)
    sent.end(body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body))
  })
}
