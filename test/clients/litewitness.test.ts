// A witness that others wrote, filippo.io/torchwood's litewitness, cosigns our trail; `npm run test:clients` installs it into GOBIN.
import assert from 'node:assert/strict'
import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { hash } from 'node:crypto'
import { mkdtempDisposable, readFile } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { checkSignatures, formatVerifierKey, parseNote, verifierKey } from '@vouchsafe/audit-log'
import { enroll } from '@vouchsafe/testkit/ehsm-calls'
import { eventually } from '@vouchsafe/testkit/retry'
import { startTestServer } from '@vouchsafe/testkit/server'
import { verifyRaw } from '@vouchsafe/x509'

const sha256 = (bytes: Uint8Array): Uint8Array => hash('sha256', bytes, 'buffer')
const NAME = 'witness.example/w'

function ending(child: ChildProcess): AsyncDisposable {
  const exited = new Promise((resolve) => child.once('exit', resolve))
  return {
    async [Symbol.asyncDispose]() {
      child.kill()
      await exited
    },
  }
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

test('litewitness cosigns the trail as it grows, over a restart, and no trail that contradicts what it has seen', async () => {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'vouchsafe-litewitness-'))
  await using data = await mkdtempDisposable(join(tmpdir(), 'vouchsafe-litewitness-'))
  const [agent, keyFile, database] = ['agent', 'key', 'witness.db'].map((name) => join(folder.path, name)) as [string, string, string]
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', keyFile])
  await using _agent = ending(spawn('ssh-agent', ['-D', '-a', agent], { stdio: 'ignore' }))
  await eventually(async () => execFileSync('ssh-add', ['-q', keyFile], { env: { ...process.env, SSH_AUTH_SOCK: agent }, stdio: 'pipe' }))
  const fingerprint = execFileSync('ssh-keygen', ['-lf', keyFile], { encoding: 'utf8' }).split(' ')[1]!
  const [, blob] = (await readFile(`${keyFile}.pub`, 'utf8')).split(' ') as [string, string]
  const key = verifierKey(sha256, NAME, 'cosignature-ed25519', new Uint8Array(Buffer.from(blob, 'base64').subarray(-32)))

  const listen = `127.0.0.1:${await freePort()}`
  const args = ['-name', NAME, '-db', database, '-ssh-agent', agent, '-listen', listen, '-key', fingerprint]
  await using _witness = ending(spawn(join(process.env['GOBIN']!, 'litewitness'), args, { stdio: 'ignore' }))
  await eventually(async () => void (await fetch(`http://${listen}/`)))
  using logs = new DatabaseSync(database, { timeout: 5_000 })

  const flags = ['--witness-url', `http://${listen}`, '--witness-key', formatVerifierKey(key)]
  const start = () => startTestServer({ dataDir: data.path, flags })
  const cosigned = async ({ server }: Awaited<ReturnType<typeof start>>, after: number) =>
    eventually(async () => {
      const { logFiles, logKey } = server.context
      const { note, size } = await logFiles.checkpoint(null)
      const checked = await checkSignatures(parseNote(note), [key, logKey.verifierKey(1)], verifyRaw)
      assert.deepEqual(
        checked.map(({ valid }) => valid),
        [true, true],
      )
      assert.ok(size > after)
      return size
    })
  let size = 0
  {
    await using running = await start()
    const { logKey, witnesses } = running.server.context
    await eventually(async () => assert.ok(witnesses.statistics.failures > 0), 30_000)
    const empty = Buffer.from(sha256(new Uint8Array())).toString('base64')
    logs.prepare('INSERT INTO log (origin, tree_size, tree_hash) VALUES (?, 0, ?)').run(logKey.origin(1), empty)
    logs.prepare('INSERT INTO key (origin, key) VALUES (?, ?)').run(logKey.origin(1), formatVerifierKey(logKey.verifierKey(1)))
    size = await cosigned(running, 0)
    await enroll(running.url)
    size = await cosigned(running, size)
  }
  await using running = await start()
  size = await cosigned(running, size)
  assert.equal(running.server.context.witnesses.statistics.failures, 0)
  logs.prepare('UPDATE log SET tree_hash = ?').run(Buffer.alloc(32, 7).toString('base64'))
  await enroll(running.url)
  await eventually(async () => assert.equal(running.server.context.witnesses.statistics.contradicting, 1))
})
