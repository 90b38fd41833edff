// A server as a service: TLS and its reload, signals, systemd.
import assert from 'node:assert/strict'
import { execFile, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFile, readFile, writeFile } from 'node:fs/promises'
import { request } from 'node:https'
import type { RequestOptions } from 'node:https'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { connect } from 'node:tls'
import type { TLSSocket } from 'node:tls'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { BIN, watch } from '@vouchsafe/testkit/command-process'
import { eventually } from '@vouchsafe/testkit/retry'
import { spawnServer } from '@vouchsafe/testkit/server'
import { openInstallation } from './support/installation.ts'
import type { Installation } from './support/installation.ts'

const UNIT = fileURLToPath(new URL('../deploy/vouchsafe.service', import.meta.url))

/** A certificate for localhost made by openssl; with `ca`, issued by that one. */
function certificate(place: Installation, name: string, ca?: string): { cert: string; key: string } {
  const [cert, key] = [place.path(`${name}.pem`), place.path(`${name}.key`)]
  const issuer = ca === undefined ? [] : ['-CA', place.path(`${ca}.pem`), '-CAkey', place.path(`${ca}.key`)]
  const subject = ['-subj', `/CN=${name}`, '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1']
  const kind = ca === undefined ? ['-addext', 'basicConstraints=CA:TRUE'] : ['-addext', 'basicConstraints=CA:FALSE']
  const args = [
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-keyout',
    key,
    '-out',
    cert,
    '-days',
    '2',
  ]
  execFileSync('openssl', [...args, ...subject, ...kind, ...issuer], { stdio: 'pipe' })
  return { cert, key }
}

/** GET with these TLS options; gives the status, or the code of the error. */
function get(url: string, options: RequestOptions): Promise<number | string> {
  return new Promise((resolve) => {
    const req = request(url, { agent: false, ...options }, (res) => {
      res.resume()
      resolve(res.statusCode!)
    })
    req.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
    req.end()
  })
}

test('a self-signed certificate is made for trials, is kept, and is what clients can be told to trust', async () => {
  await using place = await openInstallation('sqlite')
  const server = await place.start(['--listen', '0.0.0.0:0', '--tls-self-signed'])
  const file = join(place.dataDir, 'tls-self-signed.pem')
  const ca = await readFile(file)
  const { port } = new URL(server.url)
  assert.match(server.url, /^https:/)
  for (const host of ['localhost', '127.0.0.1']) {
    assert.equal(await get(`https://${host}:${port}/healthz`, { ca }), 200)
    assert.match(String(await get(`https://${host}:${port}/healthz`, {})), /SELF_SIGNED|UNABLE_TO_VERIFY/)
  }
  await promisify(execFile)('curl', ['-sSf', '--cacert', file, `https://localhost:${port}/healthz`])
  const text = execFileSync('openssl', ['x509', '-in', file, '-noout', '-text'], { encoding: 'utf8' })
  assert.match(text, /TLS Web Server Authentication/)
  await server[Symbol.asyncDispose]()
  await (await place.start(['--tls-self-signed']))[Symbol.asyncDispose]()
  assert.deepEqual(await readFile(file), ca)
  await (await place.start(['--tls-self-signed', '--public-url', 'https://kms.example.org']))[Symbol.asyncDispose]()
  assert.notDeepEqual(await readFile(file), ca)
  assert.match(execFileSync('openssl', ['x509', '-in', file, '-noout', '-text'], { encoding: 'utf8' }), /DNS:kms\.example\.org/)
})

test('with tls-client-ca clients may show a certificate, and need not', async () => {
  await using place = await openInstallation('sqlite')
  const server = certificate(place, 'server')
  const authority = certificate(place, 'authority')
  const client = certificate(place, 'client', 'authority')
  const { url } = await place.start(['--tls-cert', server.cert, '--tls-key', server.key, '--tls-client-ca', authority.cert])
  const ca = await readFile(server.cert)
  const target = `${url.replace('127.0.0.1', 'localhost')}/healthz`
  assert.equal(await get(target, { ca, cert: await readFile(client.cert), key: await readFile(client.key) }), 200)
  assert.equal(await get(target, { ca }), 200)
})

test('SIGHUP takes over new TLS files without dropping a connection, and keeps the old ones when the new are no pair', async () => {
  await using place = await openInstallation('sqlite')
  const [first, second] = [certificate(place, 'first'), certificate(place, 'second')]
  const [cert, key] = [place.path('server.pem'), place.path('server.key')]
  const install = async (from: { cert: string; key: string }) => {
    await copyFile(from.key, key)
    await copyFile(from.cert, cert)
  }
  await install(first)
  const server = await spawnServer({ dataDir: place.dataDir, flags: ['--tls-cert', cert, '--tls-key', key] })
  let log = ''
  server.child.stderr!.on('data', (chunk: Buffer) => (log += chunk.toString()))
  const open = async (): Promise<TLSSocket> => {
    const socket = connect({ port: Number(new URL(server.url).port), rejectUnauthorized: false })
    await once(socket, 'secureConnect')
    return socket
  }
  const nameOf = (socket: TLSSocket) => socket.getPeerCertificate().subject['CN']
  const ask = async (socket: TLSSocket) => {
    socket.write('GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n')
    return ((await once(socket, 'data')) as [Buffer])[0].toString().split('\r\n')[0]
  }
  const old = await open()
  assert.equal(nameOf(old), 'first')
  assert.equal(await ask(old), 'HTTP/1.1 200 OK')

  await install(second)
  server.child.kill('SIGHUP')
  await eventually(async () => {
    const socket = await open()
    const name = nameOf(socket)
    socket.destroy()
    assert.equal(name, 'second')
  })
  assert.equal(await ask(old), 'HTTP/1.1 200 OK', 'the connection from before goes on')

  await copyFile(first.key, key)
  server.child.kill('SIGHUP')
  await eventually(() => Promise.resolve(assert.match(log, /cannot reload: the server continues as before/)))
  const socket = await open()
  assert.equal(nameOf(socket), 'second')
  for (const each of [old, socket]) each.destroy()
  assert.equal(await server.stop(), 0)
})

test('SIGHUP takes over the log level of the configuration file', async () => {
  await using place = await openInstallation('sqlite')
  const config = place.path('vouchsafe.yaml')
  await writeFile(config, 'log-level: error\n')
  const server = await spawnServer({ dataDir: place.dataDir, flags: ['--config', config] })
  let log = ''
  server.child.stderr!.on('data', (chunk: Buffer) => (log += chunk.toString()))
  await writeFile(config, 'log-level: info\n')
  server.child.kill('SIGHUP')
  await eventually(() => Promise.resolve(assert.match(log, /reloaded: the log level/)))
  assert.equal(await server.stop(), 0)
})

/** A socket as systemd has it; prints each message on one line. */
const NOTIFY = `
import os, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
s.bind(sys.argv[1])
print("bound", flush=True)
while True:
    data, fds, _, _ = socket.recv_fds(s, 4096, 8)
    for fd in fds: os.close(fd)
    print(data.decode().replace("\\n", " "), flush=True)
`

test('systemd is told when the server is ready, reloads, is ready again and stops; through the launcher', async () => {
  await using place = await openInstallation('sqlite')
  const path = place.path('notify')
  const systemd = spawn('python3', ['-c', NOTIFY, path], { stdio: ['ignore', 'pipe', 'inherit'] })
  try {
    const lines = createInterface(systemd.stdout)[Symbol.asyncIterator]()
    const next = async (): Promise<string> => {
      for (;;) {
        const { value } = await lines.next()
        // What systemd-notify sends to know that its message was read.
        if (value !== undefined && value !== 'BARRIER=1') return value as string
        if (value === undefined) throw new Error('the receiver has ended')
      }
    }
    assert.equal(await next(), 'bound')
    const env = { PATH: process.env['PATH'], NOTIFY_SOCKET: path, VOUCHSAFE_LOG_LEVEL: 'warn' }
    const args = [BIN, 'server', '--listen', '127.0.0.1:0', '--data-dir', place.dataDir]
    const server = watch(spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'pipe'] }))
    assert.match(await next(), /^READY=1/)
    server.child.kill('SIGHUP')
    assert.match(await next(), /^RELOADING=1/)
    assert.match(await next(), /^READY=1/)
    server.child.kill('SIGTERM')
    assert.match(await next(), /^STOPPING=1/)
    assert.equal((await server.finished).code, 0)
  } finally {
    systemd.kill('SIGKILL')
  }
})

test('the unit file is one that systemd takes, and keeps the server in a box', async () => {
  await using place = await openInstallation('sqlite')
  // What it names need not be installed here.
  const unit = place.path('vouchsafe.service')
  const text = (await readFile(UNIT, 'utf8')).replace(/^ExecStart=\S+/m, 'ExecStart=/bin/true').replace(/^(User|Group)=.*\n/gm, '')
  await writeFile(unit, text)
  execFileSync('systemd-analyze', ['verify', '--man=no', unit], { stdio: 'pipe' })
  const report = execFileSync('systemd-analyze', ['security', '--offline=true', '--threshold=20', unit], { encoding: 'utf8' })
  assert.match(report, /Overall exposure level/)
})
