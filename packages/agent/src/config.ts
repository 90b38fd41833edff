import { readFile } from 'node:fs/promises'
import { isIP } from 'node:net'
import { isLoopback } from '@vouchsafe/service'
import { parse as parseYaml } from 'yaml'
import { CONFIG } from './config-fields.ts'
import { FieldError } from './fields.ts'
import { ATTESTERS } from './attesters/index.ts'
import type { Attester, TpmSettings } from './attesters/attester.ts'
import type { Cron } from './cron.ts'

/** A configuration that can't be used; the message names the file and the field. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
}

export interface Config {
  /** The file that it came from. */
  file: string
  listen: { address: string; port: number } | undefined
  listenSocket: string | undefined
  /** The node's name, where it is not left to the certificate. */
  nodeId: string | undefined
  ekCertificatePath: string | undefined
  /** Whether the daemon renews the attestation key's certificate at the server. */
  renewCertificate: boolean
  server: ServerSettings
  logging: { level: LogLevel; file: string | undefined }
  /** Those that are enabled, in the order of the file. */
  attesters: readonly EnabledAttester[]
  schedule: Schedule | undefined
}

export interface ServerSettings {
  url: URL
  userId: string | undefined
  apiKey: string | undefined
  apiKeyPath: string | undefined
  timeoutMs: number
  certPath: string | undefined
  keyPath: string | undefined
  caPath: string | undefined
}

export interface EnabledAttester {
  attester: Attester
  settings: TpmSettings
  /** Used when a request names no policies. */
  policyIds: readonly string[]
}

/** When to attest unasked; times in milliseconds. */
export interface Schedule {
  cron: Cron | undefined
  interval: number
  initialDelay: { min: number; max: number }
  maxRetries: number
}

export type LogLevel = 'error' | 'warn' | 'info' | 'debug'

/** Where the file is looked for, when none is named. */
export const CONFIG_PLACES = ['agent_config.yaml', '/etc/vouchsafe/agent_config.yaml', '/etc/attestation_agent/agent_config.yaml'] as const

const MAX_CONFIG_BYTES = 1024 * 1024

/** Reads the named file, or the first that there is of CONFIG_PLACES. Throws ConfigError. */
export async function loadConfig(path: string | undefined): Promise<Config> {
  for (const file of path === undefined ? CONFIG_PLACES : [path]) {
    let text: string
    try {
      text = await readFile(file, 'utf8')
    } catch (error) {
      if (path === undefined && (error as NodeJS.ErrnoException).code === 'ENOENT') continue
      throw new ConfigError(`${file}: ${(error as Error).message}`)
    }
    return readConfig(text, file)
  }
  throw new ConfigError(`there is no configuration: give --config FILE, or write ${CONFIG_PLACES.join(', ')}`)
}

/** Reads the text of a configuration file. Throws ConfigError. */
export function readConfig(text: string, file: string): Config {
  try {
    if (text.length > MAX_CONFIG_BYTES) throw new FieldError('the file', `is longer than ${MAX_CONFIG_BYTES} bytes`)
    return build(CONFIG(parseYaml(text, { logLevel: 'error' }) ?? {}, ''), file)
  } catch (error) {
    const problem = (error as Error).message.split('\n')[0]!.replace(/^: /, '')
    throw new ConfigError(`${file}: ${problem}`, { cause: error })
  }
}

type Sections = ReturnType<typeof CONFIG>

/** What is taken for sections that are left out. */
const EMPTY = CONFIG({ agent: {}, server: {}, logging: {} }, '')
const BOTH: Sections['plugins'] = CONFIG({ plugins: [{ name: 'tpm_boot' }, { name: 'tpm_ima' }] }, '').plugins
const HOURLY: Sections['schedulers'] = CONFIG({ schedulers: [{ name: 'challenge' }] }, '').schedulers

function build(sections: Sections, file: string): Config {
  const agent = sections.agent ?? EMPTY.agent!
  const server = sections.server ?? EMPTY.server!
  if (agent.listen_enabled && !isLoopback(agent.listen_address) && !agent.insecure_http)
    throw new FieldError(
      'agent.listen_address',
      `${agent.listen_address} is not a loopback address, and the API has no authentication: use 127.0.0.1, or set insecure_http if this is intended`,
    )
  if (isIP(agent.listen_address) === 0 && agent.listen_address !== 'localhost')
    throw new FieldError('agent.listen_address', 'must be an IP address or localhost')
  if (agent.apikey !== undefined && agent.apikey_path !== undefined)
    throw new FieldError('agent.apikey', 'cannot be combined with apikey_path')
  if ((server.tls.cert_path === undefined) !== (server.tls.key_path === undefined))
    throw new FieldError('server.tls.cert_path', 'requires key_path')
  return {
    file,
    listen: agent.listen_enabled ? { address: agent.listen_address, port: agent.listen_port } : undefined,
    listenSocket: agent.listen_socket,
    nodeId: agent.uuid,
    ekCertificatePath: agent.ek_cert_path,
    renewCertificate: agent.renew_certificate,
    server: {
      url: serverUrl(server.server_url, server.insecure_http),
      userId: agent.user_id,
      apiKey: agent.apikey,
      apiKeyPath: agent.apikey_path,
      timeoutMs: server.timeout * 1000,
      certPath: server.tls.cert_path,
      keyPath: server.tls.key_path,
      caPath: server.tls.ca_path,
    },
    logging: sections.logging ?? EMPTY.logging!,
    attesters: attestersOf(sections.plugins ?? BOTH!),
    schedule: scheduleOf(sections.schedulers ?? HOURLY!),
  }
}

function serverUrl(text: string, insecure: boolean): URL {
  const field = 'server.server_url'
  const url = URL.parse(text)
  if (url === null || !['http:', 'https:'].includes(url.protocol)) throw new FieldError(field, 'must be an http:// or https:// URL')
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '')
    throw new FieldError(field, 'must be an address, with at most a path')
  if (url.protocol === 'http:' && !isLoopback(url.hostname) && !insecure)
    throw new FieldError(
      field,
      'http:// to another machine exposes the API key and the tokens to the network: use https://, or set insecure_http if this is intended',
    )
  return url
}

function attestersOf(plugins: NonNullable<Sections['plugins']>): EnabledAttester[] {
  const enabled: EnabledAttester[] = []
  for (const [index, { name, enabled: isEnabled, policy_id, params }] of plugins.entries()) {
    const field = `plugins[${index}]`
    const type = params?.attester_type ?? name
    const attester = ATTESTERS.find((each) => each.type === type)
    if (attester === undefined)
      throw new FieldError(
        params?.attester_type === undefined ? `${field}.name` : `${field}.params.attester_type`,
        `there is no attester '${type}'; there are ${ATTESTERS.map((each) => each.type).join(', ')}`,
      )
    if (!isEnabled) continue
    if (enabled.some((each) => each.attester === attester)) throw new FieldError(field, `is a second attester of type ${type}`)
    enabled.push({ attester, policyIds: policy_id, settings: tpmSettings(attester, params, `${field}.params`) })
  }
  return enabled
}

type Parameters = NonNullable<Sections['plugins']>[number]['params']

const NO_PARAMETERS = CONFIG({ plugins: [{ name: 'tpm_boot', params: {} }] }, '').plugins![0]!.params!

function tpmSettings(attester: Attester, given: Parameters, field: string): TpmSettings {
  const params = given ?? NO_PARAMETERS
  const { ak_handle, ak_nv_index } = params.ak_certs?.[0] ?? params
  const selection = params.pcr_selections
  const scheme = params.quote_signature_scheme
  const algorithm = scheme?.signature_algo ?? scheme?.signature_alg
  if (scheme !== undefined && algorithm === undefined) throw new FieldError(`${field}.quote_signature_scheme.signature_algo`, 'is missing')
  return {
    tpm: params.tcti_config,
    akHandle: ak_handle,
    certificate: params.ak_cert_path === undefined ? { nvIndex: ak_nv_index } : { path: params.ak_cert_path },
    pcrs: {
      algorithm: selection?.hash_alg ?? 'sha256',
      indices: [...new Set(selection?.banks ?? attester.defaults.pcrs)].sort((a, b) => a - b),
    },
    scheme: algorithm === undefined ? undefined : { scheme: algorithm, hash: scheme!.hash_alg },
    logPath: params.log_file_path ?? attester.defaults.logPath,
  }
}

function scheduleOf(schedulers: NonNullable<Sections['schedulers']>): Schedule | undefined {
  const [first, second] = schedulers.filter(({ name }) => name === 'challenge')
  if (second !== undefined) throw new FieldError('schedulers', 'two schedulers are named challenge')
  if (first === undefined || !first.enabled) return undefined
  const { min, max } = first.initial_delay
  if (min > max) throw new FieldError('schedulers.initial_delay', 'min is more than max')
  return {
    cron: first.cron_expression,
    interval: first.intervals * 1000,
    initialDelay: { min: min * 1000, max: max * 1000 },
    maxRetries: first.retry_enabled ? first.max_retries : 0,
  }
}
