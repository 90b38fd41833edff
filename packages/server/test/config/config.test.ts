import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { ConfigError, OPTIONS, configHelp, readConfig, type Config, type OptionName } from '../../src/config/config.ts'
import { witnessesOf } from '../../src/config/witness-options.ts'

const folder = mkdtempSync(join(tmpdir(), 'vouchsafe-config-'))
after(() => rmSync(folder, { recursive: true }))

const WITNESS_KEYS = [
  'w1.example+befa920a+BAEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB',
  'w2.example+60cb1452+BAICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIC',
] as const
const THIRD_WITNESS_KEY = 'w1.example+a6090492+BAMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMD'

/** Two values of each option, neither its default where there are more than two. */
const SAMPLES: Readonly<Record<OptionName, readonly [string, string]>> = {
  listen: ['127.0.0.1:9101', '[::1]:0'],
  'admin-listen': ['127.0.0.1:9102', 'localhost:9103'],
  'data-dir': ['/var/lib/one', '/var/lib/two'],
  'database-url': ['postgres://one@db/vouchsafe', 'postgresql://two@db/vouchsafe'],
  mark: ['/var/one.mark', 'tpm:0x01800123'],
  'on-rollback': ['refuse', 'warn'],
  'checkpoint-every': ['1', '3600'],
  'trail-keep': ['365d', '12h,1000000'],
  'witness-url': ['https://w1.example/prefix', 'http://127.0.0.1:7380'],
  'witness-key': [WITNESS_KEYS[0], WITNESS_KEYS[1]],
  seal: ['passphrase', 'tpm2'],
  'seal-passphrase-file': ['one.txt', 'two.txt'],
  'seal-passphrase': ['passphrase one', 'passphrase two'],
  tpm: ['swtpm:/run/tpm', '/dev/tpm0'],
  'seal-pcrs': ['sha256:0,7', 'sha384:4'],
  'public-url': ['https://one.example', 'https://two.example:8443/base'],
  'tls-cert': ['one.pem', 'two.pem'],
  'tls-key': ['one.key', 'two.key'],
  'tls-self-signed': ['true', 'false'],
  'insecure-http': ['true', 'false'],
  enroll: ['closed', 'token'],
  'enroll-limit': ['0', '7'],
  'log-level': ['warn', 'trace'],
  'key-life-days': ['1', '36500'],
  'key-recovery-days': ['0', '3650'],
  'keys-per-app': ['1', '9999'],
  'secrets-per-app': ['3', '4'],
  'secret-versions-kept': ['5', '6'],
  'webhook-networks': ['public', 'private'],
  'quote-provider': ['gramine', 'none'],
  'quote-provider-path': ['/one', '/two'],
  'quote-collateral': ['one.json', 'https://pccs.example'],
  'quote-roots': ['one.pem', 'two.pem'],
  'quote-accept': ['OutOfDate', 'UpToDate,SWHardeningNeeded'],
  'quote-trust-both': ['true', 'false'],
  'quote-simulated-mrenclave': ['11'.repeat(32), '22'.repeat(32)],
  'quote-simulated-mrsigner': ['33'.repeat(32), '44'.repeat(32)],
  'upper-case-signatures': ['no', 'yes'],
  'key-cache': ['1', '1000000'],
  'crypto-workers': ['2', '64'],
  threads: ['2', '32'],
  'max-connections': ['1', '1000000'],
  'tls-client-ca': ['one-ca.pem', 'two-ca.pem'],
  'tls-client-crl': ['one-crl.pem', 'two-crl.pem'],
  'token-algorithm': ['PS256', 'ES384'],
  'token-minutes': ['1', '1440'],
  'eat-profile': ['urn:one', 'urn:two'],
  'ignored-nonces': ['true', 'false'],
  'signing-key-rotation-days': ['0', '30'],
  'certificates-per-user': ['1', '1000'],
  'refuse-stale-crls': ['true', 'false'],
  'require-ek-usage': ['true', 'false'],
  'policy-defaults': ['when-absent', 'always'],
  'signed-policies': ['true', 'false'],
  'appraisal-workers': ['1', '64'],
  'ak-certificate-hours': ['1', '8760'],
  'evidence-limit-mib': ['1', '100'],
  'management-rate': ['10/2', 'none'],
  'attestation-rate': ['40/10', 'none'],
  'registration-rate': ['10/5', 'none'],
  'key-manager-listen': ['127.0.0.1:9104', 'localhost:9105'],
  'key-manager-crl': ['one-crl.pem', 'two-crl.pem'],
  'key-manager-ca': ['three-ca.pem', 'four-ca.pem'],
  'key-manager-clients': ['one', 'sha256:ab,two'],
}

const TLS = { VOUCHSAFE_TLS_CERT: 'c', VOUCHSAFE_TLS_KEY: 'k' }
/** What must be given beside an option. */
const COMPANIONS: Readonly<Partial<Record<OptionName, Readonly<Record<string, string>>>>> = {
  'witness-url': { VOUCHSAFE_WITNESS_KEY: WITNESS_KEYS[0] },
  'witness-key': { VOUCHSAFE_WITNESS_URL: 'https://w.example' },
  'tls-cert': { VOUCHSAFE_TLS_KEY: 'k' },
  'tls-key': { VOUCHSAFE_TLS_CERT: 'c' },
  'tls-client-ca': TLS,
  'tls-client-crl': { ...TLS, VOUCHSAFE_TLS_CLIENT_CA: 'ca' },
  'key-manager-listen': { ...TLS, VOUCHSAFE_KEY_MANAGER_CA: 'ca', VOUCHSAFE_KEY_MANAGER_CLIENTS: 'client' },
}

const NAMES = Object.keys(OPTIONS) as OptionName[]
let files = 0

/** Writes a configuration file and gives its path. */
function yamlFile(content: string): string {
  const path = join(folder, `${++files}.yaml`)
  writeFileSync(path, content)
  return path
}

function fieldOf(config: Config, name: OptionName): unknown {
  return (config as unknown as Record<string, unknown>)[name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase())]
}

/** What an option's text means. */
function meaning(name: OptionName, text: string): unknown {
  return (OPTIONS[name].read as (text: string) => unknown)(text)
}

function read(argv: readonly string[], env: Record<string, string> = {}, yaml = ''): Config {
  return readConfig([...argv, '--config', yamlFile(yaml)], env)
}

for (const name of NAMES) {
  const { env, flag, fallback } = OPTIONS[name]
  test(`${name}: ${flag ? 'flag beats ' : ''}environment beats file beats default`, () => {
    const [one, two] = SAMPLES[name]
    const rest = COMPANIONS[name] ?? {}
    const get = (argv: readonly string[], environment: Record<string, string>, yaml: string) =>
      fieldOf(read(argv, { ...rest, ...environment }, yaml), name)
    const yamlOf = (value: string) => `${name}: ${JSON.stringify(value)}\n`
    const isSwitch = 'boolean' in OPTIONS[name]
    const flags = isSwitch ? [`--${name}`] : [`--${name}`, one]

    if (Object.keys(rest).length === 0) assert.deepEqual(get([], {}, ''), fallback)
    assert.deepEqual(get([], {}, yamlOf(one)), meaning(name, one))
    assert.deepEqual(get([], { [env]: two }, yamlOf(one)), meaning(name, two))
    assert.deepEqual(get([], { [env]: one }, yamlOf(two)), meaning(name, one))
    assert.deepEqual(get([], { [env]: '' }, yamlOf(one)), meaning(name, one), 'an empty variable is none')
    if (flag) assert.deepEqual(get(flags, { [env]: two }, yamlOf(two)), meaning(name, one))
    else assert.throws(() => get([`--${name}`, one], {}, ''), ConfigError)
  })
}

test('the help names every option, its variable and its default', () => {
  const help = configHelp()
  for (const name of NAMES) {
    assert.ok(help.includes(OPTIONS[name].flag ? `--${name}` : `(${name} in the file)`))
    assert.ok(help.includes(OPTIONS[name].env))
  }
})

test('plain YAML values are read as they look: numbers, booleans, text', () => {
  const config = read([], {}, 'key-life-days: 30\nupper-case-signatures: false\nlisten: 127.0.0.1:9200\n')
  assert.deepEqual([config.keyLifeDays, config.upperCaseSignatures, config.listen], [30, false, { host: '127.0.0.1', port: 9200 }])
})

function refused(message: RegExp, argv: readonly string[], env: Record<string, string> = {}, yaml = ''): void {
  assert.throws(
    () => read(argv, env, yaml),
    (error) => {
      assert.ok(error instanceof ConfigError, String(error))
      assert.match(error.message, message)
      return true
    },
  )
}

test('what is not an option is refused, wherever it stands', () => {
  refused(/Unknown option '--lisen'.*--help/, ['--lisen', 'x'])
  refused(/Unexpected argument 'x'/, ['x'])
  refused(/--listen.*(missing|ambiguous)/, ['--listen'])
  refused(/--insecure-http.*does not take an argument/, ['--insecure-http=yes'])
  refused(/unknown option 'lisen'/, [], {}, 'lisen: 127.0.0.1:9000\n')
  refused(/unknown option '__proto__'/, [], {}, '"__proto__": x\n')
  refused(/listen: not a plain value/, [], {}, 'listen: [127.0.0.1:9000]\n')
  refused(/not a mapping of options to values/, [], {}, '- listen\n')
  refused(/\.yaml: /, [], {}, 'listen: "unclosed\n')
  assert.throws(() => readConfig(['--config', join(folder, 'missing.yaml')], {}), /missing\.yaml: ENOENT/)
  assert.throws(() => readConfig([], { VOUCHSAFE_CONFIG: join(folder, 'missing.yaml') }), ConfigError)
})

test('a value that cannot be is refused, and the message says where it came from', () => {
  const wrong: [OptionName, string[], RegExp][] = [
    ['listen', ['9000', '127.0.0.1', '127.0.0.1:65536', 'a b:1', ':9000', '::1:9000', 'http://127.0.0.1:9000'], /is not HOST:PORT/],
    ['data-dir', [' '], /must not be empty/],
    ['public-url', ['example.org', 'ftp://example.org', 'https://'], /not an http\(s\) URL/],
    ['insecure-http', ['maybe', '2'], /is neither true nor false/],
    ['enroll', ['Open', 'yes'], /is not one of open, token, closed/],
    ['log-level', ['loud'], /is not one of fatal, error, warn, info, debug, trace, silent/],
    ['key-life-days', ['0', '36501', '1.5', '-1', 'ten', '1e3', ' 5'], /is not a whole number from 1 to 36500/],
    ['keys-per-app', ['0', '10001'], /is not a whole number from 1 to 10000/],
  ]
  for (const [name, values, message] of wrong) {
    for (const value of values) {
      refused(new RegExp(`^${OPTIONS[name].env}: .*${message.source}`), [], { [OPTIONS[name].env]: value })
      refused(new RegExp(`^${name} in the configuration file: .*${message.source}`), [], {}, `${name}: ${JSON.stringify(value)}\n`)
    }
  }
  refused(/^--key-life-days: 'x' is not a whole number/, ['--key-life-days', 'x'])
})

test('an address that others can reach needs TLS, or an explicit insecure-http', () => {
  for (const host of ['0.0.0.0', '192.0.2.1', '[::]', 'example.org', '127.evil.example', '[::ffff:192.0.2.1]']) {
    refused(/is not a loopback address: give tls-cert and tls-key, or insecure-http/, ['--listen', `${host}:9000`])
    assert.ok(read(['--listen', `${host}:9000`, '--insecure-http']))
    assert.ok(read(['--listen', `${host}:9000`, '--tls-cert', 'c', '--tls-key', 'k']))
    refused(/admin-listen: .* is not a loopback address/, ['--admin-listen', `${host}:9001`, '--tls-cert', 'c', '--tls-key', 'k'])
  }
  for (const host of ['127.0.0.1', '127.8.9.10', '[::1]', 'localhost']) assert.ok(read(['--listen', `${host}:9000`]))
  refused(/tls-cert and tls-key go together/, ['--tls-cert', 'c'])
  refused(/tls-cert and tls-key go together/, ['--tls-key', 'k'])
})

test('the message about a wrong database URL does not repeat its password', () => {
  for (const url of ['mysql://user:hunter2@db/x', 'user:hunter2@db', 'postgres//user:hunter2@db']) {
    assert.throws(
      () => read([], { VOUCHSAFE_DATABASE_URL: url }),
      (error) => error instanceof ConfigError && /not a postgres:\/\/ URL/.test(error.message) && !error.message.includes('hunter2'),
    )
  }
})

test('each witness has a URL that cannot be read on the way, and a key of its own; a URL may have several', () => {
  const url = (text: string) => ['--witness-url', text, '--witness-key', WITNESS_KEYS[0]]
  refused(/--witness-url: http:\/\/ is for witnesses on loopback/, url('http://w.example'))
  refused(/--witness-url: not an http\(s\) URL/, url('w.example'))
  for (const text of ['https://user:word@w.example', 'https://w.example/?a=b', 'https://w.example/#a'])
    refused(/without credentials, query and fragment/, url(text))
  refused(/one witness-key for each witness-url/, ['--witness-url', 'https://w.example'])
  refused(/one witness-key for each witness-url/, ['--witness-key', WITNESS_KEYS[0]])
  refused(/one witness-key for each witness-url/, url('https://w1.example,https://w2.example'))
  refused(/no two witnesses have the same witness-key/, [
    ...['--witness-url', 'https://w1.example,https://w2.example'],
    ...['--witness-key', `${WITNESS_KEYS[0]},${WITNESS_KEYS[0]}`],
  ])
  const key = (text: string) => ['--witness-url', 'https://w.example', '--witness-key', text]
  refused(/--witness-key: the key of a log/, key('log.example+51aa5f6c+AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB'))
  refused(/--witness-key: .*has another id/, key(WITNESS_KEYS[0].replace('befa', 'beef')))
  const urls = 'https://W.example/a/, https://w.example/a,http://[::1]:7380'
  const config = read(['--witness-url', urls, '--witness-key', [...WITNESS_KEYS, THIRD_WITNESS_KEY].join()])
  const witnesses = witnessesOf(config).map(({ url: at, keys }) => [at, keys.map(({ name }) => name)])
  assert.deepEqual(witnesses, [
    ['https://w.example/a', ['w1.example', 'w2.example']],
    ['http://[::1]:7380', ['w1.example']],
  ])
  assert.deepEqual(witnessesOf(read([])), [])
})
