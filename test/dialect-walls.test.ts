// A wire's words stay in its edge: nothing else of the server, nor the packages below it, speaks them.
import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { EHSM_REFUSAL_CODES, EhsmRefusal } from '../packages/server/src/ehsm/refusals.ts'
import * as ehsm from '../packages/server/src/ehsm/sentences.ts'
import * as gta from '../packages/server/src/gta/sentences.ts'

const SERVER = 'packages/server/src/'
/** The edges of published APIs: each has its own words. */
const EDGES = ['ehsm', 'gta']

/** Beginnings of the attestation authority's sentences that go on with values. */
const GTA_BEGINNINGS = [
  'The imported certificate is invalid',
  'CRL next update time is timeout',
  'incorrect format error',
  'Failed to verify',
  'Incorrect formatting of input parameters',
  'Policy not found',
  'Strategy content is greater',
  'Strategy has reached',
  'Syntax error when sample output',
  'Policy verification failed',
  'is not exist',
  'Plugin not found',
  'Evidence verification failed',
  'Nonce verification failed',
  'Challenge verification failed',
  'Token generation failed',
]

/** Attestation that is the same for every kind of evidence. */
const NEUTRAL_ATTESTATION = [
  'attest.ts',
  'nonces.ts',
  'tokens.ts',
  'check.ts',
  'policies/**/*.ts',
  'baselines/**/*.ts',
  'appraisal/**/*.ts',
]
const TPM_WORDS = /tpm|pcr|ima(?![a-z])|boot_?log/i

function read(...patterns: string[]): { path: string; text: string }[] {
  const root = new URL('..', import.meta.url)
  const paths = globSync(patterns, { cwd: root })
  assert.notEqual(paths.length, 0, patterns.join(' '))
  return paths.sort().map((path) => ({ path, text: readFileSync(new URL(path, root), 'utf8') }))
}

/** Every sentence of an edge that is a constant. */
function constants(...tables: Readonly<Record<string, unknown>>[]): string[] {
  return tables.flatMap((table) => Object.values(table)).filter((sentence) => typeof sentence === 'string')
}

test('no word of the eHSM API outside its edge, its operations and its client', () => {
  const home = /^packages\/(server\/src\/ehsm|client|operations)\//
  const strangers = read('packages/*/src/**/*.ts', 'tools/**/*.ts').filter(({ path, text }) => !home.test(path) && /EH_[A-Z]/.test(text))
  assert.deepEqual(
    strangers.map(({ path }) => path),
    [],
  )
})

test('no sentence of an API outside the edges', () => {
  const sentences = [
    ...constants(ehsm.SENTENCES, ...Object.values(ehsm.SENTENCES_BY_ACTION)),
    ...EHSM_REFUSAL_CODES.map((code) => new EhsmRefusal(code).message),
    ...constants(gta.SENTENCES, gta.DUPLICATES, gta.CHANGED),
    ...GTA_BEGINNINGS,
  ]
  assert.ok(sentences.length > 60)
  const found = read(`${SERVER}**/*.ts`, 'packages/crypto/src/**/*.ts')
    .filter(({ path }) => !EDGES.some((edge) => path.startsWith(`${SERVER}${edge}/`)))
    .flatMap(({ path, text }) => sentences.filter((sentence) => text.includes(sentence)).map((sentence) => `${path}: ${sentence}`))
  assert.deepEqual(found, [])
})

test('no word of TPMs where attestation is the same for every kind of evidence', () => {
  const found = read(...NEUTRAL_ATTESTATION.map((pattern) => `${SERVER}attestation/${pattern}`)).flatMap(({ path, text }) =>
    text.split('\n').flatMap((line, index) => (TPM_WORDS.test(line) ? [`${path}:${index + 1}: ${line.trim()}`] : [])),
  )
  assert.deepEqual(found, [])
})
