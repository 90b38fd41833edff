import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { jsonText, type Value } from '../src/index.ts'
import { jsonLength } from '../src/values/text.ts'
import { exceeded, outcomeOf, policyOf, refusal, valueOf } from './support/evaluate.ts'

/** Assignments x0 … xn, each made from the one before. */
function grown(first: string, next: (name: string) => string, count: number): string {
  const steps = Array.from({ length: count }, (_, i) => `x${i + 1} := ${next(`x${i}`)}`)
  return [`x0 := ${first}`, ...steps].join('\n  ')
}

const PAIRS = grown('[1]', (x) => `[${x}, ${x}]`, 60)

const HOSTILE: [what: string, limit: string, rules: string][] = [
  ['nested loops', 'steps', 'x := count([1 | some i in numbers.range(1, 10000); some j in numbers.range(1, 10000)])'],
  ['a long range', 'memory', 'x := numbers.range(1, 1000000000000)'],
  ['a string that doubles', 'memory', `x := count(x60) if {\n  ${grown('"aaaa"', (x) => `concat("", [${x}, ${x}])`, 60)}\n}`],
  ['a string whose characters double', 'steps', `x := count(x60) if {\n  ${grown('"aaaa"', (x) => `replace(${x}, "a", "aa")`, 60)}\n}`],
  ['an array that doubles', 'memory', `x := count(x60) if {\n  ${grown('[1]', (x) => `array.concat(${x}, ${x})`, 60)}\n}`],
  ['an integer that squares', 'memory', `x := x60 if {\n  ${grown('99999999999', (x) => `${x} * ${x}`, 60)}\n}`],
  ['a set of a shared structure', 'memory', `x := {x60} if {\n  ${PAIRS}\n}`],
  ['comparing shared structures', 'steps', `x if {\n  ${PAIRS}\n  ${PAIRS.replaceAll('x', 'y')}\n  x60 == y60\n}`],
  ['writing a shared structure as JSON', 'memory', `x := json.marshal(x60) if {\n  ${PAIRS}\n}`],
  ['writing a shared structure as YAML', 'memory', `x := yaml.marshal(x60) if {\n  ${PAIRS}\n}`],
  ['printing a shared structure', 'memory', `x := sprintf("%v", [x60]) if {\n  ${PAIRS}\n}`],
  ['a shared structure as the result', 'steps', `x := x60 if {\n  ${PAIRS}\n}`],
  ['walking a shared structure', 'memory', `x := count([1 | walk(x60, _)]) if {\n  ${PAIRS}\n}`],
  ['wide fields', 'memory', 'x := count([sprintf("%1000000d", [i]) | some i in numbers.range(1, 1000)])'],
  ['a large network', 'steps', 'x := count(net.cidr_expand("10.0.0.0/7"))'],
  [
    'functions that call one twice',
    'steps',
    `f0(a) := a\n${Array.from({ length: 40 }, (_, i) => `f${i + 1}(a) := f${i}(f${i}(a))`).join('\n')}\nx := f40(1)`,
  ],
  [
    'a very long chain of functions',
    'depth',
    `${Array.from({ length: 8000 }, (_, i) => `f${i}(a) := f${i + 1}(a)`).join('\n')}\nf8000(a) := a\nx := f0(1)`,
  ],
  [
    'deep JSON',
    'depth',
    'x := json.unmarshal(concat("", [concat("", ["[" | numbers.range(1, 200000)[_]]), concat("", ["]" | numbers.range(1, 200000)[_]])]))',
  ],
  [
    'templates that loop',
    'memory',
    'x := strings.render_template("{{range .a}}{{range $.a}}{{range $.a}}x{{end}}{{end}}{{end}}", {"a": numbers.range(1, 1000)})',
  ],
]

for (const [what, limit, rules] of HOSTILE) {
  test(`${what}: stopped by the limit of ${limit}`, () => {
    assert.equal(exceeded(rules, { limits: { milliseconds: 60_000, steps: 2_000_000, memory: 64 * 1024 * 1024 } }), limit)
  })
}

test('rules that need one another in a long chain have a value', () => {
  const chain = (length: number) => `${Array.from({ length }, (_, i) => `r${i} := r${i + 1}`).join('\n')}\nr${length} := 1`
  assert.equal(valueOf(`${chain(3000)}\nx := r0`), 1)
  assert.equal(valueOf(`${chain(1000)}\nf(a) := a + r0\nx contains v if { some i in [1, 2]; v := f(i) }`)?.toString(), '2,3')
})

test('wall time is limited', () => {
  const rules = 'x := count([1 | some i in numbers.range(1, 10000); some j in numbers.range(1, 10000)])'
  const started = performance.now()
  assert.equal(
    exceeded(rules, { limits: { milliseconds: 30, steps: Number.MAX_SAFE_INTEGER, memory: Number.MAX_SAFE_INTEGER } }),
    'milliseconds',
  )
  assert.ok(performance.now() - started < 5_000)
})

test('the result is limited by its length as JSON', () => {
  const rules = 'x := [text | some i in numbers.range(1, 1000); text := "0123456789"]'
  assert.equal(exceeded(rules, { limits: { resultBytes: 10_000 } }), 'resultBytes')
  assert.equal(exceeded(rules, { limits: { resultBytes: 20_000 } }), 'nothing')
})

test('that length is the length of the JSON text, whatever the value', () => {
  fc.assert(
    fc.property(fc.jsonValue({ stringUnit: 'binary' }), (value) => {
      assert.equal(jsonLength(value as Value, Infinity), jsonText(value as Value).length)
    }),
  )
  const rules = 'x := {"set": {"b", "a"}, 1.50: [{[1]}, true, null], "empty": [set(), {}, []], "long": 123456789012345678901234567890}'
  const text = jsonText(valueOf(rules) as Value)
  const around = '[[{},[]]]'.length
  assert.equal(exceeded(rules, { limits: { resultBytes: text.length + around } }), 'nothing')
  assert.equal(exceeded(rules, { limits: { resultBytes: text.length + around - 1 } }), 'resultBytes')
})

test('regular expressions are linear, and their work is limited', () => {
  const rules = 'x := regex.match("(a*)*b", input)'
  const input = 'a'.repeat(50_000)
  assert.equal(valueOf(rules, { input }), false)
  assert.equal(exceeded(rules, { input, limits: { regexWork: 10_000 } }), 'regexWork')
  assert.equal(exceeded('x if regex.is_valid("((((a{1,30}){1,30}){1,30}){1,30})b")'), 'nothing')
})

test('searching again and again in a long text is stopped by the clock', () => {
  const started = performance.now()
  const options = { input: 'a'.repeat(200_000), limits: { milliseconds: 200 } }
  assert.equal(exceeded('x := count(regex.find_n(".*?b|a", input, -1))', options), 'milliseconds')
  assert.ok(performance.now() - started < 5_000)
})

test('patterns that make too many copies are refused', () => {
  assert.equal(valueOf('x := regex.is_valid(input)', { input: '(a{1000})'.repeat(900) }), false)
  assert.equal(valueOf('x := regex.is_valid(input)', { input: '(a{1000})'.repeat(9) }), true)
})

test('globs of many stars are linear', () => {
  assert.equal(valueOf('x := glob.match("*a*a*a*a*a*a*a*a*a*a*a*a*b", [], input)', { input: 'a'.repeat(20_000) }), false)
})

test('YAML aliases do not multiply', () => {
  const lines = [
    'a: &a [x,x,x,x,x,x,x,x]',
    ...['b', 'c', 'd', 'e', 'f', 'g'].map((name, i) => `${name}: &${name} [${Array(8).fill(`*${'abcdef'[i]}`).join()}]`),
  ]
  assert.equal(valueOf('x := yaml.unmarshal(input)', { input: lines.join('\n') }), undefined)
})

test('input that is too deep is a limit, not a crash', () => {
  const nested: unknown = JSON.parse('['.repeat(100_000) + ']'.repeat(100_000))
  for (const rules of [
    'x := {input}',
    'x := input',
    'x := input == [input]',
    'x := json.marshal(input)',
    'x := count([1 | walk(input, _)])',
  ])
    assert.match(exceeded(rules, { input: nested }), /^(depth|steps|memory|nothing)$/)
})

test('input that is not JSON is refused where it is read', () => {
  assert.throws(() => outcomeOf('x := {input}', { input: Number.NaN }), /not finite/)
  assert.throws(() => outcomeOf('x := type_name(input.f)', { input: { f: () => 1 } }), /function/)
})

test('sources that are nested too deeply or too long are refused', () => {
  for (const source of [
    '('.repeat(50_000),
    '['.repeat(50_000),
    '{'.repeat(50_000),
    '{a|'.repeat(5_000),
    '[a|'.repeat(180),
    '$"{'.repeat(1000),
    'a[b'.repeat(5_000),
  ])
    assert.equal(refusal(`package p\nx = ${source}`).code, 'rego_parse_error')
  assert.equal(refusal(`package p\nx = 1${'+1'.repeat(50_000)}`).code, 'rego_compile_error')
  assert.equal(refusal(`package p\n${'#\n'.repeat(3_000_000)}`).code, 'rego_parse_error')
})

test('large sources compile in time that grows with them', () => {
  const started = performance.now()
  policyOf(`package p\nx { ${Array.from({ length: 2000 }, (_, i) => `v${i} = v${i + 1}`).join('\n')}\nv2000 = 1 }`)
  policyOf(`package p\n${Array.from({ length: 5000 }, (_, i) => `r${i} = ${i}`).join('\n')}`)
  policyOf(`package p\nx = input${'.a'.repeat(20_000)}`)
  assert.ok(performance.now() - started < 10_000)
})
