import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compile, RegoError } from '../src/index.ts'
import { failureOf, policyOf, refusal } from './support/evaluate.ts'

type Row = [what: string, code: string, source: string, message: RegExp, row: number, column: number]

const V1 = 'package p\nimport rego.v1\n'
const ROWS: Row[] = [
  ['no package', 'rego_parse_error', 'x = 1', /package expected/, 1, 1],
  ['an unclosed body', 'rego_parse_error', 'package p\nx {\n  1 == 1\n', /unexpected end of input/, 4, 1],
  ['an unclosed string', 'rego_parse_error', 'package p\nx = "abc', /non-terminated string/, 2, 5],
  ['a bad escape', 'rego_parse_error', 'package p\nx = "\\q"', /illegal escape/, 2, 6],
  ['a character of no token', 'rego_parse_error', 'package p\nx = ?', /illegal token/, 2, 5],
  ['a number with a name at its end', 'rego_parse_error', 'package p\nx = 1abc', /illegal number/, 2, 5],
  ['an empty body', 'rego_parse_error', 'package p\nx { }', /empty body/, 2, 5],
  ['two expressions on one line', 'rego_parse_error', 'package p\nx { true false }', /expected \\n or ;/, 2, 10],
  ['a bare name', 'rego_parse_error', 'package p\nx', /var cannot be used for rule name/, 2, 1],
  ['an unknown import', 'rego_parse_error', 'package p\nimport foo.bar', /unexpected import path/, 2, 1],
  ['an unknown keyword', 'rego_parse_error', 'package p\nimport future.keywords.maybe', /unexpected keyword/, 2, 1],
  ['a default with a body', 'rego_parse_error', 'package p\ndefault x = 1 { true }', /must not have a body/, 2, 15],
  ['a wildcard as a rule', 'rego_parse_error', 'package p\n_ = 1', /wildcard/, 2, 1],
  ['else of a set', 'rego_parse_error', `${V1}x contains 1 if false else := 2`, /multi-value/, 3, 23],
  ['a body without if in v1', 'rego_parse_error', `${V1}x { true }`, /`if` keyword is required/, 3, 1],
  ['with on some', 'rego_parse_error', 'package p\nx { some y with input as 1 }', /unexpected with/, 2, 5],
  ['a variable assigned twice', 'rego_compile_error', 'package p\nx { y := 1; y := 2 }', /var y assigned above/, 2, 13],
  ['a variable declared twice', 'rego_compile_error', 'package p\nx { some y; some y; y = 1 }', /var y declared above/, 2, 18],
  ['a variable used before its declaration', 'rego_compile_error', 'package p\nx { y = 1; y := 2 }', /var y referenced above/, 2, 12],
  ['a declared variable that is not used', 'rego_compile_error', 'package p\nx { some y; true }', /declared var y unused/, 2, 10],
  ['assigning to a call', 'rego_compile_error', 'package p\nx { count([]) := 1 }', /cannot assign to call/, 2, 5],
  ['a rule called input', 'rego_compile_error', `${V1}input := 1`, /must not shadow input/, 3, 1],
  ['an import twice', 'rego_compile_error', `${V1}import data.a\nimport data.b.a\nx := a`, /must not shadow import/, 4, 1],
  ['else of a partial object', 'rego_compile_error', 'package p\nx[y] = 1 { y = 1 } else = 2', /partial rules/, 2, 1],
  ['a rule of two kinds', 'rego_type_error', 'package p\nx = 1\nx[y] { y = 1 }', /conflicting rules data\.p\.x found/, 3, 1],
  ['two defaults', 'rego_type_error', 'package p\ndefault x = 1\ndefault x = 2', /multiple default rules data\.p\.x found/, 3, 1],
  ['functions of different arity', 'rego_type_error', 'package p\nf(a) = a\nf(a, b) = a', /conflicting rules data\.p\.f found/, 3, 1],
  ['a rule below a rule', 'rego_type_error', 'package p\nx = 1\nx.y = 2', /rule data\.p\.x conflicts with \[data\.p\.x\.y\]/, 2, 1],
  ['an unknown function', 'rego_type_error', 'package p\nx { nope(1) }', /undefined function nope/, 2, 5],
  ['too many arguments', 'rego_type_error', 'package p\nx { count([], 1, 2) }', /count: too many arguments/, 2, 5],
  ['too few arguments', 'rego_type_error', 'package p\nx { startswith("a") }', /startswith: too few arguments/, 2, 5],
  ['a constant of a wrong kind', 'rego_type_error', 'package p\nx { startswith("a", 1) }', /operand 2 is number[\s\S]*want: string/, 2, 5],
  ['an unbound variable', 'rego_unsafe_var_error', 'package p\nx { y > 1 }', /var y is unsafe/, 2, 5],
  ['an unbound variable in a head', 'rego_unsafe_var_error', 'package p\nx = y { true }', /var y is unsafe/, 2, 5],
  ['a variable that only negation mentions', 'rego_unsafe_var_error', 'package p\nx { not input.a[y] }', /var y is unsafe/, 2, 5],
  ['a variable that is compared only', 'rego_unsafe_var_error', `${V1}x if y == input.a`, /var y is unsafe/, 3, 6],
  ['a circle of variables', 'rego_unsafe_var_error', 'package p\nx { a = b + 1; b = a + 1 }', /var a is unsafe/, 2, 5],
  ['a rule of itself', 'rego_recursion_error', 'package p\nx { x }', /rule data\.p\.x is recursive: data\.p\.x -> data\.p\.x/, 2, 1],
  [
    'a circle of rules',
    'rego_recursion_error',
    'package p\na { b }\nb { c }\nc { a }',
    /data\.p\.a -> data\.p\.b -> data\.p\.c -> data\.p\.a/,
    2,
    1,
  ],
  ['a function of itself', 'rego_recursion_error', 'package p\nf(n) = f(n - 1)', /rule data\.p\.f is recursive/, 2, 1],
  ['a rule that looks at all of data', 'rego_recursion_error', 'package p\nx = data[y] { y = "a" }', /is recursive/, 2, 1],
]

for (const [what, code, source, message, row, column] of ROWS) {
  test(`${what} is a ${code} at its place`, () => {
    const { faults } = refusal(source, source.includes('rego.v1') ? {} : { version: 'v0' })
    const [first] = faults
    assert.equal(first?.code, code)
    assert.match(first.message, message)
    assert.deepEqual([first.location?.row, first.location?.column], [row, column])
  })
}

test('an excerpt shows the line with a caret below the place', () => {
  const error = refusal('package p\n\nallow {\n\tinput.user == user\n}')
  assert.equal(error.faults[0]?.excerpt, ' input.user == user\n ^')
  assert.match(error.message, /^policy\.rego:4:2: rego_unsafe_var_error: var user is unsafe\n\t/)
})

test('all faults of a stage are reported, at most ten', () => {
  const source = Array.from({ length: 20 }, (_, i) => `p${i} { y${i} > 1 }`).join('\n')
  assert.equal(refusal(`package p\n${source}`).faults.length, 10)
})

test('a source that is neither v0 nor v1 shows both errors', () => {
  const error = refusal('package p\nx if { y := := 1 }')
  assert.deepEqual(
    error.faults.map(({ message }) => /read as (v\d)/.exec(message)?.[1]),
    ['v0', 'v1'],
  )
})

test('a package and a rule of one path are a conflict', () => {
  assert.throws(
    () =>
      compile([
        { file: 'a.rego', source: 'package a\nb = 1' },
        { file: 'b.rego', source: 'package a.b\nc = 1' },
      ]),
    (error: RegoError) => error.code === 'rego_type_error' && /package data\.a\.b conflicts with rule data\.a\.b/.test(error.message),
  )
})

test('errors of built-ins name the call and its place when they are asked for, else the call is undefined', () => {
  const source = 'package p\nx = y {\n\ty := 1 / input.zero\n}'
  const policy = policyOf(source)
  assert.equal(policy.evaluate({ query: 'data.p.x', input: { zero: 0 } }).result, undefined)
  assert.throws(
    () => policy.evaluate({ query: 'data.p.x', input: { zero: 0 }, strict: true }),
    (error: { code: string; message: string; location: { row: number } }) =>
      error.code === 'eval_builtin_error' && error.message === 'div: divide by zero' && error.location.row === 3,
  )
})

test('operands of a wrong kind are eval_type_error', () => {
  const error = failureOf('x := startswith(input, "a")', { input: 7 })
  assert.deepEqual([error.code, error.message], ['eval_type_error', 'startswith: operand 1 must be string but got number'])
})

test('contradictions are eval_conflict_error, with the rule that has them', () => {
  const complete = failureOf('x := y if some y in [1, 2]')
  assert.deepEqual([complete.code, complete.location?.row], ['eval_conflict_error', 5])
  assert.equal(failureOf('f(a) := b if some b in [a, 2]\nx := f(1)').message, 'functions must not produce multiple outputs for same inputs')
  assert.equal(failureOf('x[k] := v if { k := "a"; some v in [1, 2] }').message, 'object keys must be unique')
  assert.equal(failureOf('x := {k: v | k := "a"; some v in [1, 2]}').message, 'object keys must be unique')
})

test('a query that is wrong is refused as a policy is', () => {
  const policy = policyOf('package p\nx = 1')
  for (const [query, code] of [
    ['data.p.x ==', 'rego_parse_error'],
    ['', 'rego_parse_error'],
    ['y > 1', 'rego_unsafe_var_error'],
    ['nope(1)', 'rego_type_error'],
  ] as const)
    assert.throws(
      () => policy.evaluate({ query }),
      (error: RegoError) => error.code === code && error.faults[0]?.location?.file === 'query',
    )
})
