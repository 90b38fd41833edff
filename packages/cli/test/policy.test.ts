import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
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

test('policy test runs the rules named test_, and says why one failed', async () => {
  const rules =
    'package t\nallow { input.user == "a" }\ntest_yes { allow with input as {"user": "a"} }\ntest_no { allow with input as {"user": "b"} }\ntest_clash = x { x = [1, 2][_] }\n'
  await using terminal = await withFiles({ 't.rego': rules })
  const { code, text } = await terminal.vouchsafe(['policy', 'test', terminal.path('t.rego')])
  assert.equal(code, 1)
  assert.match(text, /^data\.t\.test_no: FAIL\n {2}allow failed at line 2: input\.user == "a", where input\.user is "b"\n/)
  assert.match(text, /data\.t\.test_clash: FAIL\n {2}complete rules must not produce multiple outputs\n/)
  assert.match(text, /\n1 passed, 2 failed\n$/)
  const passing = await withFiles({ 't.rego': 'package t\ntest_yes { true }' })
  await using other = passing
  assert.deepEqual((await other.vouchsafe(['policy', 'test', '--json', other.path('t.rego')])).json(), {
    tests: [{ name: 'data.t.test_yes', passed: true, reasons: [] }],
    passed: 1,
    failed: 0,
  })
})
