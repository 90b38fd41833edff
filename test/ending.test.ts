// What `npm start` and `npx vouchsafe-agent run` began ends with npm, with its shell and with the terminal, whatever ended those.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { mkdtempDisposable } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { startHost } from '@vouchsafe/testkit/host'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const LAUNCHER = join(ROOT, 'packages/cli/bin/vouchsafe.mjs')

/** Runs a command in a new terminal whose other end it holds; standard error stays ours. Then it presses Ctrl-C, or closes the terminal. */
const TERMINAL = `
import os, pty, sys
action, *command = sys.argv[1:]
errors = os.dup(2)
child, terminal = pty.fork()
if child == 0:
    os.dup2(errors, 2)
    os.execvp(command[0], command)
printed = b''
while b'listening on' not in printed or not printed.endswith(b'\\n'):
    printed += os.read(terminal, 4096)
os.write(1, printed)
if action == 'close':
    sys.exit()
os.write(terminal, b'\\x03')
try:
    while os.read(terminal, 4096): pass
except OSError:
    pass
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
`

const serverFlags = (dataDir: string) => ['--listen', '127.0.0.1:0', '--data-dir', dataDir]
const folder = () => mkdtempDisposable(join(tmpdir(), 'vouchsafe-ending-'))

/**
 * Starts a program in a session of its own, does something once its server listens, and waits until everything that it began has ended. Returns the
 * program's exit code.
 */
async function endBy(t: TestContext, command: readonly string[], end?: (child: ChildProcess) => void): Promise<number | null> {
  const child = spawn(command[0]!, command.slice(1), { cwd: ROOT, detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
  t.after(() => killSession(child.pid!))
  // The streams close when the last process that holds them has ended.
  const closed = once(child, 'close') as Promise<[number | null]>
  let printed = ''
  const address = new Promise<URL>((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        printed += chunk.toString()
        const [, url] = /listening on (http:\/\/[\d.:]+\d)\s/.exec(printed) ?? []
        if (url !== undefined) resolve(new URL(url))
      })
    }
    closed.then(() => reject(new Error(`it never listened:\n${printed}`)), reject)
  })
  const { hostname, port } = await address
  end?.(child)
  const [code] = await closed
  const [error] = (await once(connect(Number(port), hostname), 'error')) as [NodeJS.ErrnoException]
  assert.equal(error.code, 'ECONNREFUSED')
  return code
}

/** Whatever a failed test has left. */
function killSession(leader: number): void {
  try {
    process.kill(-leader, 'SIGKILL')
  } catch {
    // All have ended.
  }
}

/** The only child of a process. */
function childOf(pid: number): number {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ')
  assert.equal(children.length, 1)
  return Number(children[0])
}

const LIMIT = { timeout: 60_000 }

for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
  test(`the server ends when npm start gets ${signal}`, LIMIT, async (t) => {
    await using data = await folder()
    const code = await endBy(t, ['npm', 'start', '--', ...serverFlags(data.path)], (npm) => npm.kill(signal))
    // npm waits for a server that it has told to stop.
    if (signal === 'SIGTERM') assert.equal(code, 0)
  })

  test(`the agent ends when npx vouchsafe-agent run gets ${signal}`, LIMIT, async (t) => {
    await using host = await startHost()
    await endBy(t, ['npx', 'vouchsafe-agent', 'run', '--config', await host.config()], (npx) => npx.kill(signal))
  })
}

test("the agent ends when npx's shell gets SIGTERM", LIMIT, async (t) => {
  await using host = await startHost()
  const command = ['npx', 'vouchsafe-agent', 'run', '--config', await host.config()]
  await endBy(t, command, (npx) => process.kill(childOf(npx.pid!), 'SIGTERM'))
})

test('the server drains at Ctrl-C, which both its terminal and npm pass on', LIMIT, async (t) => {
  await using data = await folder()
  const code = await endBy(t, ['python3', '-c', TERMINAL, 'interrupt', 'npm', 'start', '--', ...serverFlags(data.path)])
  assert.equal(code, 0)
})

for (const [name, command] of [
  ['npm start', ['npm', 'start', '--']],
  // The shell leads the session.
  ['the command', ['sh', '-c', '"$0" "$@"; true', process.execPath, LAUNCHER, 'server']],
] as const) {
  test(`the server ends when the terminal of ${name} closes`, LIMIT, async (t) => {
    await using data = await folder()
    await endBy(t, ['python3', '-c', TERMINAL, 'close', ...command, ...serverFlags(data.path)])
  })
}

test('a server without a terminal takes SIGHUP as an order to reload', LIMIT, async (t) => {
  await using data = await folder()
  const code = await endBy(t, [process.execPath, LAUNCHER, 'server', ...serverFlags(data.path)], (launcher) => {
    launcher.stderr!.on('data', (chunk: Buffer) => {
      if (chunk.includes('reloaded')) launcher.kill('SIGTERM')
    })
    launcher.kill('SIGHUP')
  })
  assert.equal(code, 0)
})
