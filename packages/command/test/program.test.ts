// A program of a few commands; `vouchsafe` has the tests of everything else.
import assert from 'node:assert/strict'
import { Writable } from 'node:stream'
import { test } from 'node:test'
import { CommandError, UsageError, commandFor, program, run } from '../src/index.ts'
import type { Streams } from '../src/index.ts'

const command = commandFor<Streams>()
const PROGRAM = program<Streams>({
  name: 'tool',
  footer: 'That is all.\n',
  failure: (error) => ({ message: (error as Error).message, exitCode: error instanceof UsageError ? 2 : (error as CommandError).exitCode }),
  commands: [
    command({
      name: 'show',
      args: ['NAME'],
      summary: 'Show something',
      options: { size: { type: 'string', value: 'N', summary: 'how large' } },
      async run(_streams, [name], { size }) {
        if (name === 'nothing') throw new CommandError('there is no\u001b such thing', 3)
        return { json: { name, size }, text: `${name} ${size}\n` }
      },
    }),
  ],
})

async function tool(...argv: string[]): Promise<[code: number, stdout: string, stderr: string]> {
  const texts = ['', '']
  const [stdout, stderr] = texts.map((_, i) => new Writable({ write: (chunk, _encoding, done) => done(void (texts[i] += String(chunk))) }))
  const code = await run(PROGRAM, argv, { stdout: stdout!, stderr: stderr! })
  return [code, texts[0]!, texts[1]!]
}

test('a command prints text, or one JSON document', async () => {
  assert.deepEqual(await tool('show', 'x', '--size', '3'), [0, 'x 3\n', ''])
  assert.deepEqual(await tool('show', 'x', '--size', '3', '--json'), [0, '{"name":"x","size":"3"}\n', ''])
})

test('help lists the commands, itself last, and explains each', async () => {
  const [, list] = await tool('help')
  assert.equal(
    list,
    'Usage: tool COMMAND [options]\n\nCommands:\n  show NAME        Show something\n  help [COMMAND…]  List the commands, or explain one\n\nThat is all.\n',
  )
  for (const word of ['--help', '-h']) assert.equal((await tool(word))[1], list)
  const [, explained] = await tool('help', 'show')
  assert.match(explained, /^Usage: tool show NAME \[options\]\n\nShow something\.\n\nOptions:\n {2}--size N {4}how large\n/)
  for (const word of ['--help', '-h']) assert.equal((await tool('show', word))[1], explained)
})

test('a wrong command line names the program, and the commands where they are few', async () => {
  assert.deepEqual(await tool(), [2, '', "tool: which command? 'tool help' lists them\n"])
  assert.deepEqual(await tool('shwo'), [2, '', "tool: unknown command 'shwo'; there are show, help\n"])
  assert.deepEqual(await tool('show'), [2, '', 'tool: NAME is missing: tool show NAME [options]\n'])
  assert.deepEqual(await tool('show', 'x', '--siz', '3'), [
    2,
    '',
    "tool: unknown option '--siz'; did you mean '--size'? (tool show --help)\n",
  ])
})

test("a failure has the program's exit code and words, which cannot steer the terminal", async () => {
  assert.deepEqual(await tool('show', 'nothing'), [3, '', 'tool: there is no\\u001b such thing\n'])
  assert.deepEqual(await tool('show', 'nothing', '--json'), [3, '', '{"error":"there is no\\u001b such thing"}\n'])
})
