/**
 * Every action: its HTTP method, and whether a request whose answer got lost may be sent again without asking. It may when doing it twice
 * has the same result as doing it once, even if someone else did something in between.
 */
export interface Action {
  readonly method: 'GET' | 'POST'
  readonly repeatable: boolean
}

export const ACTIONS = {
  // Reads.
  GetVersion: { method: 'GET', repeatable: true },
  ListKey: { method: 'POST', repeatable: true },
  DescribeKey: { method: 'POST', repeatable: true },
  GetPublicKey: { method: 'POST', repeatable: true },
  GetSecretValue: { method: 'POST', repeatable: true },
  DescribeSecret: { method: 'POST', repeatable: true },
  ListSecrets: { method: 'POST', repeatable: true },
  ListSecretVersionIds: { method: 'POST', repeatable: true },
  DescribeRotationWebhook: { method: 'POST', repeatable: true },
  GetQuotePolicy: { method: 'POST', repeatable: true },
  // Computations that leave nothing behind at the server.
  Encrypt: { method: 'POST', repeatable: true },
  Decrypt: { method: 'POST', repeatable: true },
  AsymmetricEncrypt: { method: 'POST', repeatable: true },
  AsymmetricDecrypt: { method: 'POST', repeatable: true },
  Sign: { method: 'POST', repeatable: true },
  Verify: { method: 'POST', repeatable: true },
  GenerateDataKey: { method: 'POST', repeatable: true },
  GenerateDataKeyWithoutPlaintext: { method: 'POST', repeatable: true },
  ExportDataKey: { method: 'POST', repeatable: true },
  GenerateQuote: { method: 'POST', repeatable: true },
  VerifyQuote: { method: 'POST', repeatable: true },
  // The last answer is the valid one, and the caller gets the last answer.
  GetParametersForImport: { method: 'POST', repeatable: true },
  // Deleting a deleted key and disabling a disabled key change nothing.
  DeleteKey: { method: 'POST', repeatable: true },
  DisableKey: { method: 'POST', repeatable: true },
  // A repeat would make a second app, a second key, a second version, a second rotation, or a second policy.
  Enroll: { method: 'GET', repeatable: false },
  CreateKey: { method: 'POST', repeatable: false },
  PutSecretValue: { method: 'POST', repeatable: false },
  RotateSecret: { method: 'POST', repeatable: false },
  UploadQuotePolicy: { method: 'POST', repeatable: false },
  // The first one took the name, so a repeat would report a failure of what succeeded.
  CreateSecret: { method: 'POST', repeatable: false },
  // A late repeat could undo what someone did in between: a DisableKey, another UpdateKey; or delete a key made since.
  EnableKey: { method: 'POST', repeatable: false },
  UpdateKey: { method: 'POST', repeatable: false },
  DeleteAllKey: { method: 'POST', repeatable: false },
  // The same, for names that can be used again: a RestoreSecret or DeleteSecret, another description, a secret or webhook made since.
  UpdateSecretDesc: { method: 'POST', repeatable: false },
  DeleteSecret: { method: 'POST', repeatable: false },
  RestoreSecret: { method: 'POST', repeatable: false },
  SetRotationWebhook: { method: 'POST', repeatable: false },
  DeleteRotationWebhook: { method: 'POST', repeatable: false },
  // The first one consumed the token, so a repeat would report a failure of what succeeded.
  ImportKeyMaterial: { method: 'POST', repeatable: false },
} as const satisfies Record<string, Action>

export type ActionName = keyof typeof ACTIONS
