/**
 * What requests of the key management API take of the processor, in all threads of the server, beside a bare echo and a bare handler of the same
 * operation (reference.ts). All three get the same requests, signed and distinct, in turns of a second; each ratio is the middle one of the rounds.
 * Then what the server's clients see at half of its rate, and its memory after many requests.
 */
import { generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import { VouchsafeClient } from '@vouchsafe/client'
import type { Report } from './figures.ts'
import { openLoop } from './open-loop.ts'
import { residentMegabytes, startReference, startServer, type Program } from './program.ts'
import { signedRequests, type Credentials } from './requests.ts'
import { median, percentile } from './statistics.ts'
import { CONNECTIONS, load, RequestFile, type Load } from './wrk.ts'

export interface OperationsOptions {
  /** Only rows with this in their names. */
  only: string | undefined
  rounds: number
  /** Added to the server's command line. */
  serverArgs: readonly string[]
  /** Requests before memory is measured; 0 for not at all. */
  soak: number
}

interface Row {
  name: string
  action: string
  /** In reference.ts; none where node:crypto lacks the algorithm. */
  bare?: string
  /** What beside an echo there is to count the processor's time in. */
  signature?: 'ec'
  /** How many requests an app may make; each turn then has an app of its own. */
  perApp?: number
  payload: (i: number) => object
}

const TURN_SECONDS = 1
/** More than are answered in a turn. */
const REQUESTS = 25_000
/** More than connections, so that puts to one secret seldom wait for each other. */
const SECRETS = 256
const WARM_UP_REQUESTS = 20_000
const WARM_UP_TURNS = 5
const OPEN_LOOP_SECONDS = 10
const SIGNATURES = 200

export async function benchOperations(report: Report, options: OperationsOptions): Promise<void> {
  const { only, rounds, serverArgs, soak } = options
  await using server = await startServer(serverArgs)
  const baseUrl = `http://127.0.0.1:${server.port}`
  const credentials = await VouchsafeClient.enroll({ baseUrl })
  const client = new VouchsafeClient({ baseUrl, ...credentials })
  await using echo = await startReference('echo', server.launch, credentials.apikey)
  const rows = await prepare(client)
  const suffix = serverArgs.length === 0 ? '' : ` (${serverArgs.join(' ')})`
  let maximum = 0
  for (const row of rows.filter(({ name }) => only === undefined || name.includes(only))) {
    const signed = (by: Credentials) =>
      new RequestFile(signedRequests(by, row.action, Math.min(REQUESTS, row.perApp ?? Infinity), row.payload))
    const requests = {
      ofReferences: () => signed(credentials),
      ofServer: async () => signed(row.perApp === undefined ? credentials : await VouchsafeClient.enroll({ baseUrl })),
    }
    await using bare = row.bare === undefined ? undefined : await startReference(row.bare, server.launch, credentials.apikey)
    const loads = await measure({ server, echo, bare, rounds, requests, extra: row.signature && signatureMicroseconds })
    if (row.action === 'Encrypt') maximum = median(loads.map(({ ours }) => ours.rate))
    const ratio = (of: (load: Turn) => number) => median(loads.map(of))
    report.row(row.name + suffix, {
      'µs of the processor': ratio(({ ours }) => ours.processor),
      'of an echo': ratio(({ ours, echo }) => ours.processor / echo.processor),
      ...(bare && { 'of a bare handler': ratio(({ ours, bare }) => ours.processor / bare!.processor) }),
      ...(row.signature && {
        'signatures more than an echo': ratio(({ ours, echo, extra }) => (ours.processor - echo.processor) / extra!),
      }),
      'a second': ratio(({ ours }) => ours.rate),
      'ms (p50)': ratio(({ ours }) => ours.p50),
      'ms (p99)': ratio(({ ours }) => ours.p99),
    })
    if (bare)
      console.log(
        `${''.padEnd(58)} (echo ${ratio(({ echo }) => echo.processor).toFixed(1)} µs, bare handler ${ratio(({ bare }) => bare!.processor).toFixed(1)} µs)`,
      )
  }
  const encrypt = rows[0]!
  if (maximum > 0) {
    const rate = Math.floor(maximum / 2)
    const requests = signedRequests(credentials, encrypt.action, rate * OPEN_LOOP_SECONDS, encrypt.payload)
    const { latencies } = await openLoop({ port: server.port, connections: 2 * CONNECTIONS, rate, requests })
    report.row(`Encrypt at half of that rate, arrivals at fixed times${suffix}`, {
      'a second': rate,
      'ms (p50)': percentile(latencies, 0.5),
      'ms (p99)': percentile(latencies, 0.99),
    })
  }
  if (soak === 0) return
  let sent = 0
  while (sent < soak) {
    using file = new RequestFile(signedRequests(credentials, encrypt.action, REQUESTS, encrypt.payload))
    sent += (await load(server, file, TURN_SECONDS)).requests
  }
  report.row(`resident after ${soak.toLocaleString('en-US')} more requests${suffix}`, { MB: residentMegabytes(server.pid) })
}

async function prepare(client: VouchsafeClient): Promise<Row[]> {
  const created = (keyspec: string) => client.createKey({ keyspec, origin: 'EH_INTERNAL_KEY' } as Parameters<typeof client.createKey>[0])
  const [aes, ec, rsa, sm2, hmac] = [
    await created('EH_AES_GCM_256'),
    await created('EH_EC_P256'),
    await created('EH_RSA_2048'),
    await created('EH_SM2'),
    await created('EH_HMAC'),
  ]
  const ciphertext = Buffer.from(await client.encrypt(aes.keyid, randomBytes(32))).toString('base64')
  const data = () => randomBytes(32).toString('base64')
  const secretName = (i: number) => `secret ${i % SECRETS}`
  for (let i = 0; i < SECRETS; i++) await client.createSecret({ secretName: secretName(i), secretData: data() })
  const message = (keyid: string) => () => ({ keyid, message: data() })
  return [
    { name: 'Encrypt AES-256-GCM, 32 bytes', action: 'Encrypt', bare: 'encrypt', payload: () => ({ keyid: aes.keyid, plaintext: data() }) },
    { name: 'Decrypt AES-256-GCM, 32 bytes', action: 'Decrypt', bare: 'decrypt', payload: () => ({ keyid: aes.keyid, ciphertext }) },
    { name: 'GenerateDataKey, 32 bytes', action: 'GenerateDataKey', bare: 'data-key', payload: () => ({ keyid: aes.keyid, keylen: 32 }) },
    {
      name: 'GetSecretValue, 44 characters',
      action: 'GetSecretValue',
      bare: 'get-secret',
      payload: (i) => ({ secretName: secretName(i) }),
    },
    {
      name: 'PutSecretValue, 44 characters',
      action: 'PutSecretValue',
      bare: 'put-secret',
      payload: (i) => ({ secretName: secretName(i), secretData: data() }),
    },
    { name: 'Sign P-256', action: 'Sign', bare: 'sign-p256', signature: 'ec', payload: message(ec.keyid) },
    { name: 'Sign HMAC', action: 'Sign', bare: 'sign-hmac', payload: message(hmac.keyid) },
    { name: 'Sign RSA-2048', action: 'Sign', bare: 'sign-rsa', payload: message(rsa.keyid) },
    { name: 'Sign SM2', action: 'Sign', payload: message(sm2.keyid) },
    {
      name: 'CreateKey AES',
      action: 'CreateKey',
      bare: 'create-key',
      perApp: 10_000,
      payload: () => ({ keyspec: 'EH_AES_GCM_256', origin: 'EH_INTERNAL_KEY' }),
    },
  ]
}

interface TurnRequests {
  ofReferences: () => RequestFile
  ofServer: () => Promise<RequestFile>
}

interface Turn {
  ours: Load
  echo: Load
  bare: Load | undefined
  extra: number | undefined
}

/** Turns of each program, so that a noisy moment hits all of them, once the server is warm. */
async function measure(given: {
  server: Program
  echo: Program
  bare: Program | undefined
  rounds: number
  requests: TurnRequests
  extra: (() => number) | undefined
}): Promise<Turn[]> {
  await warmUp(given.server, given.requests)
  const turns: Turn[] = []
  for (let round = 0; round <= given.rounds; round++) {
    using theirs = given.requests.ofReferences()
    const echo = await load(given.echo, theirs, TURN_SECONDS, true)
    const bare = given.bare && (await load(given.bare, theirs, TURN_SECONDS, true))
    using file = await given.requests.ofServer()
    const ours = await load(given.server, file, TURN_SECONDS)
    const extra = given.extra?.()
    // The first turn warms up the references, which are little code.
    if (round > 0) turns.push({ ours, echo, bare, extra })
  }
  return turns
}

/** A server runs for weeks: its first thousands of requests, before its code is compiled, are not what it costs. */
async function warmUp(server: Program, requests: TurnRequests): Promise<void> {
  let answered = 0
  for (let turn = 0; turn < WARM_UP_TURNS && answered < WARM_UP_REQUESTS; turn++) {
    using file = await requests.ofServer()
    answered += (await load(server, file, TURN_SECONDS)).requests
  }
}

/** One bare P-256 signature, of this thread's processor time. */
function signatureMicroseconds(): number {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const data = randomBytes(32)
  const started = process.threadCpuUsage()
  for (let i = 0; i < SIGNATURES; i++) sign('sha256', data, privateKey)
  const { user, system } = process.threadCpuUsage(started)
  return (user + system) / SIGNATURES
}
