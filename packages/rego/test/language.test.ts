import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compile, parseModule, parseValue } from '../src/index.ts'
import { expression, outcomeOf, policyOf, valueOf, refusal } from './support/evaluate.ts'

test('a module is v0 unless it says import rego.v1, or is v1 only, or the caller says so', () => {
  const versions = (source: string, version?: 'v0' | 'v1') => parseModule({ file: 'a', source }, version).version
  assert.equal(versions('package p\nx[y] { y = 1 }'), 'v0')
  assert.equal(versions('package p\nimport rego.v1\nx contains 1'), 'v1')
  assert.equal(versions('package p\nx if input.y'), 'v1')
  assert.equal(versions('package p\nx = 1'), 'v0')
  assert.equal(versions('package p\nx = 1', 'v1'), 'v1')
})

test('p[x] is a set in v0 and an object in v1', () => {
  assert.deepEqual(policyOf('package p\nx[y] { y = 1 }').evaluate({ query: 'data.p.x' }).result, [1])
  assert.deepEqual(valueOf('x[y] if y := 1'), { 1: true })
})

test('keywords are imported in v0 one by one', () => {
  const source = 'package p\nimport future.keywords.every\nx { every y in [1, 2] { y > 0 } }'
  assert.equal(policyOf(source, { version: 'v0' }).evaluate({ query: 'data.p.x' }).result, true)
  assert.throws(() => policyOf('package p\nx { every y in [1, 2] { y > 0 } }', { version: 'v0' }))
})

test('bodies are reordered so that every variable is bound before it is needed', () => {
  assert.equal(valueOf('x := y if { y := z + 1; w = z; w = 2 }'.replace('y := z + 1; w = z; w = 2', 'y = z + 1; z = w; w = 2')), 3)
  assert.deepEqual(valueOf('x := [a, b, c] if { [a, [b, c]] = [c, [input.b, 3]] }', { input: { b: 2 } }), [3, 2, 3])
})

test('== binds in v0 what nothing else does, as policies in the wild expect', () => {
  const source = 'package p\nx = {y | input.items[_].id == y}'
  assert.deepEqual(policyOf(source).evaluate({ query: 'data.p.x', input: { items: [{ id: 2 }, { id: 1 }] } }).result, [1, 2])
})

test('a name that only == mentions stays unsafe, in v0 too', () => {
  assert.throws(() => policyOf('package p\nallow { input.user == usr }'), /var usr is unsafe/)
})

test('a query has a value, false or not', () => {
  assert.equal(valueOf('x := false'), false)
  assert.equal(valueOf('x := 1 == 2'), false)
  assert.equal(valueOf('x := null'), null)
  assert.equal(valueOf('x if false'), undefined)
})

test('some, every, in, not and comprehensions', () => {
  const input = {
    users: [
      { name: 'a', roles: ['x', 'y'] },
      { name: 'b', roles: [] },
    ],
  }
  assert.deepEqual(valueOf('x := [u.name | some u in input.users; "y" in u.roles]', { input }), ['a'])
  assert.deepEqual(valueOf('x := {i: u.name | some i, u in input.users}', { input }), { 0: 'a', 1: 'b' })
  assert.equal(valueOf('x if every u in input.users { not "z" in u.roles }', { input }), true)
  assert.equal(valueOf('x if every u in input.users { "x" in u.roles }', { input }), undefined)
  assert.equal(valueOf('x if { some i; input.users[i].name == "b"; i == 1 }', { input }), true)
})

test('else, default, and functions with patterns', () => {
  const rules =
    'default f(_) := "none"\nf([a, 1]) := a\nf({"k": v}) := v if v > 1 else := "small"\nx := [f([2, 1]), f({"k": 3}), f({"k": 0}), f(null)]'
  assert.deepEqual(valueOf(rules), [2, 3, 'small', 'none'])
})

test('with replaces input, data, rules and functions for one expression only', () => {
  const rules = `
    a := input.v
    b := data.base.v
    f(n) := n + 1
    x := [c, d, e, g, a] if {
      c := a with input.v as 5
      d := b with data.base.v as 6
      e := a with data.p.a as 7
      g := f(1) with f as 8
    }`
  assert.deepEqual(valueOf(rules, { input: { v: 1 }, data: { base: { v: 2 } } }), [5, 6, 7, 8, 1])
})

test('a query can replace functions that no rule replaces', () => {
  const policy = policyOf('package p\nimport rego.v1\nx := time.now_ns()')
  assert.equal(policy.evaluate({ query: 'data.p.x with time.now_ns as 7' }).result, 7)
})

test('references into rules, sets, base data and results of calls', () => {
  const rules = 's contains n if some n in [3, 1, 2]\no.a.b := 1\no.a.c := 2\nx := [s[1], o.a.c, data.base[0].z, split("a,b", ",")[1], s]'
  assert.deepEqual(valueOf(rules, { data: { base: [{ z: 9 }] } }), [1, 2, 9, 'b', [1, 2, 3]])
})

test('rules lie over base data, which wins where both say something', () => {
  const policy = policyOf('package p\nx = 1\ny = 2')
  assert.deepEqual(policy.evaluate({ query: 'data.p', data: { p: { y: 5, z: 6 } } }).result, { x: 1, y: 5, z: 6 })
})

test('a query gives every solution with its variables and values', () => {
  const { results } = policyOf('package p\nx[y] { y = ["a", "b"][_] }').evaluate({ query: 'data.p.x[y]; n := 1' })
  assert.deepEqual(
    results.map(({ bindings }) => bindings),
    [
      { n: 1, y: 'a' },
      { n: 1, y: 'b' },
    ],
  )
})

test('several modules share packages', () => {
  const policy = compile([
    { file: 'a.rego', source: 'package a\nx = y + 1' },
    { file: 'b.rego', source: 'package a\ny = data.b.z' },
    { file: 'c.rego', source: 'package b\nimport data.c as see\nz = see.v' },
  ])
  assert.equal(policy.evaluate({ query: 'data.a.x', data: { c: { v: 4 } } }).result, 5)
})

test('host functions are called by name, and the kinds of their arguments are checked', () => {
  const functions = { 'host.twice': { args: ['number'], result: 'number', call: (n: unknown) => (n as number) * 2 } }
  const policy = policyOf('package p\nx = host.twice(input)', { functions })
  assert.equal(policy.evaluate({ query: 'data.p.x', input: 4 }).result, 8)
  assert.equal(policy.evaluate({ query: 'data.p.x', input: 'a' }).result, undefined)
  assert.throws(() => policyOf('package p\nx = host.twice("a")', { functions }), /invalid argument/)
})

test('input is read only where the policy looks', () => {
  const read: string[] = []
  const watch = (value: object, path: string): object =>
    new Proxy(value, {
      get(target, key) {
        read.push(`${path}${String(key)}`)
        const inner: unknown = Reflect.get(target, key)
        return typeof inner === 'object' && inner !== null ? watch(inner, `${path}${String(key)}.`) : inner
      },
      ownKeys() {
        throw new Error(`the keys of ${path} were listed`)
      },
    })
  const input = watch({ log: Array.from({ length: 1000 }, () => ({ a: 1 })), status: { ok: true } }, '')
  assert.equal(valueOf('x if { input.status.ok; input.log[2].a == 1 }', { input }), true)
  assert.ok(read.length < 20 && !read.some((path) => /^log\.[13]/.test(path)), read.join())
})

test('input may be changed between evaluations', () => {
  const policy = policyOf('package p\nx = [v | v = input[_]]')
  const input: Record<string, number> = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`k${i}`, 1]))
  const sum = () => (policy.evaluate({ query: 'data.p.x', input }).result as number[]).reduce((a, b) => a + b, 0)
  assert.equal(sum(), 20)
  input['k0'] = 5
  input['more'] = 7
  assert.equal(sum(), 31)
})

test('keys called __proto__ and constructor are keys like others', () => {
  const input: unknown = JSON.parse('{"__proto__": {"a": 1}, "b": 2}')
  assert.deepEqual(valueOf('x := [input.__proto__.a, object.keys(input)]', { input }), [1, ['__proto__', 'b']])
  assert.equal(valueOf('x := input.constructor', { input: {} }), undefined)
  assert.equal(JSON.stringify(valueOf('x := {"__proto__": 1}')), '{"__proto__":1}')
})

test('sets and objects of any key can be input, in Rego’s notation', () => {
  assert.equal(valueOf('x if input.a[{1}] == {1}', { input: parseValue('{"a": {{1}, 2}}') }), true)
})

test('evaluation is the same every time, seeds and clocks given', () => {
  const rules = 'x := [rand.intn("a", 1000000), uuid.rfc4122("b"), time.now_ns(), {3, 1, 2}, input]'
  const options = { seed: 's', now: 1_700_000_000_000, input: { b: 1, a: { z: 1, y: 2 } } }
  const run = (more: object = {}) => outcomeOf(rules, { ...options, ...more }).results
  const first = run()
  for (let i = 0; i < 3; i++) assert.deepEqual(run(), first)
  assert.notDeepEqual(run({ seed: 't' }), first)
})

test('a thousand rules that compare one field cost as much as one', () => {
  const many = (count: number) =>
    policyOf(`package p\n${Array.from({ length: count }, (_, i) => `x = ${i} { input.user == "u${i}"; input.on }`).join('\n')}`)
  const input = { user: 'u0', on: true }
  const [one, thousand] = [many(1), many(1000)].map((policy) => policy.evaluate({ query: 'data.p.x', input }))
  assert.equal(thousand?.result, 0)
  assert.ok(thousand.steps <= one!.steps * 3, `${thousand.steps} steps`)
})

test('the index does not lose rules: other conditions, else branches, parameters, sets', () => {
  const rules = (count: number) => Array.from({ length: count }, (_, i) => `s contains ${i} if input.a == ${i % 3}`).join('\n')
  assert.deepEqual(valueOf(`${rules(9)}\ns contains "all"\nx := s`, { input: { a: 1 } }), [1, 4, 7, 'all'])
  assert.deepEqual(valueOf(`${rules(9)}\ns contains "all"\nx := s`, { input: {} }), ['all'])
  assert.equal(
    valueOf('y := 1 if { input.a == 1 } else := 2\ny := 3 if input.a == 3\ny := 4 if input.a == 4\nx := y', { input: { a: 2 } }),
    2,
  )
  assert.deepEqual(valueOf('f("a") := 1\nf("b") := 2\nf(z) := 3 if z == "c"\nx := [f("a"), f("b"), f("c")]'), [1, 2, 3])
})

test('print tells the caller, also of what has no value', () => {
  const printed: string[] = []
  outcomeOf('x if print("a", input.b, [1])', { input: {}, print: (text) => void printed.push(text) })
  assert.deepEqual(printed, ['a <undefined> [1]'])
})

test('annotations are found by rego.metadata', () => {
  const source =
    '# METADATA\n# title: whole\npackage p\n\n# METADATA\n# title: mine\n# custom:\n#   level: 3\nx = [rego.metadata.rule().custom.level, rego.metadata.chain()]'
  assert.deepEqual(policyOf(source).evaluate({ query: 'data.p.x' }).result, [
    3,
    [
      { annotations: { custom: { level: 3 }, scope: 'rule', title: 'mine' }, path: ['p', 'x'] },
      { annotations: { scope: 'package', title: 'whole' }, path: ['p'] },
    ],
  ])
})

test('template strings write values, and undefined ones as such', () => {
  assert.equal(expression('$"a {1 + 1} {input.no} \\{b}"'), 'a 2 <undefined> {b}')
})

test('a negation with an undefined operand is true in v0, with a warning, and undefined in v1, as in OPA', () => {
  const body = (version: 'v0' | 'v1', expression: string, input: unknown = {}) => {
    const source = `package p\n\nf(a) = a { true }\n\nx { ${expression} }`
    const policy = policyOf(version === 'v0' ? source : source.replaceAll(' {', ' if {'), { version })
    return [policy.evaluate({ query: 'data.p.x', input }).result, policy.warnings.map(({ location }) => location.row)]
  }
  for (const expression of [
    'not startswith(input.a, "x")',
    'not f(input.a)',
    'not input.a > 1',
    'not f(f(input.a)) = 1',
    'not [input.a] == [1]',
  ]) {
    assert.deepEqual(body('v0', expression), [true, [5]], expression)
    assert.deepEqual(body('v1', expression), [undefined, []], expression)
  }
  for (const expression of ['not input.a', 'not input.a == 1', 'not count({y | y := input.a}) == 1', 'not 1 = input.a.b'])
    assert.deepEqual([body('v0', expression)[0], body('v1', expression)[0]], [true, true], expression)
  assert.deepEqual(body('v1', 'not f(input.a)', { a: false }), [true, []])
  assert.deepEqual(body('v1', 'not f(input.a) with input.a as false'), [true, []])
})

test('and, or and not with bodies are operators where they are imported', () => {
  const value = (body: string, input: unknown = {}, imports = 'import rego.v2') =>
    policyOf(`package p\n\n${imports}\n\nx if {\n\t${body}\n}`).evaluate({ query: 'data.p.x', input }).result
  assert.equal(value('input.a or input.b and input.c', { a: false, b: true, c: true }), true)
  assert.equal(value('not input.a or input.b', { a: true, b: false }), undefined)
  assert.equal(value('(input.a or input.b) and not { input.c; input.d }', { b: 1, c: 1 }), true)
  assert.equal(value('{ some n in input.list; n > 2 } or false', { list: [1, 3] }), true)
  assert.equal(value('not startswith(input.missing, "a")'), true)
  assert.equal(value('{"a": 1} == input', { a: 1 }), true)
  assert.equal(value('(1 + input.a) * 2 == 6 and true', { a: 2 }, 'import rego.v1\nimport future.keywords.and'), true)
  assert.equal(refusal('package p\nimport rego.v2\nx if { input.a[_] == 1 or false }').code, 'rego_unsafe_var_error')
  assert.equal(refusal('package p\nimport rego.v2\nx if { { y := 1 } and true; y == 1 }').code, 'rego_unsafe_var_error')
  assert.equal(valueOf('x := and({1, 2}, {2})')?.toString(), '2')
})
