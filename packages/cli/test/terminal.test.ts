// What needs a real terminal: a pseudo-terminal that python3 holds, with the command as the leader of its session.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { test } from 'node:test'
import { BIN, watch } from '@vouchsafe/testkit/command-process'
import { openServedProcesses } from './support/served-processes.ts'
import type { Running } from '@vouchsafe/testkit/command-process'
import type { ServedProcesses } from './support/served-processes.ts'

/** Runs a command on a terminal; what is typed comes in as lines of JSON strings. Prints what the terminal shows, exits as the command does. */
const HOLDER = `
import json, os, pty, select, sys
pid, terminal = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], sys.argv[1:])
sources = [terminal, 0]
while True:
    for source in select.select(sources, [], [])[0]:
        if source == 0:
            line = sys.stdin.buffer.readline()
            if line: os.write(terminal, json.loads(line).encode())
            else: sources.remove(0)
            continue
        try: shown = os.read(terminal, 4096)
        except OSError: shown = b''
        if not shown:
            sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
        sys.stdout.buffer.write(shown)
        sys.stdout.flush()
`

async function onTerminal(
  { env }: ServedProcesses,
  args: readonly string[],
  body: (screen: Running, type: (text: string) => void) => Promise<void>,
): Promise<void> {
  const child = spawn('python3', ['-u', '-c', HOLDER, process.execPath, BIN, ...args], { env, stdio: 'pipe' })
  try {
    await body(watch(child), (text) => void child.stdin.write(`${JSON.stringify(text)}\n`))
  } finally {
    child.kill('SIGKILL')
  }
}

test('on a terminal the value of a secret is asked for, can be corrected, and is never shown', async () => {
  await using served = await openServedProcesses()
  await onTerminal(served, ['secrets', 'create', 'name'], async (screen, type) => {
    await screen.printed('Value: ')
    type('s3cret🔑x\u007fé\r')
    const { code, stdout } = await screen.finished
    assert.deepEqual([code, stdout], [0, 'Value: \r\nname is created\r\n'])
  })
  assert.deepEqual(served.service.secrets.get('name')!.values, ['s3cret🔑é'])
})

for (const [what, typed, message] of [
  ['nothing', '\r', /nothing was entered/],
  ['Ctrl-C', 's3cret\u0003', /nothing was entered/],
  ['Ctrl-D', '\u0004', /nothing was entered/],
  ['several lines', '-----BEGIN s3cret\rmore\r', /several lines were entered/],
  ['a line and a part of another', 's3cret\rmore', /several lines were entered/],
] as const) {
  test(`a value asked for on a terminal and answered with ${what} changes nothing`, async () => {
    await using served = await openServedProcesses()
    await onTerminal(served, ['secrets', 'create', 'name'], async (screen, type) => {
      await screen.printed('Value: ')
      type(typed)
      const { code, stdout } = await screen.finished
      assert.equal(code, 1)
      assert.match(stdout, message)
      assert.ok(!stdout.includes('s3cret'))
    })
    assert.equal(served.service.secrets.size, 0)
  })
}

test('the command of run has the terminal, and one Ctrl-C on it is one', async () => {
  await using served = await openServedProcesses()
  await served.terminal.vouchsafe(['secrets', 'create', 'db'], 'value')
  const program = `
    let count = 0
    process.on('SIGINT', () => {
      if (++count === 1) setTimeout(() => { console.log('count', count); process.exit(5) }, 300)
    })
    setInterval(() => {}, 1000)
    console.log('ready', process.stdin.isTTY)
  `
  await onTerminal(served, ['run', '--secret', 'db=DB', '--', process.execPath, '-e', program], async (screen, type) => {
    await screen.printed('ready true')
    type('\u0003')
    const { code, stdout } = await screen.finished
    assert.equal(code, 5)
    assert.match(stdout, /count 1\r\n$/)
  })
})
