import { randomBytes } from 'node:crypto'
import type { EhsmAction } from '@vouchsafe/operations'
import { Caller } from './caller.ts'
import type { CallerOptions, Credentials } from './caller.ts'
import { notAnAnswer } from './exchange.ts'
import { aadField, base64, bytesField, listField, numberField, text, textField } from './fields.ts'
import type {
  AadOptions,
  CreateKeyRequest,
  DataKey,
  ExportDataKeyRequest,
  ImportKeyMaterialRequest,
  ImportParameters,
  KeyDescription,
  KeyListEntry,
  PaddingOptions,
  SignatureOptions,
} from './key-types.ts'
import type { WrappingKeySpec } from './names.ts'
import { verifiedQuote } from './quotes.ts'
import type { GeneratedQuote, QuotePolicy, VerifiedQuote, VerifyQuoteRequest } from './quotes.ts'
import type {
  CreateSecretRequest,
  DeleteSecretOptions,
  RotationWebhook,
  SecretDescription,
  SecretListEntry,
  SecretValue,
  SecretVersion,
} from './secret-types.ts'

export interface ClientOptions extends CallerOptions, Credentials {}

export interface ServerVersion {
  version: string
  /** The commit that the server runs, or `unknown`. */
  git_sha: string
  /** What produces the server's quotes: `simulated`, `gramine`, `configfs-tsm` or `none`; absent from other servers' answers. */
  quoteProvider?: string
}

async function versionOf(caller: Caller): Promise<ServerVersion> {
  const { result } = await caller.call('GetVersion')
  const version = { version: textField('GetVersion', result, 'version'), git_sha: textField('GetVersion', result, 'git_sha') }
  const { quoteProvider } = result
  return typeof quoteProvider === 'string' ? { ...version, quoteProvider } : version
}

/**
 * A client of one server, as one app. Every method throws VouchsafeError when the server refuses, and VouchsafeConnectionError when no
 * usable answer arrives. Binary data is Uint8Array; keyids are the 36-character ids that createKey returns.
 *
 * @example
 * const client = new VouchsafeClient({ baseUrl, appid, apikey })
 * const { keyid } = await client.createKey({ keyspec: 'EH_AES_GCM_256' })
 * const ciphertext = await client.encrypt(keyid, new TextEncoder().encode('hello'))
 * new TextDecoder().decode(await client.decrypt(keyid, ciphertext)) // → 'hello'
 */
export class VouchsafeClient {
  readonly appid: string
  readonly #caller: Caller
  readonly #apikey: string

  /** Throws TypeError for options that cannot work. */
  constructor(options: ClientOptions) {
    const { appid, apikey } = options
    if (typeof appid !== 'string' || appid === '') throw new TypeError('appid must be a non-empty string')
    if (typeof apikey !== 'string' || apikey === '') throw new TypeError('apikey must be a non-empty string')
    this.appid = appid
    this.#apikey = apikey
    this.#caller = new Caller(options, { appid, apikey })
  }

  /** Enroll: creates an app and returns its credentials, which the server shows only once. */
  static async enroll({ token, ...options }: CallerOptions & { token?: string }): Promise<Credentials> {
    const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` }
    const { result } = await new Caller(options).call('Enroll', undefined, headers)
    return { appid: textField('Enroll', result, 'appid'), apikey: textField('Enroll', result, 'apikey') }
  }

  /** GetVersion, which needs no credentials. */
  static getVersion(options: CallerOptions): Promise<ServerVersion> {
    return versionOf(new Caller(options))
  }

  /** GetVersion. */
  getVersion(): Promise<ServerVersion> {
    return versionOf(this.#caller)
  }

  /** CreateKey: returns the new key's id. */
  async createKey(request: CreateKeyRequest): Promise<{ keyid: string }> {
    const result = await this.#result('CreateKey', { origin: 'EH_INTERNAL_KEY', ...request })
    return { keyid: textField('CreateKey', result, 'keyid') }
  }

  /** ListKey: the app's keys, oldest first, at most 10,000. */
  async listKeys(): Promise<KeyListEntry[]> {
    return listField<KeyListEntry>('ListKey', await this.#result('ListKey'), 'list')
  }

  /** DescribeKey. */
  async describeKey(keyid: string): Promise<KeyDescription> {
    return this.#description('DescribeKey', { keyid })
  }

  /** UpdateKey: changes the fields that are given. An empty alias clears it. */
  async updateKey(keyid: string, set: { alias?: string; expireTime?: number }): Promise<KeyDescription> {
    return this.#description('UpdateKey', { keyid, ...set })
  }

  /** DeleteKey; succeeds on keys that don't exist. The message says how long the key can be restored, and whether secrets depend on it. */
  async deleteKey(keyid: string): Promise<{ message: string }> {
    const { message } = await this.#caller.call('DeleteKey', { keyid })
    return { message }
  }

  /** DeleteAllKey: deletes every key of the app. */
  async deleteAllKeys(): Promise<void> {
    await this.#caller.call('DeleteAllKey')
  }

  /** EnableKey. */
  async enableKey(keyid: string): Promise<void> {
    await this.#caller.call('EnableKey', { keyid })
  }

  /** DisableKey: the key refuses all cryptography until it is enabled again. */
  async disableKey(keyid: string): Promise<void> {
    await this.#caller.call('DisableKey', { keyid })
  }

  /** Encrypt with a symmetric key; at most 6144 bytes. */
  async encrypt(keyid: string, plaintext: Uint8Array, options?: AadOptions): Promise<Uint8Array> {
    return this.#bytes('Encrypt', { keyid, plaintext: base64('plaintext', plaintext), ...aadField(options) }, 'ciphertext')
  }

  /** Decrypts what encrypt or generateDataKey returned, with the same aad. */
  async decrypt(keyid: string, ciphertext: Uint8Array, options?: AadOptions): Promise<Uint8Array> {
    return this.#bytes('Decrypt', { keyid, ciphertext: base64('ciphertext', ciphertext), ...aadField(options) }, 'plaintext')
  }

  /** AsymmetricEncrypt with an RSA or SM2 key. OAEP takes the modulus' bytes less 66, PKCS #1 v1.5 less 11, SM2 255 bytes. */
  async asymmetricEncrypt(keyid: string, plaintext: Uint8Array, options?: PaddingOptions): Promise<Uint8Array> {
    return this.#bytes('AsymmetricEncrypt', { keyid, plaintext: base64('plaintext', plaintext), ...options }, 'ciphertext')
  }

  /** AsymmetricDecrypt with an RSA or SM2 key. */
  async asymmetricDecrypt(keyid: string, ciphertext: Uint8Array, options?: PaddingOptions): Promise<Uint8Array> {
    return this.#bytes('AsymmetricDecrypt', { keyid, ciphertext: base64('ciphertext', ciphertext), ...options }, 'plaintext')
  }

  /** Sign a message of at most 6144 bytes, or its digest. EC and SM2 signatures are DER. */
  async sign(keyid: string, message: Uint8Array, options?: SignatureOptions): Promise<Uint8Array> {
    return this.#bytes('Sign', { keyid, message: base64('message', message), ...options }, 'signature')
  }

  /** Verify: whether `signature` is valid for `message`, with the options it was signed with. */
  async verify(keyid: string, message: Uint8Array, signature: Uint8Array, options?: SignatureOptions): Promise<boolean> {
    const { result } = await this.#result('Verify', {
      keyid,
      message: base64('message', message),
      signature: base64('signature', signature),
      ...options,
    })
    if (typeof result !== 'boolean') throw notAnAnswer('Verify', 'the result has no result')
    return result
  }

  /** GenerateDataKey: `keylen` (1 to 1024) random bytes, plain and encrypted under the symmetric key `keyid`. */
  async generateDataKey(keyid: string, keylen: number, options?: AadOptions): Promise<DataKey> {
    const result = await this.#result('GenerateDataKey', { keyid, keylen, ...aadField(options) })
    return {
      plaintext: bytesField('GenerateDataKey', result, 'plaintext'),
      ciphertext: bytesField('GenerateDataKey', result, 'ciphertext'),
    }
  }

  /** GenerateDataKeyWithoutPlaintext: only the encrypted data key; decrypt returns the plaintext. */
  async generateDataKeyWithoutPlaintext(keyid: string, keylen: number, options?: AadOptions): Promise<Uint8Array> {
    return this.#bytes('GenerateDataKeyWithoutPlaintext', { keyid, keylen, ...aadField(options) }, 'ciphertext')
  }

  /** ExportDataKey: re-encrypts the data key from `keyid` to `ukeyid` without revealing it. */
  async exportDataKey(request: ExportDataKeyRequest): Promise<Uint8Array> {
    const { keyid, ukeyid, olddatakey } = request
    const payload = { keyid, ukeyid, olddatakey_base: base64('olddatakey', olddatakey), ...aadField(request) }
    return this.#bytes('ExportDataKey', payload, 'newdatakey')
  }

  /** GetPublicKey: PEM, PKCS #1 for RSA and SubjectPublicKeyInfo for EC and SM2. */
  async getPublicKey(keyid: string): Promise<string> {
    return textField('GetPublicKey', await this.#result('GetPublicKey', { keyid }), 'pubkey')
  }

  /** GetParametersForImport, for a key of origin `EH_EXTERNAL_KEY`; earlier parameters of the key become invalid. */
  async getParametersForImport(keyid: string, keyspec: WrappingKeySpec): Promise<ImportParameters> {
    const action = 'GetParametersForImport'
    const result = await this.#result(action, { keyid, keyspec })
    return { pubkey: textField(action, result, 'pubkey'), importToken: textField(action, result, 'importToken') }
  }

  /** ImportKeyMaterial: returns the key check value of the key that the server now holds. */
  async importKeyMaterial(request: ImportKeyMaterialRequest): Promise<{ keyCheckValue: string }> {
    const payload = { ...request, key_material: base64('key_material', request.key_material) }
    return { keyCheckValue: textField('ImportKeyMaterial', await this.#result('ImportKeyMaterial', payload), 'keyCheckValue') }
  }

  /** CreateSecret, with its first version. */
  async createSecret(request: CreateSecretRequest): Promise<void> {
    await this.#caller.call('CreateSecret', { ...request, secretData: text('secretData', request.secretData) })
  }

  /** UpdateSecretDesc: replaces the description; an empty one clears it. */
  async updateSecretDescription(secretName: string, description: string): Promise<void> {
    await this.#caller.call('UpdateSecretDesc', { secretName, description })
  }

  /**
   * PutSecretValue: a new version, which becomes the current one. `prunedVersions` is the number of oldest versions that were removed to
   * stay within the limit.
   */
  async putSecretValue(secretName: string, secretData: string): Promise<{ prunedVersions: number }> {
    const { prunedVersions } = await this.#result('PutSecretValue', { secretName, secretData: text('secretData', secretData) })
    return { prunedVersions: typeof prunedVersions === 'number' ? prunedVersions : 0 }
  }

  /** ListSecretVersionIds: newest first, at most 4000; empty if the secret does not exist or is scheduled for deletion. */
  async listSecretVersionIds(secretName: string): Promise<SecretVersion[]> {
    const action = 'ListSecretVersionIds'
    return listField(action, await this.#result(action, { secretName }), 'versionIds')
  }

  /**
   * ListSecrets: the app's secrets, oldest first, at most 4000, including those scheduled for deletion. With `secretName`, only that
   * secret, if it exists;
   * with `after`, those that follow the secret of that name, which must exist.
   */
  async listSecrets(options: { secretName?: string; after?: string } = {}): Promise<SecretListEntry[]> {
    return listField('ListSecrets', await this.#result('ListSecrets', { ...options }), 'secretList')
  }

  /** DescribeSecret; undefined when there is no such secret. */
  async describeSecret(secretName: string): Promise<SecretDescription | undefined> {
    const result = await this.#result('DescribeSecret', { secretName })
    if (Object.keys(result).length === 0) return undefined
    textField('DescribeSecret', result, 'secretName')
    return result as unknown as SecretDescription
  }

  /** DeleteSecret: after a recovery period, unless forced. The message says which. */
  async deleteSecret(secretName: string, options: DeleteSecretOptions = {}): Promise<{ message: string }> {
    const { recoveryPeriod, forceDelete } = options
    const { message } = await this.#caller.call('DeleteSecret', {
      secretName,
      ...(recoveryPeriod !== undefined && { recoveryPeriod }),
      // Text, as in the document; some servers accept nothing else.
      ...(forceDelete !== undefined && { forceDelete: String(forceDelete) }),
    })
    return { message }
  }

  /** GetSecretValue: the current version, or the one with `versionId`; undefined when the secret has no such version. */
  async getSecretValue(secretName: string): Promise<SecretValue>
  async getSecretValue(secretName: string, versionId: number | undefined): Promise<SecretValue | undefined>
  async getSecretValue(secretName: string, versionId?: number): Promise<SecretValue | undefined> {
    const action = 'GetSecretValue'
    const result = await this.#result(action, { secretName, ...(versionId !== undefined && { versionId }) })
    if (versionId !== undefined && Object.keys(result).length === 0) return undefined
    textField(action, result, 'secretData')
    return result as unknown as SecretValue
  }

  /** RestoreSecret: cancels a scheduled deletion; has no effect on other secrets. */
  async restoreSecret(secretName: string): Promise<void> {
    await this.#caller.call('RestoreSecret', { secretName })
  }

  /** SetRotationWebhook: replaces the app's webhook and returns its signing key, which is shown only once. */
  async setRotationWebhook(url: string): Promise<{ url: string; signingKey: Uint8Array }> {
    const action = 'SetRotationWebhook'
    const result = await this.#result(action, { url })
    return { url: textField(action, result, 'url'), signingKey: bytesField(action, result, 'signingKey') }
  }

  /** DescribeRotationWebhook; undefined when the app has none. */
  async describeRotationWebhook(): Promise<RotationWebhook | undefined> {
    const action = 'DescribeRotationWebhook'
    const result = await this.#result(action, {})
    if (result['url'] === null) return undefined
    return { url: textField(action, result, 'url'), createdAt: numberField(action, result, 'createdAt') }
  }

  /** DeleteRotationWebhook: secrets are then rotated without new values. */
  async deleteRotationWebhook(): Promise<void> {
    await this.#caller.call('DeleteRotationWebhook', {})
  }

  /** RotateSecret: schedules a rotation for now; describeSecret reports when it was done, or why it failed. */
  async rotateSecret(secretName: string): Promise<void> {
    await this.#caller.call('RotateSecret', { secretName })
  }

  /** GenerateQuote: a quote of the server, bound to the challenge; see `quoteReportData` for how. */
  async generateQuote(challenge: Uint8Array): Promise<GeneratedQuote> {
    const action = 'GenerateQuote'
    const result = await this.#result(action, { challenge: base64('challenge', challenge) })
    return { challenge: bytesField(action, result, 'challenge'), quote: bytesField(action, result, 'quote') }
  }

  /** VerifyQuote. Throws VouchsafeConnectionError for an answer that the server did not sign, or that is for another nonce. */
  async verifyQuote(request: VerifyQuoteRequest): Promise<VerifiedQuote> {
    const { quote, nonce = randomBytes(32), policyId, collateral } = request
    const payload = {
      quote: base64('quote', quote),
      nonce: base64('nonce', nonce),
      ...(policyId !== undefined && { policyId }),
      ...(collateral !== undefined && { collateral }),
      detail: true,
    }
    const answer = await this.#result('VerifyQuote', payload)
    return verifiedQuote(answer, payload.nonce, this.#apikey)
  }

  /** UploadQuotePolicy: MRENCLAVE and MRSIGNER as 64 hex digits each. */
  async uploadQuotePolicy(policy: { mrEnclave: string; mrSigner: string }): Promise<{ policyId: string }> {
    const result = await this.#result('UploadQuotePolicy', { mr_enclave: policy.mrEnclave, mr_signer: policy.mrSigner })
    return { policyId: textField('UploadQuotePolicy', result, 'policyId') }
  }

  /** GetQuotePolicy; undefined when the app has no such policy. */
  async getQuotePolicy(policyId: string): Promise<QuotePolicy | undefined> {
    const action = 'GetQuotePolicy'
    const result = await this.#result(action, { policyId })
    if (result['mr_enclave'] === undefined) return undefined
    return {
      policyId,
      mrEnclave: textField(action, result, 'mr_enclave'),
      mrSigner: textField(action, result, 'mr_signer'),
      createTime: numberField(action, result, 'createTime'),
    }
  }

  async #result(action: EhsmAction, payload?: Record<string, unknown>): Promise<Record<string, unknown>> {
    return (await this.#caller.call(action, payload)).result
  }

  async #bytes(action: EhsmAction, payload: Record<string, unknown>, field: string): Promise<Uint8Array> {
    return bytesField(action, await this.#result(action, payload), field)
  }

  async #description(action: 'DescribeKey' | 'UpdateKey', payload: Record<string, unknown>): Promise<KeyDescription> {
    const result = await this.#result(action, payload)
    textField(action, result, 'keyid')
    return result as unknown as KeyDescription
  }
}
