// TPM 2.0 Library, Part 3, "Session Commands" and "Enhanced Authorization (EA) Commands".
import { randomBytes } from 'node:crypto'
import { digestSizes } from '../../hash.ts'
import { kdfa } from '../../kdf.ts'
import { shareSecret } from '../../secret-sharing.ts'
import { algorithmIds } from '../../structures/algorithms.ts'
import { DIGEST_LIMIT, readDigest } from '../../structures/digest.ts'
import { encodePcrSelections } from '../../structures/pcr-selection.ts'
import type { PcrSelection } from '../../structures/pcr-selection.ts'
import { writeSymmetric } from '../../structures/symmetric.ts'
import { TpmWriter } from '../../structures/writer.ts'
import { commandCodes } from '../command-codes.ts'
import { hierarchies } from '../handles.ts'
import { Session } from '../session.ts'
import type { SessionHash, SessionKind } from '../session.ts'
import type { Authorization, Entity, Tpm } from '../tpm.ts'
import type { LoadedObject } from './object.ts'

export interface SessionOptions {
  kind: SessionKind
  /** SHA-256 unless given; a policy session's is that of its policy. */
  hash?: SessionHash
  /**
   * A loaded decryption key (a storage or endorsement key) with which a secret is shared with the TPM: then every HMAC proves that the
   * answer comes from the TPM that holds this key, and the first parameters of commands and responses are encrypted (AES-128), so that no
   * one on the bus can read them.
   */
  saltKey?: LoadedObject
}

/** TPM_SE (Part 2, §6.11). */
const SESSION_TYPES = { hmac: 0x00, policy: 0x01, trial: 0x03 } as const
const NONE = new Uint8Array(0)

/** TPM2_StartAuthSession: unbound, salted when a key is given. Flush it with `flushContext`, unless `exclusive` does. */
export async function startAuthSession(tpm: Tpm, { kind, hash = 'sha256', saltKey }: SessionOptions): Promise<Session> {
  const size = digestSizes[hash]
  const nonceCaller = new Uint8Array(randomBytes(size))
  const encrypts = saltKey !== undefined
  const salt = encrypts ? shareSecret(saltKey.publicArea, 'SECRET', 'salt key') : undefined
  const parameters = new TpmWriter()
    .sized(nonceCaller)
    .sized(salt?.encryptedSecret ?? NONE, 'encryptedSalt')
    .u8(SESSION_TYPES[kind])
  writeSymmetric(parameters, encrypts ? { algorithm: 'aes', keyBits: 128, mode: 'cfb' } : { algorithm: 'null' }).u16(algorithmIds[hash])
  const response = await tpm.execute({
    code: commandCodes.StartAuthSession,
    handles: [{ entity: saltKey ?? hierarchies.null }, { entity: hierarchies.null }],
    parameters: parameters.finish(),
    returnsHandle: true,
  })
  const nonceTpm = response.parameters.sized('nonceTPM', DIGEST_LIMIT)
  response.parameters.expectEnd('response')
  const sessionKey = salt === undefined ? NONE : kdfa(hash, salt.secret, 'ATH', nonceTpm, nonceCaller, 8 * size)
  return new Session({ handle: response.handle!, kind, hash, nonceCaller, nonceTpm, sessionKey, encrypts })
}

/** TPM2_PolicySecret: the policy holds when the entity's authorization value is known. `authorization` shows it. */
export async function policySecret(tpm: Tpm, session: Session, entity: Entity, authorization: Authorization = NONE): Promise<void> {
  const { parameters } = await tpm.execute({
    code: commandCodes.PolicySecret,
    handles: [{ entity, authorization }, { entity: session.handle }],
    // No nonceTPM, cpHashA and policyRef; no expiration.
    parameters: new TpmWriter().sized(NONE).sized(NONE).sized(NONE).u32(0).finish(),
  })
  parameters.sized('timeout')
  parameters.u16('policyTicket tag')
  parameters.u32('policyTicket hierarchy')
  parameters.sized('policyTicket digest')
  parameters.expectEnd('response')
}

/**
 * TPM2_PolicyPCR: the policy holds while the selected PCRs have the values with this digest; unless it is given, the values that they have now. With a given
 * digest that isn't that of the PCRs, the TPM says TPM_RC_VALUE at once; in a trial session it takes any.
 */
export async function policyPcr(tpm: Tpm, session: Session, pcrs: readonly PcrSelection[], pcrDigest: Uint8Array = NONE): Promise<void> {
  await tpm.execute({
    code: commandCodes.PolicyPCR,
    handles: [{ entity: session.handle }],
    parameters: new TpmWriter().sized(pcrDigest, 'pcrDigest').bytes(encodePcrSelections(pcrs)).finish(),
  })
}

/** TPM2_PolicyGetDigest: the policy so far, which is what an object's `authPolicy` must be. */
export async function policyGetDigest(tpm: Tpm, session: Session): Promise<Uint8Array> {
  const { parameters } = await tpm.execute({
    code: commandCodes.PolicyGetDigest,
    handles: [{ entity: session.handle }],
    parameters: NONE,
  })
  const digest = readDigest(parameters, 'policyDigest')
  parameters.expectEnd('response')
  return digest
}
