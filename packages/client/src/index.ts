export { VouchsafeClient } from './client.ts'
export type { ClientOptions, ServerVersion } from './client.ts'
export type { CallerOptions, Credentials } from './caller.ts'
export { VouchsafeConnectionError, VouchsafeError } from './errors.ts'
export { KEY_SPECS } from './names.ts'
export type { DigestMode, KeySpec, KeyUsage, MessageType, Origin, PaddingMode, WrappingKeySpec } from './names.ts'
export type {
  AadOptions,
  CreateKeyRequest,
  DataKey,
  ExportDataKeyRequest,
  ImportKeyMaterialRequest,
  ImportParameters,
  KeyDescription,
  KeyListEntry,
  KeyStatus,
  PaddingOptions,
  SignatureOptions,
} from './key-types.ts'
export { quoteReportData } from './quotes.ts'
export type { GeneratedQuote, QuotePolicy, VerifiedQuote, VerifyQuoteRequest } from './quotes.ts'
export type {
  CreateSecretRequest,
  DeleteSecretOptions,
  RotationWebhook,
  SecretDescription,
  SecretListEntry,
  SecretValue,
  SecretVersion,
} from './secret-types.ts'
export {
  CanonicalError,
  MAX_DEPTH,
  MAX_VALUES,
  STRICT_HEADER,
  canonicalPayload,
  coveredPayload,
  hmacBase64,
  requestData,
  signRequest,
  strictText,
} from './signing.ts'
export type { CanonicalForm, RequestToSign } from './signing.ts'
