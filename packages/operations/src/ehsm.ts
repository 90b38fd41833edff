/** An operation of the eHSM API, as far as the server, the client, the command line and the documentation must agree on it. */
export interface EhsmDescriptor {
  /** The value of `Action`, and its other spellings. */
  readonly name: string
  readonly aliases?: readonly string[]
  /** Its name in the trail, where that isn't its own. */
  readonly record?: string
  readonly method: 'GET' | 'POST'
  /** `app`: a signed request of an enrolled app. `public`: anybody; `enroll`: decided by listener and settings. */
  readonly permission: 'app' | 'public' | 'enroll'
  /** What the caller needs, as the server names its rights; null for what anybody may do, and for enrolment. */
  readonly right: `${string}:${'use' | 'read' | 'manage'}` | null
  /** A request without payload is refused before its signature is looked at (contract §2, step 3). */
  readonly payloadRequired?: true
  /** Its answer may be megabytes, which must fit into what all such answers may take. */
  readonly longAnswer?: true
  /**
   * Whether a request whose answer was lost may be retried automatically. It may if doing it twice has the same effect as doing it once,
   * even
   * if another caller did something in between.
   */
  readonly repeatable: boolean
  /** The field or fields that name the objects in the trail. */
  readonly object?: string | readonly string[]
  /** The field of the result that names what was made, in the trail. */
  readonly makes?: string
  readonly summary: string
  /** On top of the fields: for the reader of the documentation. */
  readonly notes?: string
}

const SIGNED = { method: 'POST', permission: 'app' } as const

/** Every operation, by the spelling that the client sends. */
export const EHSM = {
  GetVersion: {
    name: 'GetVersion',
    method: 'GET',
    permission: 'public',
    right: null,
    repeatable: true,
    summary: "Returns the server's version and its quote provider.",
  },
  Enroll: {
    name: 'Enroll',
    method: 'GET',
    permission: 'enroll',
    right: null,
    // A repeat would make a second app.
    repeatable: false,
    summary: 'Creates an app and returns its appid and API key; the API key is shown only once.',
  },
  CreateKey: {
    name: 'CreateKey',
    ...SIGNED,
    right: 'keys:manage',
    payloadRequired: true,
    // A repeat would make a second key.
    repeatable: false,
    makes: 'keyid',
    summary: 'Creates a key or, with EH_EXTERNAL_KEY, an empty one that waits for import.',
  },
  ListKey: {
    name: 'ListKey',
    ...SIGNED,
    right: 'keys:read',
    longAnswer: true,
    repeatable: true,
    summary: "Lists the app's keys, oldest first, at most 10,000.",
  },
  DescribeKey: {
    name: 'DescribeKey',
    ...SIGNED,
    right: 'keys:read',
    payloadRequired: true,
    repeatable: true,
    object: 'keyid',
    summary: 'Returns everything about a key except its material.',
    notes: "Ours: not in the document. `status` is enabled, disabled, expired or 'pending import'; `encryptions` may lag by a second.",
  },
  UpdateKey: {
    name: 'UpdateKey',
    ...SIGNED,
    right: 'keys:manage',
    payloadRequired: true,
    // A late repeat could undo another UpdateKey made since.
    repeatable: false,
    object: 'keyid',
    summary: "Changes a key's alias or its expiry; an expired key works again once its expiry is in the future.",
    notes: 'Ours: not in the document.',
  },
  EnableKey: {
    name: 'EnableKey',
    ...SIGNED,
    right: 'keys:manage',
    // A late repeat could undo a DisableKey made since.
    repeatable: false,
    object: 'keyid',
    summary: 'Enables a disabled key.',
  },
  DisableKey: {
    name: 'DisableKey',
    ...SIGNED,
    right: 'keys:manage',
    // Disabling a disabled key changes nothing.
    repeatable: true,
    object: 'keyid',
    summary: 'Disables a key: every cryptographic use is refused until it is enabled again.',
  },
  DeleteKey: {
    name: 'DeleteKey',
    ...SIGNED,
    right: 'keys:manage',
    // Deleting a deleted key changes nothing.
    repeatable: true,
    object: 'keyid',
    summary: 'Deletes a key: refused and unlisted at once, destroyed after the recovery window. An unknown key is not an error.',
    notes: 'When secrets depend on the key, the message says how many, and until when the key can be restored.',
  },
  DeleteAllKey: {
    name: 'DeleteALLKey',
    aliases: ['DeleteAllKey'],
    record: 'DeleteAllKeys',
    ...SIGNED,
    right: 'keys:manage',
    // A late repeat could delete a key made since.
    repeatable: false,
    summary: "Deletes all of the app's keys, as DeleteKey does.",
  },
  Encrypt: {
    name: 'Encrypt',
    ...SIGNED,
    right: 'keys:use',
    payloadRequired: true,
    repeatable: true,
    object: 'keyid',
    summary: 'Encrypts up to 6144 bytes under a symmetric key.',
  },
  Decrypt: {
    name: 'Decrypt',
    ...SIGNED,
    right: 'keys:use',
    payloadRequired: true,
    repeatable: true,
    object: 'keyid',
    summary: 'Decrypts what Encrypt or GenerateDataKey returned.',
  },
  AsymmetricEncrypt: {
    name: 'AsymmetricEncrypt',
    ...SIGNED,
    right: 'keys:use',
    payloadRequired: true,
    repeatable: true,
    object: 'keyid',
    summary: 'Encrypts with the public half of an RSA or SM2 key.',
  },
  AsymmetricDecrypt: {
    name: 'AsymmetricDecrypt',
    ...SIGNED,
    right: 'keys:use',
    payloadRequired: true,
    repeatable: true,
    object: 'keyid',
    summary: 'Decrypts with the private half of an RSA or SM2 key.',
  },
  Sign: {
    name: 'Sign',
    ...SIGNED,
    right: 'keys:use',
    payloadRequired: true,
    repeatable: true,
    object: 'keyid',
    summary: 'Signs with an RSA, EC or SM2 key, or computes a MAC with an HMAC key.',
    notes: 'Either `message` or `digest` is required. EC and SM2 signatures are DER; PSS salts are as long as the digest.',
  },
  Verify: {
    name: 'Verify',
    ...SIGNED,
    right: 'keys:use',
    payloadRequired: true,
    repeatable: true,
    object: 'keyid',
    summary: 'Checks whether a signature is valid; a malformed one is not.',
    notes: 'Either `message` or `digest` is required.',
  },
  GetPublicKey: {
    name: 'GetPublicKey',
    ...SIGNED,
    right: 'keys:read',
    payloadRequired: true,
    repeatable: true,
    object: 'keyid',
    summary: 'Returns the public half of an RSA, EC or SM2 key: PEM, PKCS#1 for RSA, SubjectPublicKeyInfo for the others.',
  },
  GenerateDataKey: {
    name: 'GenerateDataKey',
    ...SIGNED,
    right: 'keys:use',
    payloadRequired: true,
    repeatable: true,
    object: 'keyid',
    summary: 'Generates a random data key and returns it both in plaintext and wrapped; Decrypt unwraps it.',
  },
  GenerateDataKeyWithoutPlaintext: {
    name: 'GenerateDataKeyWithoutPlaintext',
    ...SIGNED,
    right: 'keys:use',
    payloadRequired: true,
    repeatable: true,
    object: 'keyid',
    summary: 'Generates a random data key and returns it wrapped only.',
  },
  ExportDataKey: {
    name: 'ExportDataKey',
    ...SIGNED,
    right: 'keys:use',
    payloadRequired: true,
    repeatable: true,
    object: ['keyid', 'ukeyid'],
    summary: 'Re-encrypts a wrapped data key with the public half of an RSA or SM2 key; AsymmetricDecrypt decrypts it.',
    notes: "The target key's own padding is used if it has one, otherwise OAEP with SHA-256.",
  },
  GetParametersForImport: {
    name: 'GetParametersForImport',
    ...SIGNED,
    right: 'keys:manage',
    payloadRequired: true,
    // The last answer is the valid one, and the caller gets the last answer.
    repeatable: true,
    object: 'keyid',
    summary: 'Starts an import: returns a public key to wrap the key material with, and a token that works once, within 24 hours.',
  },
  ImportKeyMaterial: {
    name: 'ImportKeyMaterial',
    ...SIGNED,
    right: 'keys:manage',
    payloadRequired: true,
    // The first one consumed the token, so a repeat would report a failure of what succeeded.
    repeatable: false,
    object: 'keyid',
    summary: 'Completes an import: takes the raw key, RSA-encrypted with the wrapping key.',
  },
  CreateSecret: {
    name: 'CreateSecret',
    ...SIGNED,
    right: 'secrets:manage',
    // The first one took the name, so a repeat would report a failure of what succeeded.
    repeatable: false,
    object: 'secretName',
    summary: 'Creates a secret with its first version.',
  },
  UpdateSecretDesc: {
    name: 'UpdateSecretDesc',
    ...SIGNED,
    right: 'secrets:manage',
    // A late repeat could undo another description set since.
    repeatable: false,
    object: 'secretName',
    summary: "Changes a secret's description, or clears it.",
  },
  PutSecretValue: {
    name: 'PutSecretValue',
    ...SIGNED,
    right: 'secrets:manage',
    // A repeat would make a second version.
    repeatable: false,
    object: 'secretName',
    summary: "Adds a value as the secret's next version, which becomes the current one.",
    notes: 'When there are more than `secret-versions-kept` versions, the oldest are removed; `prunedVersions` says how many.',
  },
  ListSecretVersionIds: {
    name: 'ListSecretVersionIds',
    ...SIGNED,
    right: 'secrets:read',
    longAnswer: true,
    repeatable: true,
    object: 'secretName',
    summary: "Lists a secret's versions, newest first, at most 4000; none if the secret is unknown or scheduled for deletion.",
  },
  ListSecrets: {
    name: 'ListSecrets',
    ...SIGNED,
    right: 'secrets:read',
    longAnswer: true,
    repeatable: true,
    object: 'secretName',
    summary: "Lists the app's secrets, oldest first, including those scheduled for deletion; at most 4000, and at most 8 MiB.",
    notes: '`secretName` returns only that secret; `after` (ours) returns those that follow the secret of that name.',
  },
  DescribeSecret: {
    name: 'DescribeSecret',
    ...SIGNED,
    right: 'secrets:read',
    repeatable: true,
    object: 'secretName',
    summary: 'Returns everything about a secret except its values; nothing if it is unknown.',
    notes: '`rotationFailure` (ours) is present if the last attempt at a rotation failed.',
  },
  DeleteSecret: {
    name: 'DeleteSecret',
    ...SIGNED,
    right: 'secrets:manage',
    // A late repeat could undo a RestoreSecret, or delete a secret made since under the same name.
    repeatable: false,
    object: 'secretName',
    summary: 'Schedules the deletion of a secret, in 30 days unless `recoveryPeriod` says otherwise, or deletes it at once.',
    notes: '`forceDelete`: only `"true"` in lower case, or the boolean, deletes at once and for good.',
  },
  GetSecretValue: {
    name: 'GetSecretValue',
    ...SIGNED,
    right: 'secrets:use',
    repeatable: true,
    object: 'secretName',
    summary: "Returns a secret's current value, or that of a given version; nothing if the version is unknown.",
  },
  RestoreSecret: {
    name: 'RestoreSecret',
    ...SIGNED,
    right: 'secrets:manage',
    // A late repeat could undo a DeleteSecret made since.
    repeatable: false,
    object: 'secretName',
    summary: 'Undoes a scheduled deletion; an active secret stays as it is.',
  },
  RotateSecret: {
    name: 'RotateSecret',
    ...SIGNED,
    right: 'secrets:manage',
    // A repeat would make a second rotation.
    repeatable: false,
    object: 'secretName',
    summary: "Makes a secret's rotation due now; it runs in the background.",
    notes: 'Ours: not in the document.',
  },
  SetRotationWebhook: {
    name: 'SetRotationWebhook',
    ...SIGNED,
    right: 'secrets:manage',
    // A late repeat could replace a webhook set since.
    repeatable: false,
    summary: "Registers the webhook that supplies the app's new secret values; returns the key that signs the requests to it, only once.",
    notes: 'Ours: not in the document.',
  },
  DescribeRotationWebhook: {
    name: 'DescribeRotationWebhook',
    ...SIGNED,
    right: 'secrets:read',
    repeatable: true,
    summary: "Returns the app's rotation webhook, or null if there is none.",
    notes: 'Ours: not in the document.',
  },
  DeleteRotationWebhook: {
    name: 'DeleteRotationWebhook',
    ...SIGNED,
    right: 'secrets:manage',
    // A late repeat could delete a webhook set since.
    repeatable: false,
    summary: "Removes the app's rotation webhook; rotations then renew only the data keys.",
    notes: 'Ours: not in the document.',
  },
  GenerateQuote: {
    name: 'GenerateQuote',
    ...SIGNED,
    right: 'quotes:use',
    repeatable: true,
    summary: "Returns a quote of the server's enclave, bound to the challenge and to the server's TLS key.",
    notes: 'Report data: SHA-256 of `vouchsafe quote challenge v1`, a line feed and the challenge; SHA-256 of the TLS key, or zeros.',
  },
  VerifyQuote: {
    name: 'VerifyQuote',
    ...SIGNED,
    right: 'quotes:use',
    repeatable: true,
    object: 'policyId',
    summary: 'Verifies an SGX or TDX quote; the answer is signed with the API key.',
    notes:
      "`collateral` (ours) replaces the server's; `detail` (ours) adds the report. A quote that is not of the policy's enclave is an error.",
  },
  UploadQuotePolicy: {
    name: 'UploadQuotePolicy',
    ...SIGNED,
    right: 'quotes:manage',
    // A repeat would make a second policy.
    repeatable: false,
    makes: 'policyId',
    summary: 'Stores the measurements of an enclave that the app expects, as a policy; at most 1000 policies.',
  },
  GetQuotePolicy: {
    name: 'GetQuotePolicy',
    ...SIGNED,
    right: 'quotes:read',
    repeatable: true,
    object: 'policyId',
    summary: 'Returns the measurements of a policy, or only the id if there is no such policy.',
  },
} as const satisfies Record<string, EhsmDescriptor>

export type EhsmAction = keyof typeof EHSM
