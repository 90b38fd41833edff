/** An operation of the attestation authority, as far as the server, the client and the documentation must agree on it. */
export interface GtaDescriptor {
  readonly name: string
  /** Its name in the trail, where that isn't its own. */
  readonly record?: string
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  /** Below each prefix of the service, or absolute for operations of our own. The first is the usual one. */
  readonly paths: readonly [string, ...string[]]
  readonly absolute?: true
  /** What a caller must be: a role (an owner may do everything), anybody, or, for `enroll`, whom listener and settings admit. */
  readonly permission: 'attester' | 'auditor' | 'owner' | 'public' | 'enroll'
  /** Which of the limits counts a call. */
  readonly rate: 'management' | 'attestation' | 'registration'
  /** `evidence`: as long as the option `evidence-limit` says; otherwise 1 MiB. */
  readonly bodyLimit?: 'evidence'
  /** Refusals carry the service's version. */
  readonly versioned?: true
  /** The call log notes each call; changes are audited in their transaction instead. */
  readonly logged?: true
  /**
   * Whether a request whose answer was lost may be retried automatically. It may if doing it twice has the same effect as doing it once,
   * even
   * if another caller did something in between.
   */
  readonly repeatable: boolean
  readonly summary: string
  /** For the reader of the documentation. */
  readonly notes?: string
}

/** Where every operation of the service is found: the document uses both. The first is the usual one. */
export const SERVICE_PREFIXES = ['/global-trust-authority/v1/service', '/global-trust-authority/service/v1'] as const

/** Every operation. */
export const GTA = {
  Challenge: {
    name: 'Challenge',
    method: 'POST',
    paths: ['challenge'],
    permission: 'attester',
    rate: 'attestation',
    versioned: true,
    logged: true,
    repeatable: true,
    summary: 'Issues a nonce that is bound to the user and valid for 120 seconds and one use.',
  },
  Attest: {
    name: 'Attest',
    method: 'POST',
    paths: ['attest'],
    permission: 'attester',
    rate: 'attestation',
    bodyLimit: 'evidence',
    versioned: true,
    logged: true,
    // The first one used the nonce up, so a repeat would report a failure of what succeeded.
    repeatable: false,
    summary: 'Verifies evidence and returns a token for each node.',
    notes:
      'Measurements that fail are listed in `errors`, beside the tokens of the others; where none holds, the answer is 400 with the fault of the first.',
  },
  VerifyToken: {
    name: 'VerifyToken',
    method: 'POST',
    paths: ['token/verify'],
    permission: 'public',
    rate: 'attestation',
    logged: true,
    repeatable: true,
    summary: 'Verifies a token and parses it.',
    notes:
      'Anybody may ask. With a `User-Id` or `API-Key` the token must be of that user. A token that fails gives 200 too: `message` and `checks` say which check failed.',
  },
  AddCertificate: {
    name: 'AddCertificate',
    method: 'POST',
    paths: ['cert'],
    permission: 'owner',
    rate: 'management',
    // The first one took the name.
    repeatable: false,
    summary: 'Stores a certificate, or a CRL.',
    notes:
      'A CRL is stored only if a certificate of the user with its issuer’s name signed it; posted again under its name, it is replaced by a list that is not older.',
  },
  UpdateCertificate: {
    name: 'UpdateCertificate',
    method: 'PUT',
    paths: ['cert'],
    permission: 'owner',
    rate: 'management',
    // A repeat would make another version.
    repeatable: false,
    summary: "Changes a certificate's metadata, never the certificate itself.",
    notes: 'Fields that are absent or null stay as they are. Without `id`, as in the document’s sample, `name` identifies the certificate.',
  },
  QueryCertificates: {
    name: 'QueryCertificates',
    method: 'GET',
    paths: ['cert'],
    permission: 'auditor',
    rate: 'management',
    repeatable: true,
    summary: 'Returns certificates by id, in full; or lists all of them, or those of a type; or, with `cert_type=crl`, CRLs.',
  },
  DeleteCertificates: {
    name: 'DeleteCertificates',
    method: 'DELETE',
    paths: ['cert'],
    permission: 'owner',
    rate: 'management',
    // A late repeat could remove what was made since.
    repeatable: false,
    summary: 'Removes certificates by id, by type, or all; with `"type":"crl"`, CRLs by id or all.',
  },
  AddPolicy: {
    name: 'AddPolicy',
    method: 'POST',
    paths: ['policy'],
    permission: 'owner',
    rate: 'management',
    // The first one took the name.
    repeatable: false,
    summary: 'Stores a policy.',
    notes:
      'It must compile, and give a boolean `policy_matched` in `data.verification.result` on sample inputs of each attester type. A JWT is verified where the user has a certificate of type policy.',
  },
  UpdatePolicy: {
    name: 'UpdatePolicy',
    method: 'PUT',
    paths: ['policy'],
    permission: 'owner',
    rate: 'management',
    // A repeat would make another version.
    repeatable: false,
    summary: 'Changes a policy; fields that are absent or null stay as they are.',
    notes: 'The policy is tested like a new one. 429 when another request changed it at the same time.',
  },
  QueryPolicies: {
    name: 'QueryPolicies',
    method: 'GET',
    paths: ['policy'],
    permission: 'auditor',
    rate: 'management',
    repeatable: true,
    summary: 'Returns policies by id, in full; or lists all of them, or those of an attester type.',
  },
  DeletePolicies: {
    name: 'DeletePolicies',
    method: 'DELETE',
    paths: ['policy'],
    permission: 'owner',
    rate: 'management',
    // A late repeat could remove what was made since.
    repeatable: false,
    summary: 'Removes policies by id, by attester type, or all.',
    notes: 'Unknown ids are ignored. The response has no body.',
  },
  AddBaseline: {
    name: 'AddBaseline',
    method: 'POST',
    paths: ['ref_value', 'refvalue'],
    permission: 'owner',
    rate: 'management',
    bodyLimit: 'evidence',
    // The first one took the name.
    repeatable: false,
    summary: 'Stores a baseline.',
    notes:
      'A reference value may also name its algorithm, as {"fileName","alg","digest"}; with "matchFileName":true in the payload, file names count.',
  },
  UpdateBaseline: {
    name: 'UpdateBaseline',
    method: 'PUT',
    paths: ['ref_value', 'refvalue'],
    permission: 'owner',
    rate: 'management',
    bodyLimit: 'evidence',
    // A repeat would make another version.
    repeatable: false,
    summary: 'Changes a baseline; fields that are absent or null stay as they are.',
    notes: '429 when another request changed it at the same time.',
  },
  QueryBaselines: {
    name: 'QueryBaselines',
    method: 'GET',
    paths: ['ref_value', 'refvalue'],
    permission: 'auditor',
    rate: 'management',
    repeatable: true,
    summary: 'Returns baselines by id, in full; or lists all of them, or those of an attester type.',
  },
  DeleteBaselines: {
    name: 'DeleteBaselines',
    method: 'DELETE',
    paths: ['ref_value', 'refvalue'],
    permission: 'owner',
    rate: 'management',
    // A late repeat could remove what was made since.
    repeatable: false,
    summary: 'Removes baselines by id, by attester type, or all.',
    notes: 'Unknown ids are ignored. The response has no body.',
  },
  ChallengeAk: {
    name: 'ChallengeAk',
    method: 'POST',
    paths: ['/v1/attestation/ak-certificates/challenges'],
    absolute: true,
    permission: 'attester',
    rate: 'attestation',
    logged: true,
    repeatable: true,
    summary: 'Starts issuing a certificate for an attestation key: returns a credential that only its TPM can open.',
    notes: "The endorsement key's certificate must chain to one that the user stored with the type `tpm_ek`.",
  },
  IssueAkCertificate: {
    name: 'IssueAkCertificate',
    method: 'POST',
    paths: ['/v1/attestation/ak-certificates'],
    absolute: true,
    permission: 'attester',
    rate: 'attestation',
    // The first one used the nonce up, so a repeat would report a failure of what succeeded.
    repeatable: false,
    summary: 'Returns the certificate in exchange for the secret that the TPM recovered.',
  },
  ListAkCertificates: {
    name: 'ListAkCertificates',
    method: 'GET',
    paths: ['/v1/attestation/ak-certificates'],
    absolute: true,
    permission: 'auditor',
    rate: 'management',
    repeatable: true,
    summary: 'Lists the issued certificates, by serial number.',
  },
  RevokeAkCertificates: {
    name: 'RevokeAkCertificates',
    method: 'POST',
    paths: ['/v1/attestation/ak-certificates/revocations'],
    absolute: true,
    permission: 'owner',
    rate: 'management',
    // A late repeat could revoke what was issued since.
    repeatable: false,
    summary: "Revokes one certificate, or all of a node's.",
  },
  AkAuthority: {
    name: 'AkAuthority',
    method: 'GET',
    paths: ['/v1/attestation/ak-certificates/authority'],
    absolute: true,
    permission: 'auditor',
    rate: 'management',
    repeatable: true,
    summary: 'Lists the CAs that issue the certificates, newest first, each with its CRL.',
  },
  AddAkEnrolment: {
    name: 'AddAkEnrolment',
    method: 'POST',
    paths: ['/v1/attestation/ak-enrolments'],
    absolute: true,
    permission: 'owner',
    rate: 'management',
    // The first one took the name.
    repeatable: false,
    summary: 'Records which node an endorsement key belongs to; without that, the node is named by the digest.',
  },
  ListAkEnrolments: {
    name: 'ListAkEnrolments',
    method: 'GET',
    paths: ['/v1/attestation/ak-enrolments'],
    absolute: true,
    permission: 'auditor',
    rate: 'management',
    repeatable: true,
    summary: 'Lists which endorsement key belongs to which node, by digest.',
  },
  DeleteAkEnrolment: {
    name: 'DeleteAkEnrolment',
    method: 'DELETE',
    paths: ['/v1/attestation/ak-enrolments'],
    absolute: true,
    permission: 'owner',
    rate: 'management',
    // A late repeat could remove what was made since.
    repeatable: false,
    summary: 'Removes an enrolment and revokes the certificates issued under it.',
  },
  Register: {
    name: 'Register',
    record: 'RegisterUser',
    method: 'POST',
    paths: ['register'],
    permission: 'enroll',
    rate: 'registration',
    // A repeat would make a second user or key.
    repeatable: false,
    summary: 'Creates a user with an API key or, when called with an API key, replaces that key.',
    notes: 'The old key works for another hour. New users are created only where enrolment is open, on loopback, as for apps.',
  },
  RegisterByGet: {
    name: 'RegisterByGet',
    record: 'RegisterUser',
    method: 'GET',
    paths: ['register'],
    permission: 'enroll',
    rate: 'registration',
    // A repeat would make a second user or key.
    repeatable: false,
    summary: 'Makes a user with an API key; with an API key, a new one in its place.',
    notes: 'The old key works for another hour. New users only where enrolment is open, on loopback, as for apps.',
  },
  JsonWebKeySet: {
    name: 'JsonWebKeySet',
    method: 'GET',
    paths: ['/.well-known/jwks.json'],
    absolute: true,
    permission: 'public',
    rate: 'attestation',
    repeatable: true,
    summary: 'Returns the public keys that verify tokens (RFC 7517), newest first.',
  },
} as const satisfies Record<string, GtaDescriptor>

/** What the client calls: of the two methods of register, one is enough. */
export type GtaCallName = Exclude<keyof typeof GTA, 'RegisterByGet'>
