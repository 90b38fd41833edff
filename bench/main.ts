/**
 * `npm run bench [-- --count N] [--only NAME] [--soak N]`: what one server process does, as ratios against a bare echo server in the same run, since machines differ.
 * Every request is distinct and signed. Prints rates, ratios, latencies and memory; judges nothing.
 */
import { generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { Worker } from 'node:worker_threads'
import { VouchsafeClient } from '@vouchsafe/client'
import { benchAuditLog } from './audit-log.ts'
import { benchAttestation } from './attestation.ts'
import { benchDcap } from './dcap.ts'
import type { LoadResult } from './load.ts'
import { benchRego } from './rego.ts'
import { signedRequests, type Credentials } from './requests.ts'
import { serverPid } from './server-process.ts'
import { benchTpm } from './tpm.ts'

const CONNECTIONS = 32
/** More than connections, so that puts to one secret seldom wait for each other. */
const SECRETS = 256

const { values } = parseArgs({
  options: { count: { type: 'string', default: '40000' }, only: { type: 'string' }, soak: { type: 'string', default: '1000000' } },
})
const COUNT = Number(values.count)

interface Program {
  child: ChildProcess
  port: number
}

async function start(file: string, args: string[]): Promise<Program> {
  const path = fileURLToPath(new URL(file, import.meta.url))
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', path, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  for await (const line of createInterface(child.stdout!)) {
    const port = /listening on http:\/\/127\.0\.0\.1:(\d+)/.exec(line)?.[1]
    if (port !== undefined) return { child, port: Number(port) }
  }
  throw new Error(`${file} did not start`)
}

async function load(port: number, requests: Buffer[]): Promise<LoadResult> {
  const worker = new Worker(new URL('load.ts', import.meta.url), { workerData: { port, connections: CONNECTIONS, requests } })
  const result = await new Promise<LoadResult>((resolve, reject) => {
    worker.once('message', resolve)
    worker.once('error', reject)
  })
  if (result.failure !== undefined) throw new Error(`a request failed: ${result.failure.slice(0, 200)}`)
  return result
}

function percentile(latencies: Float64Array, share: number): string {
  return latencies[Math.floor((latencies.length - 1) * share)]!.toFixed(2).padStart(8)
}

function residentMegabytes(launcher: number): number {
  return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${serverPid(launcher)}/status`, 'utf8'))![1]) / 1024
}

/** Signatures a second of bare `crypto.sign` on one thread. */
function bareSignRate(type: 'ec' | 'rsa'): number {
  const options = type === 'ec' ? generateKeyPairSync('ec', { namedCurve: 'P-256' }) : generateKeyPairSync('rsa', { modulusLength: 2048 })
  const data = randomBytes(32)
  const count = 1000
  const started = performance.now()
  for (let i = 0; i < count; i++) sign('sha256', data, options.privateKey)
  return count / ((performance.now() - started) / 1000)
}

if (values.only === undefined || values.only === 'rego') benchRego()
if (values.only === undefined || values.only === 'tpm') benchTpm()
if (values.only === undefined || values.only === 'audit-log') await benchAuditLog()
if (values.only === undefined || values.only === 'dcap') await benchDcap()
if (values.only === undefined || values.only === 'attestation') await benchAttestation()
if (['rego', 'tpm', 'audit-log', 'dcap', 'attestation'].includes(values.only ?? '')) process.exit()

const folder = mkdtempSync(join(tmpdir(), 'vouchsafe-bench-'))
const echo = await start('echo.ts', [])
const server = await start('../packages/cli/bin/vouchsafe.mjs', [
  'server',
  '--listen',
  '127.0.0.1:0',
  '--data-dir',
  folder,
  '--log-level',
  'error',
])
try {
  const baseUrl = `http://127.0.0.1:${server.port}`
  const credentials: Credentials = await VouchsafeClient.enroll({ baseUrl })
  const client = new VouchsafeClient({ baseUrl, ...credentials })
  const aes = await client.createKey({ keyspec: 'EH_AES_GCM_256', origin: 'EH_INTERNAL_KEY' })
  const ec = await client.createKey({ keyspec: 'EH_EC_P256', origin: 'EH_INTERNAL_KEY' })
  const rsa = await client.createKey({ keyspec: 'EH_RSA_2048', origin: 'EH_INTERNAL_KEY' })
  const sm2 = await client.createKey({ keyspec: 'EH_SM2', origin: 'EH_INTERNAL_KEY' })
  const ciphertext = Buffer.from(await client.encrypt(aes.keyid, randomBytes(32))).toString('base64')
  const data = () => randomBytes(32).toString('base64')
  const secrets = Array.from({ length: SECRETS }, (_, i) => `secret ${i}`)
  for (const secretName of secrets) await client.createSecret({ secretName, secretData: data() })
  const secretName = (i: number) => secrets[i % SECRETS]!

  const rows: [name: string, action: string, count: number, payload: (i: number) => object][] = [
    ['Encrypt AES-256-GCM, 32 bytes', 'Encrypt', COUNT, () => ({ keyid: aes.keyid, plaintext: data() })],
    ['Decrypt AES-256-GCM, 32 bytes', 'Decrypt', COUNT, () => ({ keyid: aes.keyid, ciphertext })],
    ['GenerateDataKey, 32 bytes', 'GenerateDataKey', COUNT, () => ({ keyid: aes.keyid, keylen: 32 })],
    ['Sign P-256', 'Sign', COUNT / 2, () => ({ keyid: ec.keyid, message: data() })],
    ['Sign RSA-2048', 'Sign', COUNT / 10, () => ({ keyid: rsa.keyid, message: data() })],
    ['Sign SM2', 'Sign', COUNT / 10, () => ({ keyid: sm2.keyid, message: data() })],
    ['GetSecretValue, 44 characters', 'GetSecretValue', COUNT, (i) => ({ secretName: secretName(i) })],
    ['PutSecretValue, 44 characters', 'PutSecretValue', COUNT / 10, (i) => ({ secretName: secretName(i), secretData: data() })],
    ['CreateKey AES', 'CreateKey', Math.min(COUNT / 8, 9000), () => ({ keyspec: 'EH_AES_GCM_256', origin: 'EH_INTERNAL_KEY' })],
  ]
  const wanted = rows.filter(([name]) => values.only === undefined || name.includes(values.only))

  const rates = new Map<string, number>()
  console.log(
    `${'operation'.padEnd(32)} ${'per second'.padStart(10)} ${'of echo'.padStart(8)} ${'p50 ms'.padStart(8)} ${'p99 ms'.padStart(8)}`,
  )
  for (const [name, action, count, payload] of wanted) {
    // Echo and operation take turns, each warmed up, so that a noisy moment hits both.
    const probe = (n: number) => signedRequests(credentials, action, n, payload)
    await load(echo.port, probe(Math.min(count, 5000)))
    await load(server.port, probe(Math.min(count, 5000)))
    let best: { ratio: number; rate: number; latencies: Float64Array } = { ratio: 0, rate: 0, latencies: new Float64Array([0]) }
    for (let round = 0; round < 3; round++) {
      const part = Math.ceil(count / 3)
      const echoed = await load(echo.port, probe(Math.max(part, 5000)))
      const echoRate = echoed.latencies.length / echoed.seconds
      const measured = await load(server.port, probe(part))
      const rate = part / measured.seconds
      if (rate / echoRate > best.ratio) best = { ratio: rate / echoRate, rate, latencies: measured.latencies }
    }
    rates.set(name, best.rate)
    const { latencies } = best
    console.log(
      `${name.padEnd(32)} ${best.rate.toFixed(0).padStart(10)} ${best.ratio.toFixed(2).padStart(8)} ${percentile(latencies, 0.5)} ${percentile(latencies, 0.99)}`,
    )
  }
  for (const [type, name] of [
    ['ec', 'Sign P-256'],
    ['rsa', 'Sign RSA-2048'],
  ] as const) {
    const rate = rates.get(name)
    if (rate === undefined) continue
    const bare = bareSignRate(type)
    console.log(`${name}: ${(rate / bare).toFixed(2)} of bare crypto.sign on one thread (${bare.toFixed(0)} per second)`)
  }
  const soak = Number(values.soak)
  for (let sent = 0; sent < soak; sent += COUNT) await load(server.port, signedRequests(credentials, 'Encrypt', COUNT, rows[0]![3]))
  if (soak > 0) console.log(`resident memory after ${soak} more requests: ${residentMegabytes(server.child.pid!).toFixed(0)} MB`)
} finally {
  echo.child.kill()
  server.child.kill()
  rmSync(folder, { recursive: true, force: true })
}
