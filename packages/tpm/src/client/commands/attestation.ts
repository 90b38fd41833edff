// TPM 2.0 Library, Part 3, "Attestation Commands" and "TPM2_ActivateCredential".
import { readSignature } from '../../structures/signature.ts'
import { encodePcrSelections } from '../../structures/pcr-selection.ts'
import type { PcrSelection } from '../../structures/pcr-selection.ts'
import { writeScheme } from '../../structures/scheme.ts'
import type { Scheme } from '../../structures/scheme.ts'
import { TpmReader } from '../../structures/reader.ts'
import { TpmWriter } from '../../structures/writer.ts'
import { commandCodes } from '../command-codes.ts'
import type { Authorization, Entity, Tpm } from '../tpm.ts'

/** What a TPM attests, and the signature over it; both as they came, for `verifyQuote`, `parseAttest` and `parseSignature`. */
export interface Attestation {
  /** TPMS_ATTEST: exactly the bytes that were signed. */
  readonly attest: Uint8Array
  /** TPMT_SIGNATURE. */
  readonly signature: Uint8Array
}

export interface SigningOptions {
  /** The attestation key. */
  key: Entity
  authorization?: Authorization
  /** The verifier's nonce or what else is to be signed along; at most as long as a digest and two bytes. */
  qualifyingData?: Uint8Array
  /** For a key without a scheme of its own; a restricted key has one. */
  scheme?: Scheme
}

const NONE = new Uint8Array(0)

/** TPM2_Quote: signs the digest of the selected PCRs. */
export async function quote(tpm: Tpm, options: SigningOptions & { pcrs: readonly PcrSelection[] }): Promise<Attestation> {
  const { parameters } = await tpm.execute({
    code: commandCodes.Quote,
    handles: [{ entity: options.key, authorization: options.authorization ?? NONE }],
    parameters: signingParameters(options).bytes(encodePcrSelections(options.pcrs)).finish(),
    sizedFirst: 'both',
  })
  return readAttestation(parameters)
}

/** TPM2_Certify: the key signs that the object is loaded in the same TPM. */
export async function certify(
  tpm: Tpm,
  options: SigningOptions & { object: Entity; objectAuthorization?: Authorization },
): Promise<Attestation> {
  const { parameters } = await tpm.execute({
    code: commandCodes.Certify,
    handles: [
      { entity: options.object, authorization: options.objectAuthorization ?? NONE },
      { entity: options.key, authorization: options.authorization ?? NONE },
    ],
    parameters: signingParameters(options).finish(),
    sizedFirst: 'both',
  })
  return readAttestation(parameters)
}

/**
 * TPM2_ActivateCredential: the secret in a credential that was made for the Name of `object` and encrypted to `key` (usually an endorsement key, whose
 * policy `keyAuthorization` satisfies). `credentialBlob` and `encryptedSecret`: the contents of TPM2B_ID_OBJECT and TPM2B_ENCRYPTED_SECRET.
 */
export async function activateCredential(
  tpm: Tpm,
  options: {
    object: Entity
    objectAuthorization?: Authorization
    key: Entity
    keyAuthorization?: Authorization
    credentialBlob: Uint8Array
    encryptedSecret: Uint8Array
  },
): Promise<Uint8Array> {
  const { parameters } = await tpm.execute({
    code: commandCodes.ActivateCredential,
    handles: [
      { entity: options.object, authorization: options.objectAuthorization ?? NONE },
      { entity: options.key, authorization: options.keyAuthorization ?? NONE },
    ],
    parameters: new TpmWriter().sized(options.credentialBlob, 'credentialBlob').sized(options.encryptedSecret, 'secret').finish(),
    sizedFirst: 'both',
  })
  const secret = parameters.sized('certInfo')
  parameters.expectEnd('response')
  return secret
}

function signingParameters({ qualifyingData = NONE, scheme = { scheme: 'null' } }: SigningOptions): TpmWriter {
  return writeScheme(new TpmWriter().sized(qualifyingData, 'qualifyingData'), scheme)
}

function readAttestation(parameters: TpmReader): Attestation {
  const attest = parameters.sized('attest')
  const signature = parameters.rest()
  const reader = new TpmReader(signature)
  readSignature(reader)
  reader.expectEnd('signature')
  return { attest, signature }
}
