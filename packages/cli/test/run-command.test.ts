// `vouchsafe run` as people run it: processes, signals, exit codes.
import assert from 'node:assert/strict'
import { chmod, readdir, writeFile } from 'node:fs/promises'
import { test } from 'node:test'
import { openServedProcesses } from './support/served-processes.ts'
import type { ServedProcesses } from './support/served-processes.ts'

const VALUE = ' s3cret $HOME "1"\n🔑'

async function withSecret(body: (processes: ServedProcesses) => Promise<void>) {
  await using processes = await openServedProcesses()
  for (const [name, value] of [
    ['db', VALUE],
    ['a=b', 'second'],
  ])
    await processes.terminal.vouchsafe(['secrets', 'create', name!], value!)
  await body(processes)
}

test('run gives the command exactly its environment and the secrets, current values, its own winning', () =>
  withSecret(async ({ start, env, terminal }) => {
    await terminal.vouchsafe(['secrets', 'put', 'a=b'], 'third')
    env['TAKEN'] = 'from outside'
    env['OTHER'] = 'stays'
    const print = 'console.log(JSON.stringify(process.env))'
    const { code, stdout, stderr } = await start([
      ...['run', '--secret', 'db=DB_PASSWORD', '--secret', 'a=b=TAKEN', '--secret', 'db=_again', '--'],
      ...[process.execPath, '-e', print],
    ]).finished
    assert.deepEqual([code, stderr], [0, ''])
    assert.deepEqual(JSON.parse(stdout), { ...env, DB_PASSWORD: VALUE, TAKEN: 'third', _again: VALUE })
  }))

test('run passes standard input, output and error and all arguments through, and prints nothing itself, with --json neither', () =>
  withSecret(async ({ start }) => {
    const script = 'cat; printf "<%s>" "$@"; echo warning >&2; exit 7'
    const args = ['-c', script, 'sh', '--json', '--secret', 'a b', '', '--']
    for (const json of [[], ['--json']]) {
      const { code, stdout, stderr } = await start(['run', '--secret', 'db=DB', ...json, '--', 'sh', ...args], 'input').finished
      assert.deepEqual([code, stdout, stderr], [7, 'input<--json><--secret><a b><><-->', 'warning\n'])
    }
  }))

test('no process of run has a value among its arguments', () =>
  withSecret(async ({ start }) => {
    // The command, its parent, and the parent's parent, which is the launcher.
    const script = 'up=$(cut -d " " -f 4 /proc/$PPID/stat); cat /proc/$$/cmdline /proc/$PPID/cmdline /proc/$up/cmdline'
    const { code, stdout } = await start(['run', '--secret', 'db=DB', '--', 'sh', '-c', script]).finished
    assert.equal(code, 0)
    assert.equal(stdout.split('db=DB').length, 3, 'the launcher and the command line are among them')
    assert.ok(!stdout.includes('s3cret'))
  }))

test('run exits as the command exits, also when a signal ends that, and says when it cannot be started', () =>
  withSecret(async ({ start, service, terminal }) => {
    const unreadable = terminal.path('not-a-program')
    await writeFile(unreadable, '')
    await chmod(unreadable, 0o600)
    const rows: [command: string[], code: number, stderr: RegExp][] = [
      [['true'], 0, /^$/],
      [['sh', '-c', 'exit 255'], 255, /^$/],
      [['sh', '-c', 'kill -TERM $$'], 143, /^$/],
      [['sh', '-c', 'kill -KILL $$'], 137, /^$/],
      [['no-such-program', 'x'], 127, /^vouchsafe: no-such-program: there is no such program\n$/],
      [[unreadable], 126, /^vouchsafe: \/.*\/not-a-program: no permission to run it\n$/],
      [[''], 126, /cannot be started/],
    ]
    for (const [command, code, stderr] of rows) {
      const finished = await start(['run', '--secret', 'db=DB', '--', ...command]).finished
      assert.deepEqual([finished.code, finished.stdout], [code, ''], command.join(' '))
      assert.match(finished.stderr, stderr)
    }
    // More than Linux takes for one variable (execve(2), MAX_ARG_STRLEN).
    service.secrets.set('big', { description: '', rotationInterval: '30d', values: ['s3cret'.repeat(25_000)] })
    const big = await start(['run', '--secret', 'big=BIG', '--', 'true']).finished
    assert.deepEqual(big, { code: 126, stdout: '', stderr: 'vouchsafe: true: cannot be started (E2BIG)\n' })
  }))

test('run starts nothing when a secret is missing or holds a NUL, and quotes no value', () =>
  withSecret(async ({ start, service, terminal }) => {
    service.secrets.set('nul', { description: '', rotationInterval: '30d', values: ['s3cret\0'] })
    for (const [name, message] of [
      ['unknown', "vouchsafe: Can't find the unknown's value.\n"],
      ['nul', "vouchsafe: secret 'nul' holds a NUL, which an environment variable cannot\n"],
    ]) {
      const args = ['--secret', 'db=DB', '--secret', `${name}=OTHER`, '--', 'touch', terminal.path('started')]
      assert.deepEqual(await start(['run', ...args]).finished, { code: 1, stdout: '', stderr: message })
    }
    assert.ok(!(await readdir(terminal.dir)).includes('started'))
  }))

// Counts what arrives, and ends a moment after the first so that a second one would be seen.
const COUNTER = `
  const counts = {}
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR2'])
    process.on(signal, () => {
      counts[signal] = (counts[signal] ?? 0) + 1
      setTimeout(() => { console.log(JSON.stringify(counts)); process.exit(3) }, 200)
    })
  setInterval(() => {}, 1000)
  console.log('ready')
`

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR2'] as const) {
  test(`run passes ${signal} on, once, and waits for the command to end`, () =>
    withSecret(async ({ start }) => {
      const { child, printed, finished } = start(['run', '--secret', 'db=DB', '--', process.execPath, '-e', COUNTER])
      await printed('ready')
      child.kill(signal)
      assert.deepEqual(await finished, { code: 3, stdout: `ready\n${JSON.stringify({ [signal]: 1 })}\n`, stderr: '' })
    }))
}

test('the command of run is ended when the launcher is killed, and does not live on unseen', () =>
  withSecret(async ({ start }) => {
    const { child, printed, finished } = start(['run', '--secret', 'db=DB', '--', process.execPath, '-e', COUNTER])
    await printed('ready')
    child.kill('SIGKILL')
    assert.equal((await finished).stdout, 'ready\n{"SIGTERM":1}\n')
  }))
