export { VouchsafeClient } from './client.ts'
export type { ClientOptions, ServerVersion } from './client.ts'
export type { CallerOptions, Credentials } from './caller.ts'
export { AuthorityClient } from './authority-client.ts'
export type { AuthorityOptions, Identity } from './authority-caller.ts'
export type {
  Account,
  AkAuthority,
  AkCertificate,
  AkCertificateListEntry,
  AkChallenge,
  AkChallengeRequest,
  AkEnrolment,
  AttestRequest,
  AttestResult,
  BaselineChange,
  BaselineDescription,
  BaselineListEntry,
  CertificateChange,
  CertificateDescription,
  CertificateListEntry,
  CertificateType,
  Evidence,
  Measurement,
  NewBaseline,
  NewCertificate,
  NewPolicy,
  Nonce,
  PolicyChange,
  PolicyDescription,
  PolicyListEntry,
  Removal,
  RevocationList,
  Stored,
  TokenVerdict,
} from './authority-types.ts'
export type { TlsOptions } from './tls-fetch.ts'
export { VouchsafeConnectionError, VouchsafeError } from './errors.ts'
export { KEY_SPECS, SHORT_NAMES, keySpecOf, shortSpec } from './names.ts'
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
