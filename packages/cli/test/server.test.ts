// The command against a real server, which it also starts, stops and does without.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { openTerminal } from '@vouchsafe/testkit/terminal'

const bin = fileURLToPath(new URL('../bin/vouchsafe.mjs', import.meta.url))

async function startServer(dataDir: string): Promise<{ url: string; child: ChildProcess }> {
  const args = [bin, 'server', '--listen', '127.0.0.1:0', '--data-dir', dataDir]
  const child = spawn(process.execPath, args, {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { PATH: process.env['PATH'], VOUCHSAFE_LOG_LEVEL: 'error' },
  })
  for await (const line of createInterface({ input: child.stdout })) {
    const url = /listening on (http:\S+)/.exec(line)?.[1]
    if (url) return { url, child }
  }
  throw new Error('the server ended before it was ready')
}

test('a key made, used, deleted, and restored by the operator, with and without a running server', { timeout: 60_000 }, async (t) => {
  await using terminal = await openTerminal()
  const dataDir = terminal.path('data')
  const { url, child } = await startServer(dataDir)
  t.after(() => child.kill('SIGTERM'))
  const vouchsafe = async (args: string[], input?: Uint8Array) => {
    const result = await terminal.vouchsafe(args, input)
    assert.equal(result.code, 0, `${args.join(' ')}: ${result.stderr}`)
    return result
  }
  await vouchsafe(['enroll', '--url', url])
  const id = (await vouchsafe(['keys', 'create', 'aes-gcm-256', '--alias', 'orders'])).text.trim()
  const data = Buffer.from([0, 0xff, 0x0a])
  const sealed = (await vouchsafe(['encrypt', id, '--aad-text', 'order 7'], data)).stdout
  assert.deepEqual((await vouchsafe(['decrypt', id, '--aad-text', 'order 7'], sealed)).stdout, data)

  const external = (await vouchsafe(['keys', 'create', 'sm4-ctr', '--external'])).text.trim()
  await vouchsafe(['keys', 'import', external], Buffer.alloc(16, 7))
  assert.match((await vouchsafe(['keys', 'show', external])).text, /check value +[0-9A-F]{6}/)

  const deletedIds = async () => {
    const { keys } = (await vouchsafe(['keys', 'list', '--deleted', '--data-dir', dataDir, '--json'])).json() as {
      keys: { keyid: string }[]
    }
    return keys.map((key) => key.keyid)
  }
  await vouchsafe(['keys', 'delete', '--all', '--yes'])
  assert.deepEqual((await deletedIds()).sort(), [id, external].sort())
  await vouchsafe(['keys', 'restore', id, '--data-dir', dataDir])
  assert.deepEqual(await deletedIds(), [external])
  assert.match((await vouchsafe(['keys', 'show', id])).text, /state +disabled/)

  child.kill('SIGTERM')
  assert.deepEqual(await once(child, 'exit'), [0, null])
  await vouchsafe(['keys', 'restore', external, '--data-dir', dataDir])
  assert.deepEqual(await deletedIds(), [])
  assert.match((await vouchsafe(['apps', 'list', '--data-dir', dataDir])).text, /^[0-9a-f-]{36} +yes +no +yes$/m)
})
