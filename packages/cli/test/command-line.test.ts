import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openTerminal } from '@vouchsafe/testkit/terminal'
import { printable } from '@vouchsafe/command'
import { expiry } from '../src/expiry.ts'
import { shortSpec } from '@vouchsafe/client'
import { keySpec } from '../src/names.ts'
import { VOUCHSAFE } from '../src/run.ts'

const { commands: COMMANDS } = VOUCHSAFE

const help = ['help', 'server', 'enroll', 'encrypt', 'decrypt', 'sign', 'verify', 'run', 'version']
const keys = ['list', 'create', 'show', 'enable', 'disable', 'delete', 'restore', 'import', 'set', 'extend'].map((word) => `keys ${word}`)
const secrets = ['create', 'put', 'get', 'list', 'versions', 'describe', 'delete', 'restore'].map((word) => `secrets ${word}`)
const rotation = ['set', 'show', 'remove', 'now'].map((word) => `secrets rotation ${word}`)
const policy = ['check', 'eval', 'test', 'fmt', 'bench', 'set', 'update', 'get', 'delete'].map((word) => `policy ${word}`)
const tpm = ['info', 'pcrs', 'quote', 'verify-quote', 'eventlog', 'diff', 'ima'].map((word) => `tpm ${word}`)
const quote = ['quote show', 'quote verify', 'quote generate', 'quote simulated', 'quote-policies list', 'quote-policies delete']
const authority = [
  'users keys create',
  'users keys list',
  'users keys revoke',
  ...['list', 'rotate', 'import', 'retire'].map((word) => `signing-keys ${word}`),
  ...['set', 'update', 'get', 'delete'].flatMap((word) => [`cert ${word}`, `baseline ${word}`]),
  ...['set', 'get', 'delete'].map((word) => `ak enrolments ${word}`),
  ...['ak certs get', 'ak certs revoke', 'ak authority'],
  ...['baseline make', 'nonce get', 'attest', 'token verify', 'register new', 'register refresh'],
]

const operators = [
  ...['list', 'show', 'set', 'disable', 'enable', 'rotate-key'].map((name) => `apps ${name}`),
  ...['create', 'list', 'revoke'].map((name) => `enroll-tokens ${name}`),
  ...['seal show', 'seal rotate', 'domain-key rotate', 'backup', 'restore', 'audit query'],
  ...['query', 'checkpoint', 'export', 'verify', 'prove', 'prune', 'check'].map((name) => `trail ${name}`),
]

test('the table holds every documented command once', () => {
  assert.deepEqual(
    COMMANDS.map((command) => command.name).sort(),
    [...help, ...keys, ...secrets, ...rotation, ...policy, ...tpm, ...quote, ...authority, ...operators].sort(),
  )
})

test('help lists every command, also as --help and -h, and each command explains all its options', async () => {
  await using terminal = await openTerminal()
  for (const word of ['help', '--help', '-h']) {
    const { code, text } = await terminal.vouchsafe([word])
    assert.equal(code, 0)
    for (const command of COMMANDS) assert.ok(text.includes(`\n  ${command.name} `), command.name)
  }
  for (const command of COMMANDS.filter((each) => !each.verbatim)) {
    for (const words of [
      [...command.name.split(' '), '--help'],
      ['help', ...command.name.split(' ')],
    ]) {
      const { code, text } = await terminal.vouchsafe(words)
      assert.equal(code, 0)
      if (command.name === 'help') continue
      for (const option of [...Object.keys(command.options), 'json', 'help'])
        assert.ok(text.includes(`--${option}`), `${words.join(' ')}: --${option}`)
    }
  }
})

test('help of a group lists its commands and no others', async () => {
  await using terminal = await openTerminal()
  for (const [group, names] of [
    ['keys', keys],
    ['secrets', [...secrets, ...rotation]],
    ['secrets rotation', rotation],
    ['tpm', tpm],
  ] as const) {
    for (const words of [
      [...group.split(' '), '--help'],
      [...group.split(' '), '-h'],
      ['help', ...group.split(' ')],
    ]) {
      const { code, text } = await terminal.vouchsafe(words)
      assert.equal(code, 0)
      const listed = COMMANDS.filter(({ name }) => text.includes(`\n  ${name} `)).map(({ name }) => name)
      assert.deepEqual(listed.sort(), [...names].sort())
    }
  }
})

test("no option anywhere takes an apikey or a secret's value", () => {
  for (const command of COMMANDS)
    for (const [option, { value }] of Object.entries(command.options)) {
      // The one of `run` takes a secret's name.
      if (command.name === 'run' && option === 'secret') assert.equal(value, 'NAME=ENVVAR')
      // Policies look into a document of this name.
      else if (['policy eval', 'policy bench'].includes(command.name) && option === 'data') assert.equal(value, 'FILE')
      // Of the attestation authority: only in a file.
      else if (option === 'apikey') assert.equal(value, '@FILE')
      else assert.doesNotMatch(option, /api-?key|secret|password|value|data$/i)
    }
})

const WRONG: [args: string[], message: RegExp][] = [
  [[], /which command\?/],
  [['kyes', 'list'], /unknown command 'kyes'; did you mean 'keys'\?/],
  [['disable', 'x'], /unknown command 'disable'; did you mean 'keys disable'\?/],
  [['frobnicate'], /unknown command 'frobnicate'; 'vouchsafe help' lists them/],
  [['keys'], /'keys' needs one of: list, create,/],
  [['keys', 'lsit'], /unknown command 'keys lsit'; did you mean 'list'\?/],
  [['keys', 'list', '--profil', 'x'], /unknown option '--profil'; did you mean '--profile'\?/],
  [['keys', 'list', '--no-profile'], /unknown option '--no-profile'; did you mean '--profile'\?/],
  [['keys', 'list', '-x'], /unknown option '-x'/],
  [['keys', 'list', '--profile'], /--profile.*argument missing/],
  [['keys', 'list', '--deleted=yes'], /--deleted.*does not take an argument/],
  [['keys', 'list', 'extra'], /unexpected argument 'extra'/],
  [['keys', 'list', '--app', 'x'], /go with --deleted/],
  [['keys', 'show'], /ID is missing/],
  [['keys', 'create', 'aes-gcm-257'], /unknown key spec 'aes-gcm-257'; did you mean 'aes-gcm-256'\?/],
  [['keys', 'create', 'sm2', '--usage', 'wrap'], /--usage must be one of: encrypt, sign/],
  [['keys', 'create', 'sm2', '--digest', 'constructor'], /--digest must be one of: sha224,/],
  [['keys', 'create', 'sm2', '--expires', 'tomorrow'], /--expires must be/],
  [['keys', 'set', 'x'], /--alias is missing/],
  [['keys', 'extend', 'x'], /--expires is missing/],
  [['keys', 'delete'], /give the ID of a key, or --all/],
  [['keys', 'delete', 'x', '--all'], /give the ID of a key, or --all/],
  [['verify', 'x'], /--signature FILE is missing/],
  [['verify', 'x', '--signature', '-'], /cannot both be standard input/],
  [['sign', 'x', '--padding', 'oaep'], /--padding must be one of: pss, pkcs1/],
  [['apps', 'set', 'x'], /no setting given/],
  [['secrets'], /'secrets' needs one of: create, .*, rotation set, rotation show,/],
  [['secrets', 'gte', 'x'], /unknown command 'secrets gte'; did you mean 'get'\?/],
  [['secrets', 'rotation'], /'secrets rotation' needs one of: set, show, remove, now/],
  [['secrets', 'rotation', '--json'], /'secrets rotation' needs one of: set, show, remove, now/],
  [['secrets', 'rotation', 'shwo'], /unknown command 'secrets rotation shwo'; did you mean 'show'\?/],
  [['secrets', 'create'], /NAME is missing/],
  [['secrets', 'create', 'x', 'value'], /unexpected argument 'value'/],
  [['secrets', 'create', 'x', '--rotate-every', '30'], /--rotate-every must be/],
  [['secrets', 'create', 'x', '--rotate-every', '30d,'], /--rotate-every must be/],
  [['secrets', 'get', 'x', '--version', '0'], /--version must be a whole number from 1 to/],
  [['secrets', 'get', 'x', '--version', '1.5'], /--version must be a whole number from 1 to/],
  [['secrets', 'get', 'x', '--version', '9007199254740992'], /--version must be a whole number from 1 to/],
  [['secrets', 'delete', 'x', '--recovery-days', '366'], /--recovery-days must be a whole number from 1 to 365/],
  [['secrets', 'delete', 'x', '--recovery-days', '7', '--force'], /not both/],
  [['run'], /COMMAND is missing: vouchsafe run \[options\] -- COMMAND/],
  [['run', '--secret', 'a=B', '--'], /COMMAND is missing/],
  [['run', '--secret', 'a=B', 'env'], /come after '--'/],
  [['run', '--secret', 'a=B', 'env', '-i', '--', 'x'], /come after '--'/],
  [['run', '--', 'env'], /--secret NAME=ENVVAR is missing/],
  [['run', '--secret', 'a', '--', 'env'], /'a' is not of the form NAME=ENVVAR/],
  [['run', '--secret', '=B', '--', 'env'], /'=B' is not of the form NAME=ENVVAR/],
  [['run', '--secret', 'a=', '--', 'env'], /is not a name for an environment variable/],
  [['run', '--secret', 'a=1B', '--', 'env'], /is not a name for an environment variable/],
  [['run', '--secret', 'a=B C', '--', 'env'], /is not a name for an environment variable/],
  [['run', '--secret', 'a=B', '--secret', 'c=B', '--', 'env'], /B is given twice/],
  [['help', 'secrets', 'nothing'], /unknown command 'secrets nothing'/],
  [['help', 'nothing'], /unknown command 'nothing'/],
  [['--json', 'help'], /options come after the command/],
  [['version', '--url', 'localhost:9000'], /the server address must be|must begin with/],
]

for (const [args, message] of WRONG) {
  test(`a wrong command line is refused with exit code 2 and one line: vouchsafe ${args.join(' ')}`, async () => {
    await using terminal = await openTerminal()
    const { code, text, stderr } = await terminal.vouchsafe(args)
    assert.equal(code, 2)
    assert.equal(text, '')
    assert.match(stderr, message)
    assert.equal(stderr.trim().split('\n').length, 1)
  })
}

test('with --json, errors are one JSON document on stderr', async () => {
  await using terminal = await openTerminal()
  const usage = await terminal.vouchsafe(['keys', 'show', '--json'])
  assert.deepEqual([usage.code, usage.text, Object.keys(JSON.parse(usage.stderr) as object)], [2, '', ['error']])
  const failure = await terminal.vouchsafe(['keys', 'list', '--json'])
  assert.equal(failure.code, 1)
  assert.match((JSON.parse(failure.stderr) as { error: string }).error, /there is no profile 'default'/)
})

test('expiry takes days from now and UTC dates, and refuses the past, impossible dates and everything else', () => {
  const now = Date.UTC(2026, 10, 22, 12)
  assert.equal(expiry('90d', now), now + 90 * 86_400_000)
  assert.equal(expiry('2030-12-31', now), Date.UTC(2030, 11, 31))
  assert.equal(expiry('2030-12-31T12:30', now), Date.UTC(2030, 11, 31, 12, 30))
  assert.equal(expiry('2030-12-31T12:30:15Z', now), Date.UTC(2030, 11, 31, 12, 30, 15))
  assert.equal(expiry('2030-12-31T12:30+02:00', now), Date.UTC(2030, 11, 31, 10, 30))
  for (const past of ['2026-11-22', '2026-11-22T11:59', '1970-01-01']) assert.throws(() => expiry(past, now), /in the future/)
  for (const wrong of [
    '',
    '0d',
    '-1d',
    '1.5d',
    '999999d',
    'd',
    '2030',
    '2030-2-3',
    '2030-02-30',
    '2030-13-01',
    '2030-12-31T25:00',
    '31.12.2030',
    '2030-12-31 12:00',
  ])
    assert.throws(() => expiry(wrong, now), /--expires must be/, wrong)
})

test('key specs have a short spelling', () => {
  for (const [short, spec] of [
    ['aes-gcm-256', 'EH_AES_GCM_256'],
    ['EC-P256K', 'EH_EC_P256K'],
    ['EH_SM4_CBC', 'EH_SM4_CBC'],
    ['hmac', 'EH_HMAC'],
  ] as const)
    assert.equal(keySpec(short), spec)
  assert.equal(shortSpec('EH_RSA_3072'), 'rsa-3072')
})

test('text from elsewhere cannot steer the terminal', () => {
  assert.equal(printable('a\u001b[2Jb\nc\u202e é🔑'), 'a\\u001b[2Jb\\u000ac\\u202e é🔑')
})
