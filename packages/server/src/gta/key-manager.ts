/**
 * The key manager's one route, `GET /v1/vault/get_signing_keys` (contract §12): it hands out the private signing keys, for verifiers of the
 * original system that fetch them at start-up. On a listener of its own, which is off by default; TLS has verified the client's
 * certificate, and the client must be on the list. Each call is recorded in the audit trail before the response is sent.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { TLSSocket, type PeerCertificate } from 'node:tls'
import type { Log, Runtime } from '../foundation/index.ts'
import { SIGNING_KEY_NAMES, type SigningKeys } from '../signing-keys/index.ts'
import { authorise, clientPrincipal } from '../access/index.ts'
import { changeRecord } from '../trail/index.ts'
import type { Storage } from '../storage/index.ts'

const PATH = '/v1/vault/get_signing_keys'
/** Codes of the original (contract §12). */
const UNSUPPORTED = 10002
const UNAVAILABLE = 10003
const FINGERPRINT = /^sha256:/i

export interface KeyManagerOptions {
  signingKeys: SigningKeys
  storage: Storage
  runtime: Runtime
  log: Log
  /** Common names, or `sha256:` and a certificate's fingerprint in hex. */
  clients: readonly string[]
}

export interface KeyManager {
  handle(req: IncomingMessage, res: ServerResponse): void
  /** From the next request on, only these may read the keys. */
  setClients(clients: readonly string[]): void
}

export function createKeyManager(options: KeyManagerOptions): KeyManager {
  const { signingKeys, storage, runtime, log, clients } = options
  let allowed = new Set(clients.map(normalised))

  async function answer(req: IncomingMessage): Promise<{ status: number; body: unknown }> {
    const certificate = req.socket instanceof TLSSocket && req.socket.authorized ? req.socket.getPeerCertificate() : undefined
    const client = certificate && namesOf(certificate).find((name) => allowed.has(name))
    if (client === undefined) {
      log.warn({ client: certificate && namesOf(certificate) }, 'a client that may not read the signing keys asked for them')
      return refusal(403, UNSUPPORTED, 'this client may not read the signing keys')
    }
    const call = { principal: clientPrincipal(client), action: 'GetSigningKeys', requestId: runtime.uuid() }
    authorise(call.principal, 'signing-keys:use')
    const path = req.url?.split('?')[0]
    if (path !== PATH) return refusal(404, UNSUPPORTED, 'no such operation')
    if (req.method !== 'GET') return refusal(405, UNSUPPORTED, 'the method is GET')
    // Creates the keys if there are none yet.
    await signingKeys.current('TSK')
    const lists = await Promise.all(SIGNING_KEY_NAMES.map(async (name) => [name, (await signingKeys.all(name)).map(exported)] as const))
    const keys = Object.fromEntries(lists)
    await storage.appendAudit({ rows: [changeRecord(call, '', runtime.now())] })
    return { status: 200, body: { ...keys, PSK: keys.FSK } }
  }

  function handle(req: IncomingMessage, res: ServerResponse): void {
    req.resume()
    // Clients ask once, at their start; a connection that stays open is of no use to them.
    res.shouldKeepAlive = false
    const send = ({ status, body }: { status: number; body: unknown }) =>
      void res.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' }).end(JSON.stringify(body))
    answer(req).then(send, (error: unknown) => {
      log.error({ err: error }, 'a request of the key manager failed')
      send(refusal(503, UNAVAILABLE, 'the signing keys are not available'))
    })
  }

  return { handle, setClients: (changed) => void (allowed = new Set(changed.map(normalised))) }
}

function exported({ version, privateKey, algorithm }: Awaited<ReturnType<SigningKeys['all']>>[number]) {
  return { version: `v${version}`, private_key: privateKey.export({ format: 'pem', type: 'pkcs8' }), algorithm, encoding: 'pem' }
}

/** The names under which a certificate may be listed. */
function namesOf({ subject, fingerprint256 }: PeerCertificate): string[] {
  const [commonName, ...others] = [subject?.CN ?? []].flat()
  // A name that looks like a fingerprint is ignored.
  const isName = commonName !== undefined && others.length === 0 && !FINGERPRINT.test(commonName)
  return [...(isName ? [commonName] : []), normalised(`sha256:${fingerprint256 ?? ''}`)]
}

/** Fingerprints in lower case without colons; names as they are. */
function normalised(client: string): string {
  return FINGERPRINT.test(client) ? `sha256:${client.slice(7).replaceAll(':', '').toLowerCase()}` : client
}

function refusal(status: number, code: number, message: string) {
  return { status, body: { code, message } }
}
