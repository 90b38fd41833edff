import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { ConfigError, readConfig } from '../config/index.ts'
import { openContext } from './context.ts'
import { systemRuntime } from '../foundation/index.ts'
import { createLog } from './log.ts'
import type { AskPassphrase } from '../root-key/index.ts'
import { handleOperatorRequest, ownPrincipal, type OperatorResponse, type Progress } from '../operator/index.ts'

/** The operator API without a server. */
export interface Operator extends AsyncDisposable {
  request(method: string, path: string, body?: unknown, progress?: Progress): Promise<OperatorResponse>
}

/**
 * Opens the store for an operator command while no server runs on it.
 * @throws {ConfigError} where there is no store, rather than making one
 * @throws {StorageError} `locked` while a server runs
 */
export async function openOperator(options: {
  dataDir: string
  env: Readonly<Record<string, string | undefined>>
  askPassphrase?: AskPassphrase | undefined
}): Promise<Operator> {
  const config = readConfig(['--data-dir', options.dataDir], options.env)
  if (config.databaseUrl === undefined && !existsSync(join(config.dataDir, 'vouchsafe.db'))) {
    throw new ConfigError(`there is no store in ${config.dataDir}: name the data directory of a server`)
  }
  const context = await openContext({
    config,
    runtime: systemRuntime,
    log: createLog('error'),
    role: 'operator',
    askPassphrase: options.askPassphrase,
  })
  return {
    request: (method, path, body = {}, progress) => handleOperatorRequest({ method, path, body }, context, progress, ownPrincipal()),
    [Symbol.asyncDispose]: () => context[Symbol.asyncDispose](),
  }
}
