import type { Rate } from '@vouchsafe/service'
import { SIGNATURE_ALGORITHMS, isSignatureAlgorithm, type SignatureAlgorithm } from '../signing-keys/index.ts'
import { nonEmpty, oneOf, option, readBoolean, readEndpoint, readList, readRate, wholeNumber } from './option-values.ts'
import type { Endpoint } from './option-values.ts'

/** The options of the attestation authority; part of the one table in config.ts. */
export const AUTHORITY_OPTIONS = {
  'tls-client-ca': option<string | undefined>({
    flag: true,
    env: 'VOUCHSAFE_TLS_CLIENT_CA',
    fallback: undefined,
    read: nonEmpty,
    doc: 'PEM file of the CAs whose client certificates may identify users of the attestation authority (an operator admits each one)',
  }),
  'tls-client-crl': option<string | undefined>({
    flag: true,
    env: 'VOUCHSAFE_TLS_CLIENT_CRL',
    fallback: undefined,
    read: nonEmpty,
    doc: 'PEM file of CRLs, one of every CA in tls-client-ca; a client certificate that they revoke identifies nobody',
  }),
  'token-algorithm': option<SignatureAlgorithm>({
    flag: true,
    env: 'VOUCHSAFE_TOKEN_ALGORITHM',
    fallback: 'RS256',
    read: (text) => {
      if (!isSignatureAlgorithm(text)) throw new Error(`'${text}' is not one of ${SIGNATURE_ALGORITHMS.join(', ')}`)
      return text
    },
    doc: `how attestation tokens are signed: ${SIGNATURE_ALGORITHMS.join(', ')}`,
  }),
  'token-minutes': option<number>({
    flag: true,
    env: 'VOUCHSAFE_TOKEN_MINUTES',
    fallback: 10,
    read: wholeNumber(1, 1440),
    doc: 'minutes for which an attestation token is valid',
  }),
  'eat-profile': option<string>({
    flag: true,
    env: 'VOUCHSAFE_EAT_PROFILE',
    fallback: 'urn:vouchsafe:eat-profile:1',
    read: nonEmpty,
    doc: 'the claim eat_profile of attestation tokens: a URI',
  }),
  'ignored-nonces': option<boolean>({
    flag: true,
    env: 'VOUCHSAFE_IGNORED_NONCES',
    fallback: false,
    read: readBoolean,
    boolean: true,
    doc: 'let hosts attest with nonce_type ignore from beyond loopback too: captured evidence can then be used again',
  }),
  'signing-key-rotation-days': option<number>({
    flag: true,
    env: 'VOUCHSAFE_SIGNING_KEY_ROTATION_DAYS',
    fallback: 90,
    read: wholeNumber(0, 3650),
    doc: 'days after which the keys that sign nonces, rows and tokens are replaced; 0: never automatically',
  }),
  'certificates-per-user': option<number>({
    flag: true,
    env: 'VOUCHSAFE_CERTIFICATES_PER_USER',
    fallback: 10,
    read: wholeNumber(1, 1000),
    doc: 'how many certificates, and as many CRLs, one user of the attestation authority may have',
  }),
  'refuse-stale-crls': option<boolean>({
    flag: true,
    env: 'VOUCHSAFE_REFUSE_STALE_CRLS',
    fallback: false,
    read: readBoolean,
    boolean: true,
    doc: 'refuse evidence where a CRL is past its next update; otherwise its revocations still count, and the checks name it',
  }),
  'require-ek-usage': option<boolean>({
    flag: true,
    env: 'VOUCHSAFE_REQUIRE_EK_USAGE',
    fallback: false,
    read: readBoolean,
    boolean: true,
    doc: "accept an endorsement key's certificate only if it lists the usage tcg-kp-EKCertificate (2.23.133.8.1), which some TPMs' certificates lack",
  }),
  'policy-defaults': option<'when-absent' | 'always'>({
    flag: true,
    env: 'VOUCHSAFE_POLICY_DEFAULTS',
    fallback: 'when-absent',
    read: oneOf('when-absent', 'always'),
    doc: "when a user's default policies apply: when-absent (where a request names no policies) or always (in addition to the named ones)",
  }),
  'signed-policies': option<boolean>({
    flag: true,
    env: 'VOUCHSAFE_SIGNED_POLICIES',
    fallback: false,
    read: readBoolean,
    boolean: true,
    doc: "refuse policies that aren't JWTs signed by a policy certificate of the user; otherwise JWTs are verified if the user has one",
  }),
  'appraisal-workers': option<number>({
    flag: true,
    env: 'VOUCHSAFE_APPRAISAL_WORKERS',
    fallback: 2,
    read: wholeNumber(1, 64),
    doc: 'threads that replay logs, evaluate policies and read baselines',
  }),
  'ak-certificate-hours': option<number>({
    flag: true,
    env: 'VOUCHSAFE_AK_CERTIFICATE_HOURS',
    fallback: 24,
    read: wholeNumber(1, 8760),
    doc: 'hours for which a certificate that the server issues for an attestation key is valid',
  }),
  'evidence-limit-mib': option<number>({
    flag: true,
    env: 'VOUCHSAFE_EVIDENCE_LIMIT_MIB',
    fallback: 16,
    read: wholeNumber(1, 100),
    doc: 'maximum size of the body of attest or ref_value, in MiB',
  }),
  'management-rate': option<Rate | undefined>({
    flag: true,
    env: 'VOUCHSAFE_MANAGEMENT_RATE',
    fallback: { perSecond: 200, burst: 400 },
    read: readRate,
    doc: "calls per second and burst for one client of the attestation authority's management, or none; no limit on loopback",
  }),
  'attestation-rate': option<Rate | undefined>({
    flag: true,
    env: 'VOUCHSAFE_ATTESTATION_RATE',
    fallback: { perSecond: 2_000, burst: 4_000 },
    read: readRate,
    doc: 'the same for challenge, attest and token/verify',
  }),
  'registration-rate': option<Rate | undefined>({
    flag: true,
    env: 'VOUCHSAFE_REGISTRATION_RATE',
    fallback: { perSecond: 10, burst: 20 },
    read: readRate,
    doc: 'the same for register',
  }),
  'key-manager-listen': option<Endpoint | undefined>({
    flag: true,
    env: 'VOUCHSAFE_KEY_MANAGER_LISTEN',
    fallback: undefined,
    read: readEndpoint,
    doc: 'a listener that hands out the PRIVATE signing keys to the clients in key-manager-clients, for verifiers of the original system',
  }),
  'key-manager-ca': option<string | undefined>({
    flag: true,
    env: 'VOUCHSAFE_KEY_MANAGER_CA',
    fallback: undefined,
    read: nonEmpty,
    doc: 'PEM file of the CAs of those clients',
  }),
  'key-manager-crl': option<string | undefined>({
    flag: true,
    env: 'VOUCHSAFE_KEY_MANAGER_CRL',
    fallback: undefined,
    read: nonEmpty,
    doc: 'PEM file of CRLs, one of every CA in key-manager-ca',
  }),
  'key-manager-clients': option<readonly string[] | undefined>({
    flag: true,
    env: 'VOUCHSAFE_KEY_MANAGER_CLIENTS',
    fallback: undefined,
    read: readList,
    doc: 'clients that may read the signing keys: common names, or sha256: and a certificate fingerprint in hex, separated by commas',
  }),
} as const
