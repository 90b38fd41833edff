import type { Credential } from '../credential.ts'
import { activateCredential } from './commands/attestation.ts'
import { create, load } from './commands/object.ts'
import type { LoadedObject } from './commands/object.ts'
import { withEkPolicy } from './endorsement.ts'
import type { EndorsementOptions } from './endorsement.ts'
import { akTemplate } from './templates.ts'
import type { AkOptions } from './templates.ts'
import type { Authorization, Tpm } from './tpm.ts'

/** A key as it is kept outside of the TPM, useless without its parent. */
export interface KeyBlob {
  /** TPMT_PUBLIC. */
  readonly publicBytes: Uint8Array
  /** The contents of TPM2B_PRIVATE, encrypted by the parent. */
  readonly privateBytes: Uint8Array
}

/**
 * Makes an attestation key under the default EK. Keep the blob for `loadAk`, or load the key and make it persistent with `tpm2.evictControl`.
 *
 * @example
 * await tpm.exclusive(async (tpm) => {
 *   const ek = await createEk(tpm, 'ecc')
 *   const { publicBytes } = await createAk(tpm, ek, { scheme: 'ecdsa' })
 *   parsePublicArea(publicBytes).type // → 'ecc'
 * })
 */
export function createAk(
  tpm: Tpm,
  ek: LoadedObject,
  options: AkOptions & { authValue?: Uint8Array } & EndorsementOptions,
): Promise<KeyBlob> {
  return withEkPolicy(tpm, ek, options, async (authorization) => {
    const { authValue } = options
    const template = akTemplate(options)
    const { publicBytes, privateBytes } = await create(tpm, { parent: ek, authorization, template, ...(authValue && { authValue }) })
    return { publicBytes, privateBytes }
  })
}

/**
 * Loads an attestation key that `createAk` made under the same EK. It is transient.
 *
 * @example
 * await tpm.exclusive(async (tpm) => {
 *   const ak = await loadAk(tpm, ek, akBlob)
 *   ak.name.length // → 34
 * })
 */
export function loadAk(
  tpm: Tpm,
  ek: LoadedObject,
  { publicBytes, privateBytes }: KeyBlob,
  options: EndorsementOptions = {},
): Promise<LoadedObject> {
  return withEkPolicy(tpm, ek, options, (authorization) => load(tpm, { parent: ek, publicBytes, privateBytes, authorization }))
}

/**
 * Opens a challenge that `makeCredential` made for this EK and the Name of this AK: the secret proves to the challenger that both are in one TPM
 * (TPM 2.0 Library, Part 1, "Credential Protection").
 *
 * @example
 * await tpm.exclusive(async (tpm) => {
 *   const ak = await loadAk(tpm, ek, akBlob)
 *   const secret = randomBytes(32)
 *   const answer = await activateAk(tpm, { ek, ak }, makeCredential(ek.publicArea, ak.name, secret))
 *   secret.equals(answer) // → true
 * })
 */
export function activateAk(
  tpm: Tpm,
  keys: { ek: LoadedObject; ak: LoadedObject },
  { credentialBlob, encryptedSecret }: Credential,
  options: EndorsementOptions & { akAuth?: Authorization } = {},
): Promise<Uint8Array> {
  return withEkPolicy(tpm, keys.ek, options, (keyAuthorization) =>
    activateCredential(tpm, {
      object: keys.ak,
      ...(options.akAuth !== undefined && { objectAuthorization: options.akAuth }),
      key: keys.ek,
      keyAuthorization,
      credentialBlob,
      encryptedSecret,
    }),
  )
}
