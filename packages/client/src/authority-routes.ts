/**
 * Every operation of the attestation authority: its method and path, and whether a request whose answer got lost may be sent again without
 * asking. It may when doing it twice has the same result as doing it once, even if someone else did something in between.
 */
export interface Route {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  /** Below the service's prefix, or absolute. */
  readonly path: string
  readonly repeatable: boolean
}

/** Of the two prefixes that the service has, the usual one. */
export const SERVICE_PREFIX = '/global-trust-authority/v1/service/'

export const ROUTES = {
  // Reads, and computations that leave nothing behind but an unused nonce.
  QueryCertificates: { method: 'GET', path: 'cert', repeatable: true },
  QueryPolicies: { method: 'GET', path: 'policy', repeatable: true },
  QueryBaselines: { method: 'GET', path: 'ref_value', repeatable: true },
  Challenge: { method: 'POST', path: 'challenge', repeatable: true },
  VerifyToken: { method: 'POST', path: 'token/verify', repeatable: true },
  JsonWebKeySet: { method: 'GET', path: '/.well-known/jwks.json', repeatable: true },
  ListAkCertificates: { method: 'GET', path: '/v1/attestation/ak-certificates', repeatable: true },
  AkAuthority: { method: 'GET', path: '/v1/attestation/ak-certificates/authority', repeatable: true },
  ListAkEnrolments: { method: 'GET', path: '/v1/attestation/ak-enrolments', repeatable: true },
  ChallengeAk: { method: 'POST', path: '/v1/attestation/ak-certificates/challenges', repeatable: true },
  // The first one used the nonce up, so a repeat would report a failure of what succeeded.
  Attest: { method: 'POST', path: 'attest', repeatable: false },
  IssueAkCertificate: { method: 'POST', path: '/v1/attestation/ak-certificates', repeatable: false },
  // A repeat would make a second user or key.
  Register: { method: 'POST', path: 'register', repeatable: false },
  // The first one took the name, or made the next version.
  AddCertificate: { method: 'POST', path: 'cert', repeatable: false },
  UpdateCertificate: { method: 'PUT', path: 'cert', repeatable: false },
  AddPolicy: { method: 'POST', path: 'policy', repeatable: false },
  UpdatePolicy: { method: 'PUT', path: 'policy', repeatable: false },
  AddBaseline: { method: 'POST', path: 'ref_value', repeatable: false },
  UpdateBaseline: { method: 'PUT', path: 'ref_value', repeatable: false },
  AddAkEnrolment: { method: 'POST', path: '/v1/attestation/ak-enrolments', repeatable: false },
  // A late repeat could remove or revoke what was made since.
  RevokeAkCertificates: { method: 'POST', path: '/v1/attestation/ak-certificates/revocations', repeatable: false },
  DeleteAkEnrolment: { method: 'DELETE', path: '/v1/attestation/ak-enrolments', repeatable: false },
  DeleteCertificates: { method: 'DELETE', path: 'cert', repeatable: false },
  DeletePolicies: { method: 'DELETE', path: 'policy', repeatable: false },
  DeleteBaselines: { method: 'DELETE', path: 'ref_value', repeatable: false },
} as const satisfies Record<string, Route>

export type RouteName = keyof typeof ROUTES
