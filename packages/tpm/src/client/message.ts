// Commands to bytes and bytes to responses. Source: TPM 2.0 Library, Part 1, "Command/Response Structure".
import { hash } from '../hash.ts'
import { TpmReader } from '../structures/reader.ts'
import { TpmWriter } from '../structures/writer.ts'
import { commandName } from './command-codes.ts'
import { Session, sessionAttributes } from './session.ts'
import { handleOf } from './tpm.ts'
import type { Authorization, Entity, TpmCommand, TpmResponse } from './tpm.ts'
import { TpmError } from '../error.ts'
import { HEADER_SIZE, MAX_MESSAGE } from './transport.ts'

const ST_NO_SESSIONS = 0x8001
const ST_SESSIONS = 0x8002
const RS_PW = 0x40000009
const NO_BYTES = new Uint8Array(0)

/** One authorization of a command that was sent, needed to read the response. */
interface SentAuthorization {
  session: Session | undefined
  authValue: Uint8Array
  attributes: number
}

export interface EncodedCommand {
  bytes: Uint8Array
  authorizations: SentAuthorization[]
}

/**
 * The bytes of a command with its authorizations. A session's nonce rolls here, so the result is to be sent, and may be sent again only when the TPM did not
 * carry it out. The first session that can encrypt does so. Throws TpmError.
 */
export function encodeCommand(command: TpmCommand): EncodedCommand {
  const authorizations = command.handles.flatMap(({ authorization }) => (authorization === undefined ? [] : [authorization]))
  const encrypting = authorizations.findIndex((authorization) => 'session' in authorization && authorization.session.encrypts)
  const sent = authorizations.map((authorization, i) => sentAuthorization(authorization, i === encrypting ? command.sizedFirst : undefined))
  const nonces = sent.map(({ session }) => session?.rollCaller() ?? NO_BYTES)
  const decrypted = sent.find(({ attributes }) => (attributes & sessionAttributes.decrypt) !== 0)
  const parameters =
    decrypted?.session === undefined
      ? command.parameters
      : withFirstSized(command.parameters, (data) => decrypted.session!.encryptCommand(data, decrypted.authValue))
  const otherNonce = (encrypting > 0 && command.sizedFirst !== undefined && sent[encrypting]?.session?.nonceTpm) || NO_BYTES
  const area = new TpmWriter()
  sent.forEach(({ session, authValue, attributes }, i) => {
    const hmac =
      session?.commandHmac(hashOfCommand(session, command, parameters), attributes, authValue, i === 0 ? otherNonce : NO_BYTES) ?? authValue
    area
      .u32(session?.handle ?? RS_PW)
      .sized(nonces[i]!)
      .u8(attributes)
      .sized(hmac, 'authorization')
  })
  const body = new TpmWriter()
  for (const { entity } of command.handles) body.u32(handleOf(entity))
  if (sent.length > 0) {
    const bytes = area.finish()
    body.u32(bytes.length).bytes(bytes)
  }
  const rest = body.bytes(parameters).finish()
  const size = HEADER_SIZE + rest.length
  if (size > MAX_MESSAGE)
    throw new TpmError(`${commandName(command.code)}: ${size} bytes are more than a TPM takes`, { field: 'commandSize' })
  const tag = sent.length > 0 ? ST_SESSIONS : ST_NO_SESSIONS
  return { bytes: new TpmWriter().u16(tag).u32(size).u32(command.code).bytes(rest).finish(), authorizations: sent }
}

/** TPM_RC of a whole response. */
export function responseCode(response: Uint8Array): number {
  return new DataView(response.buffer, response.byteOffset).getUint32(6)
}

/** The handle with which a successful response begins: known before the rest is read, so that it can be flushed whatever else is wrong. */
export function responseHandle(response: Uint8Array, command: TpmCommand): number | undefined {
  if (command.returnsHandle !== true) return undefined
  return new TpmReader(response.subarray(HEADER_SIZE), HEADER_SIZE).u32('handle')
}

/** Reads a successful response, and checks and decrypts it where a session does that. Throws TpmError. */
export function decodeResponse(response: Uint8Array, command: TpmCommand, { authorizations }: EncodedCommand): TpmResponse {
  const reader = new TpmReader(response)
  const tag = reader.u16('tag')
  reader.bytes(HEADER_SIZE - 2, 'header')
  const wanted = authorizations.length > 0 ? ST_SESSIONS : ST_NO_SESSIONS
  if (tag !== wanted)
    throw new TpmError(`response: tag 0x${tag.toString(16)} instead of 0x${wanted.toString(16)}`, { field: 'tag', offset: 0 })
  const handle = command.returnsHandle === true ? reader.u32('handle') : undefined
  if (authorizations.length === 0) return { handle, parameters: reader }
  const start = reader.offset + 4
  const parameters = reader.bytes(reader.u32('parameterSize'), 'parameters')
  for (const { session, authValue } of authorizations) {
    const nonce = reader.sized('nonceTPM')
    const attributes = reader.u8('sessionAttributes')
    const hmac = reader.sized('hmac')
    if (session === undefined) continue
    session.rollTpm(nonce)
    const code = new TpmWriter().u32(0).u32(command.code).finish()
    session.checkResponse(hash(session.hash, [code, parameters]), attributes, authValue, hmac)
  }
  reader.expectEnd('response')
  const encrypted = authorizations.find(({ attributes }) => (attributes & sessionAttributes.encrypt) !== 0)
  const plain =
    encrypted?.session === undefined
      ? parameters
      : withFirstSized(parameters, (data) => encrypted.session!.decryptResponse(data, encrypted.authValue))
  return { handle, parameters: new TpmReader(plain, start) }
}

function sentAuthorization(authorization: Authorization, sizedFirst: TpmCommand['sizedFirst']): SentAuthorization {
  if (authorization instanceof Uint8Array) return { session: undefined, authValue: authorization, attributes: 0 }
  const { session, authValue = NO_BYTES } = authorization
  let attributes: number = sessionAttributes.continueSession
  if (session.encrypts && (sizedFirst === 'command' || sizedFirst === 'both')) attributes |= sessionAttributes.decrypt
  if (session.encrypts && (sizedFirst === 'response' || sizedFirst === 'both')) attributes |= sessionAttributes.encrypt
  return { session, authValue, attributes }
}

/** cpHash (Part 1, "Command Parameter Hash"). */
function hashOfCommand(session: Session, { code, handles }: TpmCommand, parameters: Uint8Array): Uint8Array {
  return hash(session.hash, [new TpmWriter().u32(code).finish(), ...handles.map(({ entity }) => nameOf(entity)), parameters])
}

/** The Name of an entity; that of a hierarchy, a PCR or a session is its handle (Part 1, "Names"). */
function nameOf(entity: Entity): Uint8Array {
  if (typeof entity !== 'number') return entity.name
  const type = entity >>> 24
  if (type === 0x01 || type >= 0x80)
    throw new TpmError(`handle 0x${entity.toString(16)}: a session needs its Name; read its public part first`, { field: 'handle' })
  return new TpmWriter().u32(entity).finish()
}

/** The parameters with the contents of the first, a TPM2B, replaced by as many bytes. */
function withFirstSized(parameters: Uint8Array, change: (data: Uint8Array) => Uint8Array): Uint8Array {
  const reader = new TpmReader(parameters)
  const data = reader.sized('first parameter')
  return new TpmWriter().sized(change(data)).bytes(reader.rest()).finish()
}
