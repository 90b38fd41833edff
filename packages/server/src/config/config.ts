import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { isTcbStatus, SIMULATED_MEASUREMENTS, TCB_STATUSES, type TcbStatus } from '@vouchsafe/dcap'
import { isLoopback } from '@vouchsafe/service'
import { parse as parseYaml } from 'yaml'
import { DEFAULT_DEVICE, parseTpmAddress } from '@vouchsafe/tpm'
import { PROTECTOR_KINDS, readPcrs, type ProtectorKind } from '../root-key/index.ts'
import { AUTHORITY_OPTIONS } from './authority-options.ts'
import { formatValue, nonEmpty, oneOf, option, readBoolean, readEndpoint, readUrl, wholeNumber } from './option-values.ts'
import type { Endpoint, OptionOf } from './option-values.ts'
import { readKeep } from './keep-option.ts'
import { readMark } from './mark-option.ts'
import { WITNESS_OPTIONS, witnessFault } from './witness-options.ts'

export { formatEndpoint, formatValue } from './option-values.ts'
export type { Endpoint } from './option-values.ts'

/** A configuration that can't be used; the message names the option and where it came from. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
}

/** The provider of the server's own quotes. */
export type QuoteProviderName = 'simulated' | 'gramine' | 'configfs-tsm' | 'none'

/** Where rotation webhooks may be; each includes those before it. */
export type WebhookNetworks = 'public' | 'private' | 'loopback'

/**
 * Every option: where it may come from (flags, then environment, then YAML file, then default), how its text is read, and what it means.
 * Flags and YAML keys have the option's name.
 */
export const OPTIONS = {
  listen: option<Endpoint>({
    flag: true,
    env: 'VOUCHSAFE_LISTEN',
    fallback: { host: '127.0.0.1', port: 9000 },
    read: readEndpoint,
    doc: 'address and port of the API; port 0 lets the system choose',
  }),
  'admin-listen': option<Endpoint | undefined>({
    flag: true,
    env: 'VOUCHSAFE_ADMIN_LISTEN',
    fallback: undefined,
    read: readEndpoint,
    doc: 'a second listener (plain HTTP) for /metrics and /openapi.json when the API is not on loopback',
  }),
  'data-dir': option<string>({
    flag: true,
    env: 'VOUCHSAFE_DATA_DIR',
    fallback: resolve('data'),
    read: (text) => resolve(nonEmpty(text)),
    doc: 'folder of the embedded database, the root key, the audit files and the operator socket',
  }),
  'database-url': option<string | undefined>({
    flag: false,
    env: 'VOUCHSAFE_DATABASE_URL',
    fallback: undefined,
    read: readDatabaseUrl,
    doc: 'postgres://… instead of the embedded SQLite (environment or file only: it may hold a password)',
  }),
  mark: option<string | undefined>({
    flag: true,
    env: 'VOUCHSAFE_MARK',
    fallback: undefined,
    read: readMark,
    doc: 'what shows that an older copy of the store was put back: a file outside the data directory, and of what is copied back with it; or tpm, or tpm:INDEX: a counter in the TPM, at that NV index',
  }),
  'on-rollback': option<'refuse' | 'warn'>({
    flag: true,
    env: 'VOUCHSAFE_ON_ROLLBACK',
    fallback: 'refuse',
    read: oneOf('refuse', 'warn'),
    doc: 'at a start, when the store is not what its trail or the mark says: refuse to start, or start and say so',
  }),
  'checkpoint-every': option<number>({
    flag: true,
    env: 'VOUCHSAFE_CHECKPOINT_EVERY',
    fallback: 0,
    read: wholeNumber(0, 86_400),
    doc: "seconds between the trail's signed checkpoints at least, since their sizes tell how busy the store is; 0: within a second of each entry",
  }),
  'trail-keep': option<string | undefined>({
    flag: true,
    env: 'VOUCHSAFE_TRAIL_KEEP',
    fallback: undefined,
    read: (text) => (readKeep(text), text),
    doc: 'what is kept of the trail and of the records of calls: an age such as 365d or 12h, a number of entries, or both (365d,1000000); everything if not given',
  }),
  ...WITNESS_OPTIONS,
  seal: option<ProtectorKind>({
    flag: true,
    env: 'VOUCHSAFE_SEAL',
    fallback: 'file',
    read: oneOf(...PROTECTOR_KINDS),
    doc: 'what protects a new root key: file (only its mode), passphrase or tpm2; an existing key file states its own',
  }),
  'seal-passphrase-file': option<string | undefined>({
    flag: true,
    env: 'VOUCHSAFE_SEAL_PASSPHRASE_FILE',
    fallback: undefined,
    read: nonEmpty,
    doc: 'file with the passphrase of the root key (its first line)',
  }),
  'seal-passphrase': option<string | undefined>({
    flag: false,
    env: 'VOUCHSAFE_SEAL_PASSPHRASE',
    fallback: undefined,
    read: nonEmpty,
    doc: 'the passphrase itself; if neither this nor the file is set, the server asks for it on a terminal',
  }),
  tpm: option<string>({
    flag: true,
    env: 'VOUCHSAFE_TPM',
    fallback: DEFAULT_DEVICE,
    read: readTpmAddress,
    doc: 'the TPM of the tpm2 seal and of the mark: a device, swtpm:HOST:PORT or swtpm:/PATH',
  }),
  'seal-pcrs': option<string>({
    flag: true,
    env: 'VOUCHSAFE_SEAL_PCRS',
    fallback: 'sha256:7',
    read: (text) => (readPcrs(text), text),
    doc: 'the PCRs that a new root key is sealed to by tpm2: a bank and their numbers, such as sha256:0,4,7',
  }),
  'public-url': option<string | undefined>({
    flag: true,
    env: 'VOUCHSAFE_PUBLIC_URL',
    fallback: undefined,
    read: readUrl,
    doc: 'the address that clients see; open enrolment accepts its host in addition to loopback names',
  }),
  'tls-cert': option<string | undefined>({
    flag: true,
    env: 'VOUCHSAFE_TLS_CERT',
    fallback: undefined,
    read: nonEmpty,
    doc: 'PEM file of the certificate chain',
  }),
  'tls-key': option<string | undefined>({
    flag: true,
    env: 'VOUCHSAFE_TLS_KEY',
    fallback: undefined,
    read: nonEmpty,
    doc: 'PEM file of the private key',
  }),
  'tls-self-signed': option<boolean>({
    flag: true,
    env: 'VOUCHSAFE_TLS_SELF_SIGNED',
    fallback: false,
    read: readBoolean,
    boolean: true,
    doc: 'create a certificate for trials, which clients must be told to trust (tls-self-signed.pem in the data directory)',
  }),
  'insecure-http': option<boolean>({
    flag: true,
    env: 'VOUCHSAFE_INSECURE_HTTP',
    fallback: false,
    read: readBoolean,
    boolean: true,
    doc: 'allow plain HTTP on an address other than loopback (behind a TLS proxy, say)',
  }),
  enroll: option<'open' | 'token' | 'closed'>({
    flag: true,
    env: 'VOUCHSAFE_ENROLL',
    fallback: 'open',
    read: oneOf('open', 'token', 'closed'),
    doc: 'open: anyone on a loopback listener may enrol an app or a user of the attestation authority, and anyone elsewhere an app with a token; token: only apps with a token, one of which a loopback listener prints at start; closed: nobody',
  }),
  'enroll-limit': option<number>({
    flag: true,
    env: 'VOUCHSAFE_ENROLL_LIMIT',
    fallback: 10_000,
    read: wholeNumber(0, 10_000_000),
    doc: 'how many apps, and how many users of the attestation authority, open enrolment may create in all',
  }),
  'log-level': option<string>({
    flag: true,
    env: 'VOUCHSAFE_LOG_LEVEL',
    fallback: 'info',
    read: oneOf('fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'),
    doc: 'fatal, error, warn, info, debug, trace or silent',
  }),
  'key-life-days': option<number>({
    flag: true,
    env: 'VOUCHSAFE_KEY_LIFE_DAYS',
    fallback: 365,
    read: wholeNumber(1, 36_500),
    doc: 'days until a new key expires, unless CreateKey says otherwise',
  }),
  'key-recovery-days': option<number>({
    flag: true,
    env: 'VOUCHSAFE_KEY_RECOVERY_DAYS',
    fallback: 7,
    read: wholeNumber(0, 3650),
    doc: 'days during which a deleted key can be restored; 0 destroys at once',
  }),
  'keys-per-app': option<number>({
    flag: true,
    env: 'VOUCHSAFE_KEYS_PER_APP',
    fallback: 10_000,
    read: wholeNumber(1, 10_000),
    doc: 'how many keys one app may have (ListKey returns at most 10,000)',
  }),
  'secrets-per-app': option<number>({
    flag: true,
    env: 'VOUCHSAFE_SECRETS_PER_APP',
    fallback: 10_000,
    read: wholeNumber(1, 1_000_000),
    doc: 'how many secrets one app may have, those scheduled for deletion included',
  }),
  'secret-versions-kept': option<number>({
    flag: true,
    env: 'VOUCHSAFE_SECRET_VERSIONS_KEPT',
    fallback: 4000,
    read: wholeNumber(1, 4000),
    doc: 'how many versions of a secret are kept; a new value removes the oldest, never the newest',
  }),
  'webhook-networks': option<WebhookNetworks>({
    flag: true,
    env: 'VOUCHSAFE_WEBHOOK_NETWORKS',
    fallback: 'public',
    read: oneOf('public', 'private', 'loopback'),
    doc: 'where rotation webhooks may be: public addresses; private networks too; or this machine too (for trials)',
  }),
  'quote-provider': option<QuoteProviderName | 'auto'>({
    flag: true,
    env: 'VOUCHSAFE_QUOTE_PROVIDER',
    fallback: 'auto',
    read: oneOf('auto', 'simulated', 'gramine', 'configfs-tsm', 'none'),
    doc: "the provider of the server's own quotes; auto: simulated with the embedded database, none with PostgreSQL",
  }),
  'quote-provider-path': option<string | undefined>({
    flag: true,
    env: 'VOUCHSAFE_QUOTE_PROVIDER_PATH',
    fallback: undefined,
    read: nonEmpty,
    doc: "folder of the provider's files (default: /dev/attestation, or /sys/kernel/config/tsm/report)",
  }),
  'quote-collateral': option<string | undefined>({
    flag: true,
    env: 'VOUCHSAFE_QUOTE_COLLATERAL',
    fallback: undefined,
    read: nonEmpty,
    doc: "collateral for real quotes: a file, a folder, or the address of a PCCS or of Intel's PCS",
  }),
  'quote-roots': option<string | undefined>({
    flag: true,
    env: 'VOUCHSAFE_QUOTE_ROOTS',
    fallback: undefined,
    read: nonEmpty,
    doc: "PEM file of the roots that real quotes must chain to, instead of Intel's",
  }),
  'quote-accept': option<readonly TcbStatus[]>({
    flag: true,
    env: 'VOUCHSAFE_QUOTE_ACCEPT',
    fallback: ['UpToDate'],
    read: readStatuses,
    doc: 'TCB statuses that VerifyQuote accepts, separated by commas',
  }),
  'quote-trust-both': option<boolean>({
    flag: true,
    env: 'VOUCHSAFE_QUOTE_TRUST_BOTH',
    fallback: false,
    read: readBoolean,
    boolean: true,
    doc: 'with the simulated provider, accept real quotes too; otherwise only simulated ones are accepted',
  }),
  'quote-simulated-mrenclave': option<string>({
    flag: true,
    env: 'VOUCHSAFE_QUOTE_SIMULATED_MRENCLAVE',
    fallback: SIMULATED_MEASUREMENTS.mrEnclave,
    read: readMeasurement,
    doc: 'MRENCLAVE in simulated quotes',
  }),
  'quote-simulated-mrsigner': option<string>({
    flag: true,
    env: 'VOUCHSAFE_QUOTE_SIMULATED_MRSIGNER',
    fallback: SIMULATED_MEASUREMENTS.mrSigner,
    read: readMeasurement,
    doc: 'MRSIGNER in simulated quotes',
  }),
  'upper-case-signatures': option<boolean>({
    flag: true,
    env: 'VOUCHSAFE_UPPER_CASE_SIGNATURES',
    fallback: true,
    read: readBoolean,
    doc: "accept signatures in upper case, as the API document's samples send them (true or false)",
  }),
  'key-cache': option<number>({
    flag: true,
    env: 'VOUCHSAFE_KEY_CACHE',
    fallback: 10_000,
    read: wholeNumber(1, 1_000_000),
    doc: 'how many unwrapped keys are kept ready in memory',
  }),
  'crypto-workers': option<number>({
    flag: true,
    env: 'VOUCHSAFE_CRYPTO_WORKERS',
    fallback: 1,
    read: wholeNumber(1, 64),
    doc: 'threads for SM2, precomputed digests and PKCS#1 v1.5 decryption',
  }),
  threads: option<number>({
    flag: true,
    env: 'VOUCHSAFE_THREADS',
    fallback: 1,
    read: wholeNumber(1, 32),
    doc: 'threads that serve the API on its one port',
  }),
  'max-connections': option<number>({
    flag: true,
    env: 'VOUCHSAFE_MAX_CONNECTIONS',
    fallback: 10_000,
    read: wholeNumber(1, 1_000_000),
    doc: 'maximum number of simultaneous client connections',
  }),
  ...AUTHORITY_OPTIONS,
} as const

export type OptionName = keyof typeof OPTIONS
type Values = { [N in OptionName]: (typeof OPTIONS)[N]['fallback'] }
type CamelCase<S extends string> = S extends `${infer A}-${infer B}` ? `${A}${Capitalize<CamelCase<B>>}` : S
/** The configuration, read once: one field per option, in camelCase. */
export type Config = Readonly<{ [N in OptionName as CamelCase<N>]: Values[N] }>

const OPTION_NAMES = Object.keys(OPTIONS) as OptionName[]

/**
 * Reads flags, environment and the YAML file (`--config`, `VOUCHSAFE_CONFIG`, or `vouchsafe.yaml` if it exists).
 * @throws {ConfigError} naming the first option that can't be used
 */
export function readConfig(argv: readonly string[], env: Readonly<Record<string, string | undefined>>): Config {
  const flags = readFlags(argv)
  const file = readFile(flags.get('config') ?? env.VOUCHSAFE_CONFIG)
  const values: Record<string, unknown> = {}
  for (const name of OPTION_NAMES) values[camelCase(name)] = readOption(name, flags, env, file)
  const config = values as Config
  checkTogether(config)
  return config
}

function readOption(
  name: OptionName,
  flags: Map<string, string>,
  env: Readonly<Record<string, string | undefined>>,
  file: Map<string, string>,
) {
  const definition: OptionOf<unknown> = OPTIONS[name]
  const sources: [string, string | undefined][] = [
    [`--${name}`, flags.get(name)],
    [definition.env, env[definition.env] || undefined],
    [`${name} in the configuration file`, file.get(name)],
  ]
  for (const [source, text] of sources) {
    if (text === undefined) continue
    try {
      return definition.read(text)
    } catch (error) {
      throw new ConfigError(`${source}: ${(error as Error).message}`)
    }
  }
  return definition.fallback
}

function readFlags(argv: readonly string[]): Map<string, string> {
  const flagNames = OPTION_NAMES.filter((name) => OPTIONS[name].flag)
  const options: Record<string, { type: 'string' | 'boolean' }> = { config: { type: 'string' } }
  for (const name of flagNames) options[name] = { type: (OPTIONS[name] as OptionOf<unknown>).boolean ? 'boolean' : 'string' }
  try {
    const { values } = parseArgs({ args: [...argv], options, strict: true, allowPositionals: false })
    return new Map(Object.entries(values).map(([name, value]) => [name, String(value)]))
  } catch (error) {
    throw new ConfigError(`${(error as Error).message.split('. ')[0]} ('vouchsafe server --help' lists the flags)`)
  }
}

function readFile(path: string | undefined): Map<string, string> {
  const file = path ?? 'vouchsafe.yaml'
  if (path === undefined && !existsSync(file)) return new Map()
  let content: unknown
  try {
    content = parseYaml(readFileSync(file, 'utf8'))
  } catch (error) {
    throw new ConfigError(`${file}: ${(error as Error).message.split('\n')[0]}`)
  }
  if (content === null) return new Map()
  if (typeof content !== 'object' || Array.isArray(content)) throw new ConfigError(`${file}: not a mapping of options to values`)
  const values = new Map<string, string>()
  for (const [name, value] of Object.entries(content)) {
    if (!Object.hasOwn(OPTIONS, name)) throw new ConfigError(`${file}: unknown option '${name}'`)
    if (!['string', 'number', 'boolean'].includes(typeof value)) throw new ConfigError(`${file}: ${name}: not a plain value`)
    values.set(name, String(value))
  }
  return values
}

/** Rules between options. */
function checkTogether(config: Config): void {
  if ((config.tlsCert === undefined) !== (config.tlsKey === undefined)) throw new ConfigError('tls-cert and tls-key go together')
  if (config.tlsCert !== undefined && config.tlsSelfSigned) throw new ConfigError('tls-self-signed and tls-cert exclude each other')
  const hasTls = config.tlsCert !== undefined || config.tlsSelfSigned
  if (config.tlsClientCrl !== undefined && config.tlsClientCa === undefined) throw new ConfigError('tls-client-crl needs tls-client-ca')
  if (config.tlsClientCa !== undefined && !hasTls) throw new ConfigError('tls-client-ca needs tls-cert and tls-key, or tls-self-signed')
  if (!isLoopback(config.listen.host) && !hasTls && !config.insecureHttp) {
    throw new ConfigError(
      `listen: ${config.listen.host} is not a loopback address: give tls-cert and tls-key, or insecure-http behind a TLS proxy`,
    )
  }
  if (config.adminListen !== undefined && !isLoopback(config.adminListen.host) && !config.insecureHttp) {
    throw new ConfigError(
      `admin-listen: ${config.adminListen.host} is not a loopback address and this listener is plain HTTP: set insecure-http if this is intended`,
    )
  }
  const fault = witnessFault(config)
  if (fault !== undefined) throw new ConfigError(`witness-url, witness-key: ${fault}`)
  if (config.keyManagerListen === undefined) return
  if (config.tlsCert === undefined || config.keyManagerCa === undefined || config.keyManagerClients === undefined) {
    throw new ConfigError('key-manager-listen: give key-manager-ca, key-manager-clients, tls-cert and tls-key too')
  }
}

/** The provider of the server's quotes, with `auto` resolved. */
export function quoteProviderOf({ quoteProvider, databaseUrl }: Config): QuoteProviderName {
  if (quoteProvider !== 'auto') return quoteProvider
  return databaseUrl === undefined ? 'simulated' : 'none'
}

/** The help text of `vouchsafe server`, from the table. */
export function configHelp(): string {
  const lines = OPTION_NAMES.map((name) => {
    const definition: OptionOf<unknown> = OPTIONS[name]
    const value = definition.boolean ? '' : ' VALUE'
    const flag = definition.flag ? `--${name}${value}` : `(${name} in the file)`
    return `  ${flag.padEnd(34)} ${definition.env.padEnd(32)} ${definition.doc} (default: ${describe(definition.fallback)})`
  })
  return [
    'usage: vouchsafe server [flags]',
    '',
    'Flags override environment variables, which override the file given by --config or VOUCHSAFE_CONFIG (default: ./vouchsafe.yaml).',
    '',
    ...lines,
  ].join('\n')
}

function describe(fallback: unknown): string {
  if (fallback === undefined) return 'none'
  return fallback === resolve('data') ? './data' : formatValue(fallback)
}

function camelCase(name: string): string {
  return name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase())
}

function readTpmAddress(text: string): string {
  parseTpmAddress(text)
  return text
}

function readDatabaseUrl(text: string): string {
  const url = URL.parse(text)
  // The text may hold a password, so the message doesn't repeat it.
  if (!url || !['postgres:', 'postgresql:'].includes(url.protocol)) throw new Error('not a postgres:// URL')
  return text
}

function readStatuses(text: string): readonly TcbStatus[] {
  const statuses = text.split(',').map((status) => status.trim())
  const unknown = statuses.find((status) => !isTcbStatus(status))
  if (unknown !== undefined) throw new Error(`'${unknown}' is not one of ${TCB_STATUSES.join(', ')}`)
  return statuses.filter(isTcbStatus)
}

function readMeasurement(text: string): string {
  if (!/^[0-9a-fA-F]{64}$/.test(text)) throw new Error('not 64 hex digits')
  return text.toLowerCase()
}
