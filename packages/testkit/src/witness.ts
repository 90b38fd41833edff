import { generateKeyPairSync, hash, sign, type KeyObject } from 'node:crypto'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import {
  formatSignatureLines,
  LogFormatError,
  parseAddCheckpoint,
  parseCheckpoint,
  parseNote,
  SignatureError,
  signNote,
  verifierKey,
  verifyConsistency,
  verifyNote,
  type NoteSigner,
  type SignatureType,
  type TreeHead,
  type VerifierKey,
} from '@vouchsafe/audit-log'
import { verifyRaw } from '@vouchsafe/x509'

const sha256 = (bytes: Uint8Array): Uint8Array => new Uint8Array(hash('sha256', bytes, 'buffer'))
const JSON_WEB_KEY_PART = { note: 'x', 'cosignature-ed25519': 'x', 'cosignature-ml-dsa-44': 'pub' } as const

/** A new key of a log or a witness. */
export function makeSigner(name: string, type: SignatureType): NoteSigner {
  const pair: { publicKey: KeyObject; privateKey: KeyObject } =
    type === 'cosignature-ml-dsa-44' ? generateKeyPairSync('ml-dsa-44') : generateKeyPairSync('ed25519')
  const jwk = pair.publicKey.export({ format: 'jwk' }) as Record<string, string>
  const publicKey = new Uint8Array(Buffer.from(jwk[JSON_WEB_KEY_PART[type]]!, 'base64url'))
  return { key: verifierKey(sha256, name, type, publicKey), sign: (message) => new Uint8Array(sign(null, message, pair.privateKey)) }
}

export interface WitnessAnswer {
  status: number
  body: string
  type?: string
}

export interface TestWitness extends AsyncDisposable {
  url: string
  signers: readonly NoteSigner[]
  /** The keys of the logs that it knows, by origin. */
  trusted: Map<string, VerifierKey>
  /** What it cosigned last, by origin. */
  cosigned: Map<string, TreeHead>
  /** Sizes that it was asked about, with what it answered. */
  seen: { oldSize: number; size: number; status: number }[]
  /** Answers instead of it; it then does what it does only if asked to. Requests at one time are counted too. */
  answer: ((res: ServerResponse, honest: () => Promise<WitnessAnswer>, body: string) => void | Promise<void>) | undefined
  /** The most requests that it had at one time. */
  atOnce: number
}

/** A witness as C2SP tlog-witness has it, on a port of this machine. */
export async function startWitness(...signers: NoteSigner[]): Promise<TestWitness> {
  let open = 0
  const server = createServer(async (request, res) => {
    witness.atOnce = Math.max(witness.atOnce, ++open)
    res.once('close', () => open--)
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const body = Buffer.concat(chunks).toString()
    const isCall = request.method === 'POST' && request.url === '/w/add-checkpoint'
    const honest = async (): Promise<WitnessAnswer> => (isCall ? judge(witness, body) : { status: 404, body: '' })
    if (witness.answer) return void (await witness.answer(res, honest, body))
    const { status, body: text, type = 'text/plain' } = await honest()
    res.writeHead(status, { 'content-type': type }).end(text)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const witness: TestWitness = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/w`,
    signers,
    trusted: new Map(),
    cosigned: new Map(),
    seen: [],
    answer: undefined,
    atOnce: 0,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return witness
}

async function judge(witness: TestWitness, body: string): Promise<WitnessAnswer> {
  try {
    const request = parseAddCheckpoint(body)
    const { size } = parseCheckpoint(parseNote(request.checkpoint).text)
    const answer = await addCheckpoint(witness, request)
    witness.seen.push({ oldSize: request.oldSize, size, status: answer.status })
    return answer
  } catch (error) {
    if (error instanceof LogFormatError) return { status: 400, body: error.message }
    throw error
  }
}

async function addCheckpoint(
  { trusted, cosigned, signers }: TestWitness,
  { oldSize, proof, checkpoint }: ReturnType<typeof parseAddCheckpoint>,
): Promise<WitnessAnswer> {
  const note = parseNote(checkpoint)
  const { origin, size, root } = parseCheckpoint(note.text)
  const key = trusted.get(origin)
  if (key === undefined) return { status: 404, body: '' }
  try {
    await verifyNote(note, [key], verifyRaw)
  } catch (error) {
    if (error instanceof SignatureError) return { status: 403, body: '' }
    throw error
  }
  if (oldSize > size) return { status: 400, body: '' }
  const last = cosigned.get(origin) ?? { size: 0, root: sha256(new Uint8Array()) }
  if (last.size !== oldSize) return { status: 409, body: `${last.size}\n`, type: 'text/x.tlog.size' }
  if (last.size === size && !Buffer.from(last.root).equals(root)) return { status: 409, body: '' }
  if (last.size > 0 && !verifyConsistency(sha256, { from: last, to: { size, root }, proof })) return { status: 422, body: '' }
  cosigned.set(origin, { size, root })
  const signatures = await Promise.all(signers.map((signer) => signNote(note.text, signer, Math.floor(Date.now() / 1000))))
  return { status: 200, body: formatSignatureLines(signatures) }
}
