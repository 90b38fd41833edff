// The attestation service, as the agent needs it: its answers are believed only in the shape that they must have, its failures are ours.
import { readFile } from 'node:fs/promises'
import { AuthorityClient, VouchsafeConnectionError, VouchsafeError } from '@vouchsafe/client'
import type { AttestRequest, TlsOptions } from '@vouchsafe/client'
import { ConfigError } from './config.ts'
import type { ServerSettings } from './config.ts'
import { AgentError, messageOf } from './errors.ts'
import { FieldError, list, optional, required, shape, text } from './fields.ts'
import type { Reader } from './fields.ts'
import { readNonce } from './requests.ts'
import type { EvidenceDocument, Nonce } from './wire.ts'

const MAX_MESSAGE = 500

/** What the server made of an attestation. */
export interface AttestAnswer {
  readonly tokens: readonly { readonly node_id: string; readonly token: string }[]
  readonly errors: readonly { readonly message: string }[]
}

/** Three parts of base64url (RFC 7515 §7.1); whether it is genuine is for those who rely on it. */
const readToken: Reader<string> = (value, field) => {
  const token = text(1, 1_000_000)(value, field)
  if (!/^[\w-]+\.[\w-]+\.[\w-]+$/.test(token)) throw new FieldError(field, 'is not a JSON Web Token')
  return token
}

const ATTEST_ANSWER = shape(
  {
    tokens: required(list(shape({ node_id: required(text(1, 255)), token: required(readToken) }, 'ignore'), 0, 64)),
    errors: optional(list(shape({ message: required(text(0, 4096)) }, 'ignore'), 0, 64)),
  },
  'ignore',
)

export interface ServerClient {
  /** A new nonce. Throws AgentError `network` or `server`. */
  challenge(types: readonly string[]): Promise<Nonce>
  /** Throws AgentError `network` or `server`. */
  attest(document: EvidenceDocument): Promise<AttestAnswer>
  /** Any other call, whose failures become AgentErrors `network` or `server`. */
  call<T>(work: (authority: AuthorityClient) => Promise<T>): Promise<T>
}

/** Reads the files that the settings name; connections come about with the first call. Throws Error for what can't be read or used. */
export async function connectServer({ url, userId, timeoutMs, ...settings }: ServerSettings): Promise<ServerClient> {
  const file = async (path: string | undefined) => (path === undefined ? undefined : await readFile(path, 'latin1'))
  const paths = url.protocol === 'https:' ? [settings.caPath, settings.certPath, settings.keyPath] : []
  const [ca, cert, key] = await Promise.all(paths.map(file))
  const apiKey = settings.apiKey ?? (await file(settings.apiKeyPath))?.trim()
  const tls: TlsOptions = { ...(ca !== undefined && { ca }), ...(cert !== undefined && { cert }), ...(key !== undefined && { key }) }
  const authority = usable(
    () =>
      new AuthorityClient({
        baseUrl: url.href,
        timeoutMs,
        ...(userId !== undefined && { user: userId }),
        ...(apiKey !== undefined && { apiKey }),
        ...(Object.keys(tls).length > 0 && { tls }),
      }),
  )

  async function call<T>(work: (authority: AuthorityClient) => Promise<T>): Promise<T> {
    try {
      return await work(authority)
    } catch (error) {
      if (error instanceof VouchsafeError)
        throw new AgentError('server', `${printable(error.message)} (status ${error.code})`, { cause: error })
      if (error instanceof FieldError)
        throw new AgentError('server', `the answer is not one of an attestation service: ${error.message}`, { cause: error })
      if (!(error instanceof VouchsafeConnectionError)) throw error
      // What came back but is no answer is the server's fault; the rest is the way there.
      throw new AgentError(error.transient ? 'network' : 'server', `${url.origin}: ${printable(messageOf(error))}`, { cause: error })
    }
  }

  return {
    challenge: (types) => call(async (authority) => readNonce(await authority.challenge(types), 'nonce')),
    attest: (document) =>
      call(async (authority) => {
        const { tokens, errors } = ATTEST_ANSWER(await authority.attest(document as AttestRequest), '')
        return { tokens, errors: (errors ?? []).map(({ message }) => ({ message: printable(message) })) }
      }),
    call,
  }
}

/** Turns what the client says against its options into a ConfigError. */
function usable<T>(use: () => T): T {
  try {
    return use()
  } catch (error) {
    if (!(error instanceof TypeError)) throw error
    const fields: Record<string, string> = {
      baseUrl: 'server.server_url',
      user: 'agent.user_id',
      apiKey: 'agent.apikey',
      tls: 'server.tls',
    }
    throw new ConfigError(
      error.message.replaceAll(/\b(?:baseUrl|user|apiKey|tls)\b/g, (name) => fields[name]!),
      { cause: error },
    )
  }
}

/** The server's words, bounded and without control characters. */
function printable(message: string): string {
  return message.slice(0, MAX_MESSAGE).replace(/[\p{Cc}\u2028\u2029]/gu, ' ')
}
