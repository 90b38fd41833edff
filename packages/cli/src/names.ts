// The short names of the command line and the API's own.
import { KEY_SPECS } from '@vouchsafe/client'
import type { DigestMode, KeySpec, KeyUsage, PaddingMode } from '@vouchsafe/client'
import { UsageError } from './command.ts'
import { didYouMean } from './nearest.ts'

export const PADDINGS = { pkcs1: 'EH_RSA_PKCS1', pss: 'EH_RSA_PKCS1_PSS', oaep: 'EH_RSA_PKCS1_OAEP' } as const satisfies Record<
  string,
  PaddingMode
>
export const DIGESTS = {
  sha224: 'EH_SHA_224',
  sha256: 'EH_SHA_256',
  sha384: 'EH_SHA_384',
  sha512: 'EH_SHA_512',
  sm3: 'EH_SM3',
} as const satisfies Record<string, DigestMode>
export const USAGES = { encrypt: 'EH_KEYUSAGE_ENCRYPT_DECRYPT', sign: 'EH_KEYUSAGE_SIGN_VERIFY' } as const satisfies Record<
  string,
  KeyUsage
>

/** `EH_AES_GCM_256` from itself or from `aes-gcm-256`. Throws UsageError. */
export function keySpec(text: string): KeySpec {
  const wanted = `EH_${text.toUpperCase().replaceAll('-', '_').replace(/^EH_/, '')}`
  const found = KEY_SPECS.find((spec) => spec === wanted)
  if (found) return found
  const short = KEY_SPECS.map(shortSpec)
  throw new UsageError(`unknown key spec '${text}'${didYouMean(text.toLowerCase(), short) || `; there are: ${short.join(', ')}`}`)
}

/** `aes-gcm-256` from `EH_AES_GCM_256`. */
export function shortSpec(spec: string): string {
  return spec.replace(/^EH_/, '').toLowerCase().replaceAll('_', '-')
}

/** The API's name for an option's value. Throws UsageError that lists the choices. */
export function choice<T extends Record<string, string>>(option: string, names: T, value: string): T[keyof T] {
  const found = Object.hasOwn(names, value) ? names[value] : Object.values(names).find((name) => name === value)
  if (found === undefined) throw new UsageError(`--${option} must be one of: ${Object.keys(names).join(', ')}`)
  return found as T[keyof T]
}
