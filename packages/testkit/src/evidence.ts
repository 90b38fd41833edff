// Nodes without a TPM: software quotes over logs, and the requests that attest them.
import { createHash } from 'node:crypto'
import { encodeAttest, encodeSignature, parseAttest, parseEventLog, replay, type HashAlgorithm, type PcrBank } from '@vouchsafe/tpm'
import { bootLog } from './boot-log.ts'
import { imaPcr, writeImaLog, type Measurement } from './ima-log-writer.ts'
import { ecAk, signed, softwareQuote, type SoftwareAk } from './software-quote.ts'
import { PREFIX, ask, type Answer } from './authority.ts'
import type { Entity, Pki } from './pki.ts'

export const BOOT_PCRS = [0, 1, 2, 3, 4, 5, 6, 7]

export interface TestNode {
  nodeId: string
  ak: SoftwareAk
  /** PEM of the AK's certificate. */
  akCert: string
}

/** Evidence as it is sent; tests change it. */
export interface SentEvidence {
  ak_cert: string
  quote: { quote_data: string; signature: string }
  pcrs: { hash_alg: string; pcr_values: { pcr_index: number; pcr_value: string }[] }
  logs: { log_type: string; log_data: string }[]
}

export interface QuoteOptions {
  /** What the quote is made for. */
  nonce?: Uint8Array
  bank?: PcrBank
}

/** A node whose AK's certificate the CA issues. */
export async function testNode(pki: Pki, ca: Entity, nodeId = 'node-1', ak = ecAk('P-256', 'sha256')): Promise<TestNode> {
  const { pem } = await pki.leaf(ca, `CN=${nodeId}`, { publicKey: ak.publicKey })
  return { nodeId, ak, akCert: pem }
}

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64')
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

/** The PCRs that a boot log leads to. */
export function bootBank(log: Uint8Array, algorithm: HashAlgorithm = 'sha256', indices: readonly number[] = BOOT_PCRS): PcrBank {
  const replayed = replay(parseEventLog(log), algorithm, { sm3: (data) => createHash('sm3').update(data).digest() })
  return { algorithm, values: new Map(indices.map((index) => [index, replayed.get(index)!.value])) }
}

/** Evidence of any log, quoted by the node's AK. */
export function evidenceOf(node: TestNode, bank: PcrBank, log: { type: string; bytes: Uint8Array }, nonce: Uint8Array): SentEvidence {
  const { quote, signature } = softwareQuote(node.ak, nonce, [bank])
  return {
    ak_cert: node.akCert,
    quote: { quote_data: base64(quote), signature: base64(signature) },
    pcrs: {
      hash_alg: bank.algorithm,
      pcr_values: [...bank.values].map(([pcr_index, value]) => ({ pcr_index, pcr_value: hex(value) })),
    },
    logs: [{ log_type: log.type, log_data: base64(log.bytes) }],
  }
}

export function bootEvidence(node: TestNode, { nonce = new Uint8Array(32), bank }: QuoteOptions = {}, log: Uint8Array = bootLog().bytes()) {
  return evidenceOf(node, bank ?? bootBank(log), { type: 'TcgEventLog', bytes: log }, nonce)
}

/** Evidence of a runtime log of which the first `quoted` entries had been measured. */
export function imaEvidence(
  node: TestNode,
  measurements: readonly Measurement[],
  { nonce = new Uint8Array(32), bank, quoted = measurements.length }: QuoteOptions & { quoted?: number } = {},
): SentEvidence {
  const pcr10 = imaPcr(measurements.slice(0, quoted), 'sha256')
  const measured: PcrBank = bank ?? { algorithm: 'sha256', values: new Map([[10, new Uint8Array(pcr10)]]) }
  return evidenceOf(node, measured, { type: 'ImaLog', bytes: writeImaLog(measurements, { format: 'ascii' }) }, nonce)
}

/** Changes fields of a quote and signs it again, as only the AK could. */
export function requoted(
  node: TestNode,
  evidence: SentEvidence,
  change: Partial<Extract<ReturnType<typeof parseAttest>, { type: 'quote' }>>,
) {
  const attest = parseAttest(Buffer.from(evidence.quote.quote_data, 'base64'))
  const quote = encodeAttest({ ...attest, ...change } as typeof attest)
  const quoteFields = { quote_data: base64(quote), signature: base64(encodeSignature(signed(node.ak, quote))) }
  return { ...evidence, quote: quoteFields }
}

/** A request to attest one node with `ignore`. */
export function attestBody(nodeId: string, evidence: unknown, type = 'tpm_boot') {
  return {
    agent_version: '1.0',
    nonce_type: 'ignore' as string,
    measurements: [{ node_id: nodeId, evidences: [{ attester_type: type, evidence }] }] as {
      node_id: string
      nonce?: unknown
      attester_data?: unknown
      evidences: { attester_type: string; evidence: unknown; policy_ids?: unknown }[]
    }[],
  }
}

/** Stores a certificate of the user's for attester types. */
export async function storeCertificate(
  url: string,
  user: string,
  pem: string,
  type: string[] = ['tpm_boot', 'tpm_ima'],
  name = 'root',
): Promise<Answer> {
  const answer = await ask(url, 'POST', 'cert', { user, body: { name, type, content: pem } })
  if (answer.status !== 200) throw new Error(answer.body.message)
  return answer
}

/** The claims of a token, unverified. */
export function claimsOf(token: string): Record<string, unknown> {
  return JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString()) as Record<string, unknown>
}

export interface AttestAnswer {
  service_version: string
  message: string
  tokens: { node_id: string; token: string }[]
  errors?: { index: number; node_id: string; message: string }[]
}

export async function attest(url: string, body: unknown, user = 'one', apiKey?: string) {
  const { status, body: answer } = await ask(url, 'POST', `${PREFIX}/attest`, { ...(apiKey ? { apiKey } : { user }), body })
  return { status, body: answer as unknown as AttestAnswer }
}
