/**
 * The vocabulary of both dialects of the API: the document's (`purpose`, EH_PAD_RSA_*, EH_SHA_2_*) and the later one's (`keyusage`,
 * EH_RSA_*, EH_SHA_*), and the misspellings that the document itself prints. Each table maps accepted words to domain values.
 */
import { KEY_SPECS, type Digest, type KeySpec, type KeyUsage, type Padding } from '@vouchsafe/crypto'
import type { CryptographicOperation, WrappingSpec } from '../keys/index.ts'

/** Marks a word that means "nothing was chosen". */
export const ABSENT = Symbol('absent')

export const KEY_SPEC_WORDS: ReadonlyMap<string, KeySpec> = new Map([
  ['EH_AES_GCM_128', 'aes-128-gcm'],
  ['EH_AES_GCM_192', 'aes-192-gcm'],
  ['EH_AES_GCM_256', 'aes-256-gcm'],
  ['EH_RSA_2048', 'rsa-2048'],
  ['EH_RSA_3072', 'rsa-3072'],
  ['EH_RSA_4096', 'rsa-4096'],
  ['EH_EC_P224', 'ec-p224'],
  ['EH_EC_P256', 'ec-p256'],
  ['EH_EC_P256K', 'ec-secp256k1'],
  ['EH_EC_P384', 'ec-p384'],
  ['EH_EC_P521', 'ec-p521'],
  ['EH_SM2', 'sm2'],
  ['EH_SM4_CTR', 'sm4-ctr'],
  ['EH_SM4_CBC', 'sm4-cbc'],
  ['EH_HMAC', 'hmac-256'],
])

export const WRAPPING_SPEC_WORDS: ReadonlyMap<string, WrappingSpec> = new Map(
  [...KEY_SPEC_WORDS].filter((entry): entry is [string, WrappingSpec] => KEY_SPECS.get(entry[1])!.family === 'rsa'),
)

export const ORIGIN_WORDS: ReadonlyMap<string, 'internal' | 'external'> = new Map([
  ['EH_INTERNAL_KEY', 'internal'],
  ['EH_EXTERNAL_KEY', 'external'],
])

export const USAGE_WORDS: ReadonlyMap<string, KeyUsage | typeof ABSENT> = new Map<string, KeyUsage | typeof ABSENT>([
  ['EH_KEYUSAGE_ENCRYPT_DECRYPT', 'encrypt'],
  ['EH_KEYUSAGE_SIGN_VERIFY', 'sign'],
  ['EH_PURPOSE_ENCRYPT_DECRYPT', 'encrypt'],
  ['EH_PURPOSE_SIGN_VERIFY', 'sign'],
  ['EH_PURPOSE_NONE', ABSENT],
])

/** `none` asks for raw RSA, which is refused; other keys have no padding and ignore the field. */
export const PADDING_WORDS: ReadonlyMap<string, Padding | 'none'> = new Map<string, Padding | 'none'>([
  ['EH_PAD_NONE', 'none'],
  ['EH_RSA_PKCS1', 'pkcs1'],
  ['EH_RSA_PKCS1_PSS', 'pss'],
  ['EH_RSA_PKCS1_OAEP', 'oaep'],
  ['EH_PAD_RSA_PKCS1', 'pkcs1'],
  ['EH_PAD_RSA_PKCS1_PSS', 'pss'],
  ['EH_PAD_RSA_PKCS1_OAEP', 'oaep'],
  ['EH_PAD_RSA_NO', 'none'],
  ['EH_PAD_RSA_NONE', 'none'],
  ['EH_NO_PADDING', 'none'],
  ['EH_PAD_PKCS1', 'pkcs1'],
])

export const IMPORT_PADDING_WORDS: ReadonlyMap<string, 'pkcs1' | 'oaep'> = new Map([
  ['EH_RSA_PKCS1', 'pkcs1'],
  ['EH_RSA_PKCS1_OAEP', 'oaep'],
  ['EH_PAD_RSA_PKCS1', 'pkcs1'],
  ['EH_PAD_PKCS1', 'pkcs1'],
  ['EH_PAD_RSA_PKCS1_OAEP', 'oaep'],
])

export const DIGEST_WORDS: ReadonlyMap<string, Digest | typeof ABSENT> = new Map<string, Digest | typeof ABSENT>([
  ['EH_SHA_224', 'sha224'],
  ['EH_SHA_256', 'sha256'],
  ['EH_SHA_384', 'sha384'],
  ['EH_SHA_512', 'sha512'],
  ['EH_SM3', 'sm3'],
  ['EH_SHA_2_224', 'sha224'],
  ['EH_SHA_2_256', 'sha256'],
  ['EH_SHA_2_384', 'sha384'],
  ['EH_SHA_2_512', 'sha512'],
  ['EH_NONE', ABSENT],
])

export const MESSAGE_TYPE_WORDS: ReadonlyMap<string, 'raw' | 'digest'> = new Map([
  ['EH_RAW', 'raw'],
  ['EH_DIGEST', 'digest'],
])

/** The word for a key spec, for responses. */
export function keySpecWord(spec: string): string {
  return wordFor<string>(KEY_SPEC_WORDS, spec)
}

/** An operation in the words of a message: the action, and which of its keys is meant if there are two. */
export function operationWord(operation: CryptographicOperation): string {
  return operation === 'ReceiveDataKey' ? 'ExportDataKey (ukeyid)' : operation
}

/** The later dialect's word for a domain value, for responses. */
export function wordFor<T>(words: ReadonlyMap<string, T>, value: T): string {
  for (const [word, meaning] of words) if (meaning === value) return word
  throw new Error('a domain value has no word in the API')
}
