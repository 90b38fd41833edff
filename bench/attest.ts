/**
 * What one server does for whole attestations, challenge and token included: how many in a time, and what each takes of the processor, beside one RSA-3072
 * signature in the same run. Part of `npm run bench -- --only attestation`.
 */
import { createHash, createPublicKey, generateKeyPairSync, sign } from 'node:crypto'
import { Agent, request } from 'node:http'
import { bootLog } from '@vouchsafe/testkit/boot-log'
import { bootEvidence, imaEvidence, testNode, type SentEvidence, type TestNode } from '@vouchsafe/testkit/evidence'
import { hostMeasurements } from '@vouchsafe/testkit/ima-log-writer'
import { pkiAt } from '@vouchsafe/testkit/pki'
import type { Report } from './figures.ts'
import { processorSeconds, startServer, type ServerProgram } from './program.ts'
import { median } from './statistics.ts'

const PREFIX = '/global-trust-authority/v1/service'
const ROUNDS = 7
/** In each round. */
const ATTESTATIONS = 250
/** Before anything is measured: a server runs for weeks, its first thousand attestations are not what it costs. */
const WARM_UP = 1_500
const CONNECTIONS = 16
/** As many hashes in the revocation list as make a log of about 41 KB. */
const REVOCATIONS = 680
const IMA_ENTRIES = 10_000
const IMA_ROUNDS = 10
const VALUES = 1_000_000
const BASELINES = 10

const POLICY = `package verification
default matched = false
matched {
    input.evidence.logs[_].is_log_valid
    input.evidence.pcrs.pcr_values[_].is_matched
}
result = {"policy_matched": matched, "custom_data": {"hash_alg": input.evidence.pcrs.hash_alg}}
`

export async function benchAttest(report: Report, serverArgs: readonly string[]): Promise<void> {
  await using program = await startServer(serverArgs)
  const server = new Authority(program)
  const pki = pkiAt(Date.now())
  const root = await pki.root()
  const node = await testNode(pki, root)
  await server.post('cert', { name: 'root', type: ['tpm_boot', 'tpm_ima'], content: root.pem })
  const content = Buffer.from(POLICY).toString('base64')
  await server.post('policy', { name: 'policy', attester_type: ['tpm_boot', 'tpm_ima'], content_type: 'text', content, is_default: true })
  await benchBoot(report, server, node)
  await benchIma(report, server, node)
}

/** Complete attestations of a boot log, several at once, each with a nonce and a quote of its own. */
async function benchBoot(report: Report, server: Authority, node: TestNode): Promise<void> {
  const log = bootLog({ revocations: REVOCATIONS }).bytes()
  const challenge = { agent_version: 'bench', attester_type: ['tpm_boot'] }
  const one = async () => {
    const { nonce } = (await server.post('challenge', challenge)) as { nonce: { value: string } }
    const quoted = Buffer.from(nonce.value, 'base64').subarray(0, 32)
    await server.post('attest', bodyOf(node, 'tpm_boot', bootEvidence(node, { nonce: quoted }, log), nonce))
  }
  await inParallel(WARM_UP, one)
  const rounds: { processor: number; wall: number; signature: number }[] = []
  for (let round = 0; round < ROUNDS; round++) {
    const signature = signatureMilliseconds()
    const before = processorSeconds(server.pid)
    const wall = (await inParallel(ATTESTATIONS, one)) / ATTESTATIONS
    rounds.push({ processor: ((processorSeconds(server.pid) - before) * 1000) / ATTESTATIONS, wall, signature })
  }
  report.row(`tpm_boot with a log of ${(log.length / 1000).toFixed(0)} KB, challenge to token`, {
    'ms of the processor': median(rounds.map(({ processor }) => processor)),
    'of an RSA-3072 signature': median(rounds.map(({ processor, signature }) => processor / signature)),
    'a second': 1000 / median(rounds.map(({ wall }) => wall)),
  })
}

/** Long runtime logs against many reference values, one after the other. */
async function benchIma(report: Report, server: Authority, node: TestNode): Promise<void> {
  const measurements = hostMeasurements(IMA_ENTRIES)
  const known = measurements.map(({ path }) => createHash('sha256').update(path).digest('hex'))
  const { certificate, privateKey } = await signerOf()
  await server.post('cert', { name: 'signer', type: ['refvalue'], content: certificate })
  const digest = (i: number) => known[i] ?? createHash('sha256').update(`value ${i}`).digest('hex')
  for (let baseline = 0; baseline < BASELINES; baseline++) {
    const share = VALUES / BASELINES
    const referenceValues = Array.from({ length: share }, (_, i) => ({ fileName: 'f', sha256: digest(baseline * share + i) }))
    const text = [{ alg: 'RS256' }, { referenceValues }].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')
    const jwt = `${text}.${sign('sha256', Buffer.from(text), privateKey).toString('base64url')}`
    await server.post('ref_value', { name: `baseline ${baseline}`, attester_type: 'tpm_ima', content: jwt })
  }
  const body = Buffer.from(JSON.stringify(bodyOf(node, 'tpm_ima', imaEvidence(node, measurements))))
  const started = performance.now()
  await server.post('attest', body)
  const first = performance.now() - started
  const times: number[] = []
  for (let round = 0; round < IMA_ROUNDS; round++) {
    const before = performance.now()
    await server.post('attest', body)
    times.push(performance.now() - before)
  }
  report.row(`tpm_ima with ${IMA_ENTRIES} entries and ${VALUES} reference values`, {
    'MB of evidence': body.length / 1e6,
    ms: median(times),
    'ms at first, which builds the index': first,
  })
}

function bodyOf(node: TestNode, type: string, evidence: SentEvidence, nonce?: object): object {
  const measurement = { node_id: node.nodeId, ...(nonce && { nonce }), evidences: [{ attester_type: type, evidence }] }
  return { agent_version: 'bench', nonce_type: nonce ? 'default' : 'ignore', measurements: [measurement] }
}

async function signerOf() {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const pki = pkiAt(Date.now())
  const { pem } = await pki.leaf(await pki.root('CN=signers'), 'CN=signer', { publicKey: createPublicKey(privateKey) })
  return { certificate: pem, privateKey }
}

/** Of the processor, for one signature: other work on the machine does not count. */
function signatureMilliseconds(): number {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 3072 })
  const count = 300
  const started = process.threadCpuUsage()
  for (let i = 0; i < count; i++) sign('sha256', Buffer.alloc(32), privateKey)
  const { user, system } = process.threadCpuUsage(started)
  return (user + system) / 1000 / count
}

async function inParallel(count: number, work: () => Promise<void>): Promise<number> {
  const started = performance.now()
  let left = count
  const lane = async () => {
    while (left-- > 0) await work()
  }
  await Promise.all(Array.from({ length: CONNECTIONS }, lane))
  return performance.now() - started
}

/** The attestation authority's interface of a server. */
class Authority {
  readonly #agent = new Agent({ keepAlive: true })
  readonly #port: number
  readonly pid: number

  constructor({ port, pid }: ServerProgram) {
    this.#port = port
    this.pid = pid
  }

  post(path: string, body: object | Buffer): Promise<unknown> {
    const bytes = Buffer.isBuffer(body) ? body : Buffer.from(JSON.stringify(body))
    const headers = { 'content-type': 'application/json', 'content-length': bytes.length, 'user-id': 'bench' }
    const options = { agent: this.#agent, host: '127.0.0.1', port: this.#port, path: `${PREFIX}/${path}`, method: 'POST', headers }
    return new Promise((resolve, reject) => {
      const req = request(options, (res) => {
        const chunks: Buffer[] = []
        res.on('data', (chunk: Buffer) => chunks.push(chunk))
        res.on('end', () => {
          const text = Buffer.concat(chunks).toString()
          if (res.statusCode === 200) resolve(JSON.parse(text))
          else reject(new Error(`${path}: ${text.slice(0, 300)}`))
        })
      })
      req.on('error', reject)
      req.end(bytes)
    })
  }
}
