// Requests and results of the key actions. Field names are the wire's; times are milliseconds since 1970.
import type { DigestMode, KeySpec, KeyUsage, MessageType, Origin, PaddingMode } from './names.ts'

/** CreateKey. Without `keyusage`, symmetric keys encrypt, HMAC keys sign, and asymmetric keys may do all that their spec can. */
export interface CreateKeyRequest {
  keyspec: KeySpec
  /** `EH_INTERNAL_KEY` unless given; `EH_EXTERNAL_KEY` makes a key that waits for ImportKeyMaterial. */
  origin?: Origin
  keyusage?: KeyUsage
  /** The default padding of calls with this key (RSA). */
  padding_mode?: PaddingMode
  /** The default digest of signatures with this key. */
  digest_mode?: DigestMode
  /** Free text of at most 256 characters. */
  alias?: string
  expireTime?: number
}

/** One key of ListKey. */
export interface KeyListEntry {
  keyid: string
  creationDate: number
  expireTime: number
  alias: string
  keyspec: KeySpec
  /** 1 enabled (also when expired or pending import), 0 disabled. */
  keyState: 0 | 1
}

export type KeyStatus = 'enabled' | 'disabled' | 'pending import' | 'expired'

/** DescribeKey and UpdateKey: everything about a key except its material. */
export interface KeyDescription extends KeyListEntry {
  origin: Origin
  /** null: everything that the key spec can do. */
  keyusage: KeyUsage | null
  padding_mode: PaddingMode | null
  digest_mode: DigestMode | null
  status: KeyStatus
  /** Encryptions done with this key so far; AES-GCM keys should be replaced before 2^32. */
  encryptions: number
  /** Six hexadecimal digits that let two holders confirm that they have the same key; null while pending import. */
  keyCheckValue: string | null
  /** Remarks on this kind of key, for people. */
  notes: string[]
}

/** Bytes that authenticated encryption binds to a ciphertext without storing them; the same ones must be given to decrypt. SM4 ignores them. */
export interface AadOptions {
  aad?: Uint8Array
}

/** The padding of RSA encryption; the key's own unless given, else OAEP with SHA-256. */
export interface PaddingOptions {
  padding_mode?: PaddingMode
}

/** How to sign; what isn't given is the key's own, else RSA: PKCS #1 v1.5 and SHA-256, EC and HMAC: SHA-256, SM2: SM3. */
export interface SignatureOptions {
  /** `EH_RAW` unless given. With `EH_DIGEST` the message is the digest itself. */
  message_type?: MessageType
  digest_mode?: DigestMode
  padding_mode?: PaddingMode
}

/** A fresh data key, and the same wrapped by the customer master key. */
export interface DataKey {
  plaintext: Uint8Array
  ciphertext: Uint8Array
}

export interface ExportDataKeyRequest {
  /** The symmetric key that wraps the data key now. */
  keyid: string
  /** The asymmetric key (RSA or SM2) to wrap it with. */
  ukeyid: string
  /** The data key's ciphertext, from generateDataKey. */
  olddatakey: Uint8Array
  aad?: Uint8Array
}

/** What a key import needs; valid for 24 hours and one import. */
export interface ImportParameters {
  /** RSA public key, PEM (PKCS #1), under which the key material is to be encrypted. */
  pubkey: string
  importToken: string
}

export interface ImportKeyMaterialRequest {
  keyid: string
  /** How `key_material` is encrypted: `EH_RSA_PKCS1_OAEP` means SHA-256 for digest and mask, and no label. */
  padding_mode: 'EH_RSA_PKCS1' | 'EH_RSA_PKCS1_OAEP'
  /** The raw key, encrypted under `pubkey`. */
  key_material: Uint8Array
  importToken: string
}
