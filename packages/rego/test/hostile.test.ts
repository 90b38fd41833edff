// Policies that ask for as much as they can: each is stopped by a limit, whose work was charged before it was done, and the memory that the
// process holds stays near the limit. Time is looked at only as a guard against hanging.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BUILTINS, compile, LimitError } from '../src/index.ts'

const isFull = process.env['VOUCHSAFE_TEST_FULL'] !== undefined
const SEED = Number(process.env['VOUCHSAFE_TEST_SEED'] ?? 1)
/** Characters of the long operands. */
const LONG = isFull ? 1_000_000 : 100_000
const LIMITS = { milliseconds: isFull ? 1_000 : 100, memory: 128 * 1024 * 1024 }
/** How much longer a policy may take, and how much more the process may hold, on a busy machine. */
const GUARD_MS = 50 * LIMITS.milliseconds
const GUARD_BYTES = 6 * LIMITS.memory

const doubling = (first: string, next: (name: string) => string): string =>
  `x := count(x40) if {\n x0 := ${first}\n${Array.from({ length: 40 }, (_, i) => ` x${i + 1} := ${next(`x${i}`)}`).join('\n')}\n}`
const repeated = (call: string): string => `x := count([1 | some i in numbers.range(1, 1000000); r := ${call}])`

/** What held a thread for seconds beyond its limit, or took gigabytes, before built-ins were charged by their operands. */
const KNOWN: readonly string[] = [
  doubling('"aaaa"', (x) => `replace(${x}, "a", "aa")`),
  doubling('"aaaa"', (x) => `replace(${x}, "", "b")`),
  doubling('"ä"', (x) => `concat("", [${x}, ${x}])`),
  doubling('"a"', (x) => `sprintf("%s%s", [${x}, ${x}])`),
  doubling('"a"', (x) => `strings.reverse(concat("", [${x}, ${x}]))`),
  doubling('"a"', (x) => `strings.render_template("{{.v}}{{.v}}", {"v": ${x}})`),
  doubling('"a"', (x) => `json.marshal([${x}, ${x}])`),
  doubling('"a"', (x) => `hex.encode(${x})`),
  doubling('{1}', (x) => `{y | some a in ${x}; some b in [0, 1]; y := [a, b]}`),
  repeated('net.cidr_is_valid(input.a)'),
  repeated('base64.is_valid(input.a)'),
  repeated('regex.is_valid(sprintf("(a|b)*%d{1,900}", [i]))'),
  repeated('regex.match(sprintf("\\\\pL+%d$", [i]), "abc")'),
  repeated('regex.match("\\\\b\\\\pL+\\\\b(x)", input.a)'),
  repeated('{concat("", [input.a, "x"]), concat("", [input.a, "y"])} == {concat("", [input.a, "x"]), concat("", [input.a, "z"])}'),
  repeated('trim(input.a, "a")'),
  repeated('indexof_n(input.a, "a")'),
  repeated('strings.render_template(input.template, {"a": 1})'),
  repeated('split(input.a, "")'),
  repeated('yaml.unmarshal(input.map)'),
  repeated('semver.compare(input.version, "1.0.0")'),
  repeated('1.5 * input.integer'),
  repeated('rand.intn(sprintf("%d", [i]), input.integer)'),
  repeated('time.format([i, "UTC", input.a])'),
  repeated('array.flatten(input.list)'),
]

const TEXTS = {
  a: 'a'.repeat(LONG),
  wide: 'ä😀'.repeat(LONG / 4),
  template: '{{.a}}'.repeat(LONG / 6),
  percent: '%1000d'.repeat(LONG / 6),
  json: `[${'{"a":1},'.repeat(LONG / 8)}1]`,
  deep: '['.repeat(LONG),
  map: Array.from({ length: LONG / 8 }, (_, i) => `k${i}: 1`).join('\n'),
  query: 'a=%41&'.repeat(LONG / 6),
  version: `1.2.${'3'.repeat(LONG)}`,
  months: 'January'.repeat(LONG / 7),
  pattern: '(a{1000})'.repeat(90),
  classes: '\\pL'.repeat(3_000),
  alternatives: 'a|'.repeat(4_000),
  source: `package p\n${'x = 1\n'.repeat(LONG / 6)}`,
  short: 'a',
}
const INPUT = {
  ...TEXTS,
  integer: 1n << 200_000n,
  one: 1,
  fraction: -1.5,
  list: Array.from({ length: LONG / 10 }, (_, i) => i),
  texts: Array.from({ length: LONG / 20 }, (_, i) => `s${i}`),
  integers: Array.from({ length: 100 }, () => 1n << 200_000n),
  lists: Array.from({ length: LONG / 50 }, (_, i) => [i]),
  object: Object.fromEntries(Array.from({ length: LONG / 20 }, (_, i) => [`k${i}`, i])),
  graph: Object.fromEntries(
    Array.from({ length: 1_000 }, (_, i) => [String(i), [String((i * 7 + 1) % 1_000), String((i * 13 + 3) % 1_000)]]),
  ),
}
const OPERANDS: Readonly<Record<string, readonly string[]>> = {
  string: Object.keys(TEXTS).map((name) => `input.${name}`),
  number: ['input.integer', 'input.one', 'input.fraction'],
  array: ['input.list', 'input.texts', 'input.integers', 'input.lists'],
  object: ['input.object', 'input.graph'],
  set: ['data.q.set'],
  boolean: ['true'],
  null: ['null'],
  any: ['input.a', 'input.map', 'input.object', 'input.list', 'data.q.set', 'input.integer'],
}
const NOT_CALLED = /^(print|trace|walk|rego\.metadata|opa|http|internal)/

/** Evaluates rules, and says which limit stopped them; checks what they took meanwhile. */
function stoppedBy(rules: string): string {
  const sets = { file: 'q.rego', source: 'package q\n\nset = {x | x = input.texts[_]}' }
  const policy = compile([{ file: 'p.rego', source: `package p\n\nimport rego.v1\n\n${rules}` }, sets])
  const before = process.memoryUsage().rss
  const started = performance.now()
  try {
    policy.evaluate({ query: 'data.p.x', input: INPUT, limits: LIMITS })
    return 'nothing'
  } catch (error) {
    assert.ok(error instanceof LimitError, `${rules}: ${String((error as Error).stack)}`)
    return error.limit
  } finally {
    const [milliseconds, bytes] = [performance.now() - started, process.memoryUsage().rss - before]
    assert.ok(milliseconds < GUARD_MS, `${rules} took ${milliseconds} ms`)
    assert.ok(bytes < GUARD_BYTES, `${rules} took ${bytes} bytes`)
  }
}

for (const rules of KNOWN)
  test(`is stopped: ${rules.replaceAll(/\s+/g, ' ').slice(0, 100)}`, () => {
    assert.notEqual(stoppedBy(rules), 'nothing')
  })

test(`built-ins with long operands stay within the limits (seed ${SEED})`, () => {
  let state = SEED
  const choose = <T>(list: readonly T[]): T => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff
    return list[(state >> 8) % list.length]!
  }
  const specs = [...BUILTINS.values()].filter(({ name, args }) => !NOT_CALLED.test(name) && args.length > 0)
  const rounds = isFull ? 2_000 : 25
  for (let i = 0; i < rounds; i++) {
    const { name, args } = isFull ? specs[i % specs.length]! : choose(specs)
    const operands = args.map((type) => choose(OPERANDS[choose(type.split('|'))] ?? ['1']))
    stoppedBy(repeated(`${name}(${operands.join(', ')})`).replace('1000000', '20000'))
  }
})

test('sources that cost much to compile are compiled, or refused, in an amount of work that grows with them', () => {
  const lines = (count: number, line: (i: number) => string): string => Array.from({ length: count }, (_, i) => line(i)).join('\n')
  const size = isFull ? 10_000 : 1_500
  for (const source of [
    `package p\nx { ${lines(size, (i) => `v${size - i} = v${size - i - 1} + 1`)}\nv0 = 1 }`,
    `package p\nx { ${lines(size, (i) => `a${size - i} == a${size - i - 1}`)}\na0 == 1 }`,
    `package p\nx { ${lines(size, (i) => `v${i} == w${i}`)} }`,
    `package p\n${lines(size, (i) => `r${i} { data[input.x][input.y] }`)}`,
    `package p\n${lines(size, (i) => `x${i} { foo(1) }`)}`,
    `package p\n${lines(size, (i) => `# METADATA\n# title: a${i}\nx${i} { rego.metadata.rule() }`)}`,
  ]) {
    const started = performance.now()
    try {
      compile([{ file: 'p.rego', source }])
    } catch (error) {
      assert.equal((error as Error).name, 'RegoError')
    }
    assert.ok(performance.now() - started < GUARD_MS, source.slice(0, 60))
  }
})
