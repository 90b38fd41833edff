// The command as a process of its own, through its launcher.
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { openTerminal } from '@vouchsafe/testkit/terminal'
import { startService } from './support/service.ts'

const bin = fileURLToPath(new URL('../bin/vouchsafe.mjs', import.meta.url))

test('the launcher passes arguments, exit codes and output through', () => {
  const version = spawnSync(process.execPath, [bin, 'version', '--json'], { encoding: 'utf8' })
  assert.deepEqual([version.status, version.stderr], [0, ''])
  assert.match((JSON.parse(version.stdout) as { version: string }).version, /^\d+\.\d+\.\d+/)
  const wrong = spawnSync(process.execPath, [bin, 'nothing'], { encoding: 'utf8' })
  assert.deepEqual([wrong.status, wrong.stdout], [2, ''])
})

test('a command with binary input and output works as a process, and ends once it is done', async () => {
  await using service = await startService()
  await using terminal = await openTerminal(service.url)
  const { appid, apikey } = (await terminal.vouchsafe(['enroll', '--show', '--json'])).json() as { appid: string; apikey: string }
  const id = (await terminal.vouchsafe(['keys', 'create', 'aes-gcm-256'])).text.trim()
  const env = { PATH: process.env['PATH'], VOUCHSAFE_URL: service.url, VOUCHSAFE_APPID: appid, VOUCHSAFE_APIKEY: apikey }
  const vouchsafe = (args: string[], input: Buffer) =>
    new Promise<Buffer>((resolve, reject) => {
      const child = spawn(process.execPath, [bin, ...args], { env, stdio: ['pipe', 'pipe', 'inherit'] })
      const chunks: Buffer[] = []
      child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk))
      child.on('close', (code) => (code === 0 ? resolve(Buffer.concat(chunks)) : reject(new Error(`exit code ${code}`))))
      child.stdin.end(input)
    })
  const data = Buffer.from([0, 0xff, 0x0a, 0x80])
  assert.deepEqual(await vouchsafe(['decrypt', id], await vouchsafe(['encrypt', id], data)), data)
})

test('a reader that has seen enough ends the command without a complaint', () => {
  // The shell's reader is gone at once, so that the command's write meets a closed pipe.
  const script = `exec 3>&1; { "$0" "$1" help; echo "exit $?" >&3; } | :`
  const { stdout, stderr } = spawnSync('sh', ['-c', script, process.execPath, bin], { encoding: 'utf8' })
  assert.deepEqual([stdout, stderr], ['exit 0\n', ''])
})
