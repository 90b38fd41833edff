import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { BUILTINS } from '../src/index.ts'
import { policyOf } from './support/evaluate.ts'

const TEXTS = [
  '',
  'a',
  'é🥲',
  '1.5e3',
  '10.0.0.0/8',
  '::1',
  '2020-01-02T03:04:05Z',
  '2006-01-02',
  '[a-z]*',
  '{{.a}}',
  '{"a": [1]}',
  'a: [1]',
  'eyJhbGciOiJIUzI1NiJ9.e30.AA',
  'AAAA',
  '%zz',
  '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----',
  '%5.2f %v %[9]d',
  '\ud800',
  '1.2.3-a',
  '1h2m',
  'UTC',
  'Nowhere/Zone',
  '#/definitions/a',
  '\\',
]

const scalar = fc.oneof(
  fc.constantFrom(null, true, false, 0, -1, 1.5, 1e21, 2 ** 53, -0),
  fc.integer(),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.constantFrom(...TEXTS),
  fc.string({ unit: 'binary', maxLength: 8 }),
)
const { value } = fc.letrec((tie) => ({
  value: fc.oneof({ depthSize: 'small' }, scalar, tie('array'), tie('object')),
  array: fc.array(tie('value'), { maxLength: 4 }),
  object: fc.dictionary(
    fc.constantFrom('a', 'b', 'op', 'path', 'value', 'alg', 'kty', 'k', 'type', '$ref', 'properties', '__proto__', 'cert', 'secret'),
    tie('value'),
    { maxKeys: 4 },
  ),
}))

// One policy calls each built-in with operands from the input, as they are and as sets.
const names = [...BUILTINS.values()].filter(({ name }) => /^[a-z]/.test(name) && name !== 'trace' && name !== 'print')
const rules = names.map(({ name, args }, i) => {
  const operands = args.map((_, n) => `input[${n}]`)
  const sets = args.map((_, n) => `{v | v := input[${n}][_]}`)
  return `r${i} := ${name}(${operands.join(', ')})\ns${i} := ${name}(${sets.join(', ')})`
})
// Comparing with a fresh value of its own keeps the compiler from knowing that a set is no string.
const policies = rules.flatMap((pair, i) => {
  const texts = pair.split('\n')
  return texts.flatMap((text, n) => {
    try {
      return [{ name: names[i]!.name, query: `data.p.${n === 0 ? 'r' : 's'}${i}`, policy: policyOf(`package p\nimport rego.v1\n${text}`) }]
    } catch {
      // The compiler refuses a set where none can stand.
      return []
    }
  })
})

test('built-ins take any operands without a crash, and give the same result twice', () => {
  fc.assert(
    fc.property(fc.array(value, { minLength: 4, maxLength: 4 }), fc.integer({ min: 0, max: policies.length - 1 }), (input, at) => {
      for (let i = 0; i < 8; i++) {
        const { name, policy, query } = policies[(at + i * 37) % policies.length]!
        const options = { query, input, seed: 's', now: 0, limits: { milliseconds: 2000, steps: 500_000 } }
        const run = (): unknown => {
          try {
            return policy.evaluate(options).result
          } catch (error) {
            assert.match((error as Error).name, /^(LimitError|EvaluationError)$/, `${name}: ${(error as Error).stack}`)
            return (error as Error).message
          }
        }
        assert.deepEqual(run(), run(), name)
      }
    }),
    { numRuns: 1500 },
  )
})
