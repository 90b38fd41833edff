// What systemd is told, with a program in the place of systemd-notify that writes down how it was called.
import assert from 'node:assert/strict'
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { serviceManager } from '../src/index.ts'

const unexpected = (error: Error) => assert.fail(error)

async function recorder() {
  const folder = await mkdtemp(join(tmpdir(), 'service-manager-'))
  const calls = join(folder, 'calls')
  const program = join(folder, 'systemd-notify')
  await writeFile(program, `#!/bin/sh\necho "$NOTIFY_SOCKET $*" >> '${calls}'\n`)
  await chmod(program, 0o755)
  const lines = async () => (await readFile(calls, 'utf8').catch(() => '')).split('\n').filter((line) => line !== '')
  const env = { NOTIFY_SOCKET: '/socket', PATH: `${folder}:${process.env['PATH']}` }
  return { env, lines, [Symbol.asyncDispose]: () => rm(folder, { recursive: true }) }
}

test('systemd is told each state in the words of sd_notify, and of the stop by disposal', async () => {
  await using systemd = await recorder()
  {
    await using manager = serviceManager(systemd.env, unexpected)
    await manager.tell('ready')
    await manager.tell('reloading')
  }
  const [ready, reloading, stopping, ...more] = await systemd.lines()
  assert.equal(ready, '/socket READY=1')
  assert.match(reloading!, /^\/socket RELOADING=1 MONOTONIC_USEC=\d+$/)
  assert.equal(stopping, '/socket STOPPING=1')
  assert.deepEqual(more, [])
})

test('the watchdog hears of this process until disposal', async () => {
  await using systemd = await recorder()
  {
    await using _manager = serviceManager({ ...systemd.env, WATCHDOG_USEC: '20000' }, unexpected)
    while (!(await systemd.lines()).includes('/socket WATCHDOG=1')) await wait(5)
  }
  assert.ok((await systemd.lines()).includes('/socket STOPPING=1'))
  await wait(50)
  const { length } = await systemd.lines()
  await wait(50)
  assert.equal((await systemd.lines()).length, length)
})

test('without a service manager nothing is run, and failures are reported, not thrown', async () => {
  const failures: [string, string][] = []
  const onFailure = (error: Error, state: string) => void failures.push([error.message, state])
  {
    await using manager = serviceManager({ PATH: '/nowhere', WATCHDOG_USEC: '2000' }, onFailure)
    await manager.tell('ready')
  }
  assert.deepEqual(failures, [])
  {
    await using manager = serviceManager({ NOTIFY_SOCKET: '/socket', PATH: '/nowhere' }, onFailure)
    await manager.tell('ready')
  }
  assert.deepEqual(failures, [
    ['spawn systemd-notify ENOENT', 'ready'],
    ['spawn systemd-notify ENOENT', 'stopping'],
  ])
})
