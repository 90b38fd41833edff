import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { test } from 'node:test'
import { openTerminal } from '@vouchsafe/testkit/terminal'

const POLICY = `package verification

default valid = false
valid { input.status == data.wanted }

result = {"policy_matched": valid, "serial": 12345678901234567890}
`

async function withFiles(files: Record<string, string>) {
  const terminal = await openTerminal()
  for (const [name, text] of Object.entries(files)) await writeFile(terminal.path(name), text)
  return terminal
}

test('policy check says ok, or what is wrong and where, with an excerpt', async () => {
  await using terminal = await withFiles({ 'good.rego': POLICY, 'bad.rego': 'package p\n\nallow {\n\tnope(input)\n}\n' })
  const good = await terminal.vouchsafe(['policy', 'check', terminal.path('good.rego')])
  assert.deepEqual([good.code, good.text], [0, 'ok\n'])
  const bad = await terminal.vouchsafe(['policy', 'check', terminal.path('good.rego'), terminal.path('bad.rego')])
  assert.equal(bad.code, 1)
  assert.equal(bad.text, `${terminal.path('bad.rego')}:4:2: rego_type_error: undefined function nope\n   nope(input)\n   ^\n`)
  const json = (await terminal.vouchsafe(['policy', 'check', '--json', terminal.path('bad.rego')])).json() as {
    errors: { code: string; row: number }[]
  }
  assert.deepEqual([json.errors[0]?.code, json.errors[0]?.row], ['rego_type_error', 4])
})

test('policy eval prints the result with steps and milliseconds, long integers in full', async () => {
  await using terminal = await withFiles({ 'p.rego': POLICY, 'in.json': '{"status": 3}', 'data.json': '{"wanted": 3}' })
  const files = ['--policy', terminal.path('p.rego'), '--input', terminal.path('in.json'), '--data', terminal.path('data.json')]
  const { code, text, json } = await terminal.vouchsafe(['policy', 'eval', ...files])
  assert.equal(code, 0)
  assert.match(text, /"serial": 12345678901234567890\n/)
  const { result, steps, milliseconds } = json() as { result: { policy_matched: boolean }; steps: number; milliseconds: number }
  assert.equal(result.policy_matched, true)
  assert.ok(steps > 0 && milliseconds >= 0)
})

test('policy eval takes another query, standard input, several policies, and explains', async () => {
  await using terminal = await withFiles({ 'p.rego': POLICY, 'q.rego': 'package q\nx = data.verification.valid' })
  const args = [
    'policy',
    'eval',
    '--policy',
    terminal.path('p.rego'),
    '--policy',
    terminal.path('q.rego'),
    '--input',
    '-',
    '--query',
    'data.q.x',
    '--explain',
  ]
  const answer = (await terminal.vouchsafe(args, '{"status": 4}')).json() as {
    result: boolean
    explanation: { rule: string; outcome: string; text: string }[]
  }
  assert.equal(answer.result, false)
  assert.deepEqual(
    answer.explanation.map(({ rule, outcome }) => `${rule} ${outcome}`),
    ['data.verification.valid failed', 'data.q.x succeeded'],
  )
})

test('policy eval takes the syntax as told', async () => {
  await using terminal = await withFiles({ 'p.rego': 'package p\nx[y] { y = 1 }' })
  const args = ['policy', 'eval', terminal.path('p.rego'), '--query', 'data.p.x']
  assert.deepEqual(((await terminal.vouchsafe([...args, '--v0'])).json() as { result: unknown }).result, [1])
  const newer = await terminal.vouchsafe([...args, '--v1'])
  assert.equal(newer.code, 1)
  assert.match(newer.text, /rego_parse_error: `if` keyword is required/)
  assert.equal((await terminal.vouchsafe([...args, '--v0', '--v1'])).code, 2)
})

test('what the policy prints and what goes wrong at run time are told', async () => {
  await using terminal = await withFiles({ 'p.rego': 'package p\nx = 1 { print("hi", input.a) }\ny = 1 / 0\nz = v { v = [1, 2][_] }' })
  const args = ['policy', 'eval', '--policy', terminal.path('p.rego'), '--query']
  assert.equal((await terminal.vouchsafe([...args, 'data.p.x'])).stderr, 'hi <undefined>\n')
  assert.deepEqual(Object.keys((await terminal.vouchsafe([...args, 'data.p.y'])).json() as object), ['steps', 'milliseconds'])
  const strict = await terminal.vouchsafe([...args, 'data.p.y', '--strict'])
  assert.deepEqual([strict.code, /eval_builtin_error: div: divide by zero/.test(strict.text)], [1, true])
  assert.match((await terminal.vouchsafe([...args, 'data.p.z'])).text, /eval_conflict_error/)
  assert.match((await terminal.vouchsafe([...args, 'data.p.x', '--input', terminal.path('p.rego')])).stderr, /is not JSON/)
  assert.match((await terminal.vouchsafe(['policy', 'eval'])).stderr, /--policy FILE is missing/)
})

const TESTS = `package t
allow { input.user == "a" }
test_yes { allow with input as {"user": "a"} }
test_no { allow with input as {"user": "b"} }
test_clash = x { x = [1, 2][_] }
`

test('policy test runs the rules named test_, and says why one failed', async () => {
  await using terminal = await withFiles({ 't.rego': TESTS })
  const { code, text } = await terminal.vouchsafe(['policy', 'test', terminal.path('t.rego')])
  assert.equal(code, 1)
  assert.match(text, /^data\.t\.test_no: FAIL \S+t\.rego:4\n {2}allow failed at line 2: input\.user == "a", where input\.user is "b"\n/)
  assert.match(text, /data\.t\.test_clash: FAIL \S+\n {2}complete rules must not produce multiple outputs\n/)
  assert.match(text, /\n1 passed, 2 failed\n$/)
  const only = await terminal.vouchsafe(['policy', 'test', '--json', '--run', 'test_y', terminal.path('t.rego')])
  assert.equal(only.code, 0)
  const { tests, passed, failed } = only.json() as {
    tests: { name: string; passed: boolean; row: number }[]
    passed: number
    failed: number
  }
  assert.deepEqual([tests.map(({ name, row }) => [name, row]), passed, failed], [[['data.t.test_yes', 3]], 1, 0])
})

test('policy test runs every test of a name, skips todo_test_, and tells the cases of one from another', async () => {
  const rules = `package t

import rego.v1

test_same if false

test_same if true

todo_test_later if false

test_sizes[name] if {
	some name, size in {"small": 1, "large": 20}
	size < 10
}
`
  await using terminal = await withFiles({ 't_test.rego': rules })
  const { code, text } = await terminal.vouchsafe(['policy', 'test', '--verbose', terminal.path('')])
  assert.equal(code, 1)
  const lines = text.split('\n').map((line) => line.replace(/ \S+t_test\.rego(:\d+).*$/, '$1'))
  assert.deepEqual(
    lines.filter((line) => !line.includes('failed at')),
    [
      'data.t.test_same: FAIL:5',
      'data.t.test_same#01: pass:7',
      'data.t.todo_test_later: skipped:9',
      'data.t.test_sizes: FAIL:11',
      '  large: FAIL',
      '  small: pass',
      '1 passed, 2 failed, 1 skipped',
      '',
    ],
  )
})

test('policy test counts the lines that tests evaluate, and policy eval those of one evaluation', async () => {
  await using terminal = await withFiles({
    'p.rego': 'package p\n\nallow {\n\tinput.a\n\tinput.b\n}\n\nother { input.c }\n\ntest_allow {\n\tnot allow with input as {"b": 1}\n}\n',
  })
  const { text } = await terminal.vouchsafe(['policy', 'test', '--coverage', terminal.path('p.rego')])
  assert.match(text, /p\.rego: 2 of 4 lines, not: 5, 8\ncoverage: 50 %\n1 passed, 0 failed\n$/)
  const args = ['policy', 'eval', '--profile', '--policy', terminal.path('p.rego'), '--query', 'data.p.allow', '--input', '-']
  const { profile } = (await terminal.vouchsafe(args, '{"a": 1}')).json() as { profile: { row: number; evaluations: number }[] }
  assert.deepEqual(
    profile.map(({ row, evaluations }) => [row, evaluations]),
    [
      [4, 1],
      [5, 1],
      [8, 0],
      [11, 0],
    ],
  )
})

test('policy bench times compiling and evaluating', async () => {
  await using terminal = await withFiles({ 'p.rego': 'package p\nx { input.a }' })
  const { code, json } = await terminal.vouchsafe(['policy', 'bench', '--json', terminal.path('p.rego'), '--query', 'data.p.x'])
  const { compile, evaluate, steps } = json() as { compile: { runs: number }; evaluate: { runs: number; median: number }; steps: number }
  assert.equal(code, 0)
  assert.ok(compile.runs > 0 && evaluate.runs > 0 && evaluate.median > 0 && steps > 0)
})

test('policy fmt prints policies in one style with their comments, writes them, or names those in another', async () => {
  const source =
    '# About p.\npackage p\nimport rego.v1\nx   if {input.a==1   # why\n  # and\n\n\n  input.b in [\n 1, # one\n 2]}\ny:=2\nz:=3\n# end\n'
  const formatted =
    '# About p.\npackage p\n\nimport rego.v1\n\nx if {\n\tinput.a == 1 # why\n\t# and\n\n\tinput.b in [\n\t\t1, # one\n\t\t2,\n\t]\n}\n\ny := 2\nz := 3\n# end\n'
  await using terminal = await withFiles({ 'p.rego': source, 'q.rego': 'package q\n\nx = 1\n' })
  const files = [terminal.path('p.rego'), terminal.path('q.rego')]
  const printed = await terminal.vouchsafe(['policy', 'fmt', ...files])
  assert.deepEqual([printed.code, printed.text], [0, `${formatted}\npackage q\n\nx = 1\n`])
  const checked = await terminal.vouchsafe(['policy', 'fmt', '--check', ...files])
  assert.deepEqual([checked.code, checked.text], [1, `${files[0]}\n`])
  await terminal.vouchsafe(['policy', 'fmt', '--write', ...files])
  assert.equal(await readFile(files[0]!, 'utf8'), formatted)
  assert.equal((await terminal.vouchsafe(['policy', 'fmt', '--check', ...files])).code, 0)
})
