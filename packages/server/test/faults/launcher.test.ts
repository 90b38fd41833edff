import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { BIN } from '@vouchsafe/testkit/command-process'
import { eventually } from '@vouchsafe/testkit/retry'
import { temporaryFolder } from '@vouchsafe/testkit/server'

/** Whether a process runs; one that has ended and wasn't waited for doesn't. */
function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}

test('when its launcher is killed, the server ends too', async () => {
  const dataDir = await temporaryFolder()
  const args = [BIN, 'server', '--listen', '127.0.0.1:0', '--data-dir', dataDir]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'ignore'] })
  let pid = 0
  try {
    let url: string | undefined
    for await (const line of createInterface(child.stdout)) {
      url = /listening on (\S+)/.exec(line)?.[1]
      if (url !== undefined) break
    }
    assert.ok(url)
    pid = Number(readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim().split(' ')[0])
    assert.ok(isAlive(pid) && pid !== child.pid)
    assert.equal((await fetch(`${url}/healthz`)).status, 200)
    child.kill('SIGKILL')
    await eventually(async () => assert.equal(isAlive(pid), false))
    await assert.rejects(fetch(`${url}/healthz`))
  } finally {
    child.kill('SIGKILL')
    if (pid > 0 && isAlive(pid)) process.kill(pid, 'SIGKILL')
    await rm(dataDir, { recursive: true })
  }
})
