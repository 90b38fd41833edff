import { AuthorityCaller } from './authority-caller.ts'
import type { AuthorityOptions } from './authority-caller.ts'
import type { GtaCallName } from '@vouchsafe/operations'
import type {
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
import { notAnAnswer } from './exchange.ts'
import { base64, bytesField, listField, numberField, objectField, textField } from './fields.ts'

/** The version of the API's agents that this client speaks for. */
const AGENT_VERSION = '1.0'

/**
 * A client of one attestation authority, as one user. Every method throws VouchsafeError when the authority refuses, with the HTTP status for
 * `code`, and VouchsafeConnectionError when no usable answer arrives.
 *
 * @example
 * const authority = new AuthorityClient({ baseUrl, user: 'payroll' })
 * const content = Buffer.from('package verification\n\nresult = {"policy_matched": true}').toString('base64')
 * await authority.addPolicy({ name: 'boot', attester_type: ['tpm_boot'], content_type: 'text', content, is_default: true })
 * const policies = await authority.listPolicies('tpm_boot')
 * policies.map(({ name }) => name) // → ['boot']
 */
export class AuthorityClient {
  readonly user: string | undefined
  readonly #caller: AuthorityCaller

  /** Throws TypeError for options that cannot work. */
  constructor(options: AuthorityOptions) {
    this.user = options.user
    this.#caller = new AuthorityCaller(options)
  }

  /** Creates a user, if the server permits it, and returns the user's API key, which is shown only once. */
  static async register(options: Omit<AuthorityOptions, 'user' | 'apiKey'>): Promise<Account> {
    return accountOf(await new AuthorityCaller(options).call('Register'))
  }

  /** Replaces the API key that this client uses; the old one works for another hour. */
  async replaceApiKey(): Promise<Account> {
    return accountOf(await this.#caller.call('Register'))
  }

  /** Requests a nonce, which is valid for 120 seconds and one use. */
  async challenge(attesterTypes: readonly string[]): Promise<Nonce> {
    const body = { agent_version: AGENT_VERSION, attester_type: attesterTypes }
    const nonce = objectField('Challenge', await this.#caller.call('Challenge', { body }), 'nonce')
    return {
      iat: numberField('Challenge', nonce, 'iat'),
      value: textField('Challenge', nonce, 'value'),
      signature: textField('Challenge', nonce, 'signature'),
    }
  }

  /**
   * Submits evidence for appraisal. Measurements that fail are listed in `errors`, beside the tokens of the others; if all fail, the call
   * is refused.
   */
  async attest(request: AttestRequest): Promise<AttestResult> {
    const answer = await this.#caller.call('Attest', { body: request })
    listField('Attest', answer, 'tokens')
    return answer as unknown as AttestResult
  }

  /** Has the authority verify one of this user's tokens. To verify tokens offline, use the keys that jsonWebKeySet returns. */
  async verifyToken(token: string): Promise<TokenVerdict> {
    const answer = await this.#caller.call('VerifyToken', { body: { token } })
    listField('VerifyToken', answer, 'checks')
    return answer as unknown as TokenVerdict
  }

  /** The public keys of tokens (RFC 7517), newest first. */
  async jsonWebKeySet(): Promise<{ keys: Record<string, string>[] }> {
    return { keys: listField('JsonWebKeySet', await this.#caller.call('JsonWebKeySet'), 'keys') }
  }

  /** Stores a certificate: a trust anchor, an intermediate, a pinned one, or a signer. */
  async addCertificate(certificate: NewCertificate): Promise<Stored> {
    const action = 'AddCertificate'
    const cert = objectField(action, await this.#caller.call(action, { body: certificate }), 'cert')
    return {
      id: textField(action, cert, 'cert_id'),
      name: textField(action, cert, 'cert_name'),
      version: numberField(action, cert, 'version'),
    }
  }

  /** Changes the attributes of a certificate. */
  async updateCertificate(id: string, change: CertificateChange): Promise<Pick<Stored, 'id' | 'version'>> {
    const action = 'UpdateCertificate'
    const cert = objectField(action, await this.#caller.call(action, { body: { id, ...change } }), 'cert')
    return { id: textField(action, cert, 'cert_id'), version: numberField(action, cert, 'version') }
  }

  /** The user's certificates, or those of a type, the last changed first. */
  async listCertificates(type?: CertificateType): Promise<CertificateListEntry[]> {
    return this.#list('QueryCertificates', 'certs', { cert_type: type })
  }

  /** Returns at most 100 certificates with all their details; unknown ids are ignored. */
  async getCertificates(ids: readonly string[]): Promise<CertificateDescription[]> {
    return this.#list('QueryCertificates', 'certs', { ids: joined(ids) })
  }

  async deleteCertificates(which: Removal<CertificateType>): Promise<void> {
    await this.#caller.call('DeleteCertificates', { body: removal(which, 'type', 'type') })
  }

  /** Stores a CRL, which must be signed by one of the user's CA certificates; it replaces an earlier list of the same name. */
  async putCrl(name: string, content: string): Promise<Omit<Stored, 'version'>> {
    const action = 'AddCertificate'
    const crl = objectField(action, await this.#caller.call(action, { body: { name, type: ['crl'], crl_content: content } }), 'crl')
    return { id: textField(action, crl, 'crl_id'), name: textField(action, crl, 'crl_name') }
  }

  /** The user's CRLs: those with these ids, or all. */
  async listCrls(ids?: readonly string[]): Promise<RevocationList[]> {
    return this.#list('QueryCertificates', 'crls', { cert_type: 'crl', ids: ids && joined(ids) })
  }

  async deleteCrls(which: { ids: readonly string[] } | { all: true }): Promise<void> {
    await this.#caller.call('DeleteCertificates', { body: { type: 'crl', ...('ids' in which && { ids: which.ids }) } })
  }

  /** Stores a policy, which must compile and return a decision for sample inputs of each of its attester types. */
  async addPolicy(policy: NewPolicy): Promise<Stored> {
    return this.#stored('AddPolicy', policy, 'policy')
  }

  async updatePolicy(id: string, change: PolicyChange): Promise<Stored> {
    return this.#stored('UpdatePolicy', { id, ...change }, 'policy')
  }

  /** The user's policies, or those for an attester type, the last changed first. */
  async listPolicies(attesterType?: string): Promise<PolicyListEntry[]> {
    return this.#list('QueryPolicies', 'policies', { attester_type: attesterType })
  }

  /** Returns at most 10 policies with all their details; unknown ids are ignored. */
  async getPolicies(ids: readonly string[]): Promise<PolicyDescription[]> {
    return this.#list('QueryPolicies', 'policies', { ids: joined(ids) })
  }

  async deletePolicies(which: Removal): Promise<void> {
    await this.#caller.call('DeletePolicies', { body: removal(which, 'attester_type', 'attester_type') })
  }

  /** Stores a baseline, whose signer must be one of the user's certificates of the type `refvalue`. */
  async addBaseline(baseline: NewBaseline): Promise<Stored> {
    return this.#stored('AddBaseline', baseline, 'refvalue')
  }

  async updateBaseline(id: string, change: BaselineChange): Promise<Stored> {
    return this.#stored('UpdateBaseline', { id, ...change }, 'refvalue')
  }

  /** The user's baselines, or those for an attester type, oldest first. */
  async listBaselines(attesterType?: string): Promise<BaselineListEntry[]> {
    return this.#list('QueryBaselines', 'refvalue', { attester_type: attesterType })
  }

  /** Returns at most 10 baselines in full; unknown ids are ignored. Fetch long ones one at a time. */
  async getBaselines(ids: readonly string[]): Promise<BaselineDescription[]> {
    return this.#list('QueryBaselines', 'refvalue', { ids: joined(ids) })
  }

  async deleteBaselines(which: Removal): Promise<void> {
    await this.#caller.call('DeleteBaselines', { body: removal(which, 'type', 'attester_type') })
  }

  /** Starts issuing a certificate for an attestation key: returns a credential that only its TPM can open. */
  async challengeAk(request: AkChallengeRequest): Promise<AkChallenge> {
    const action = 'ChallengeAk'
    const { ek_certificate, ek_public, ak_public } = request
    const body = { ek_certificate, ek_public: base64('ek_public', ek_public), ak_public: base64('ak_public', ak_public) }
    const answer = await this.#caller.call(action, { body })
    return {
      challenge_id: textField(action, answer, 'challenge_id'),
      node_id: textField(action, answer, 'node_id'),
      credential_blob: bytesField(action, answer, 'credential_blob'),
      encrypted_secret: bytesField(action, answer, 'encrypted_secret'),
    }
  }

  /** Returns the certificate in exchange for the secret that the TPM recovered from the challenge. */
  async issueAkCertificate(challengeId: string, secret: Uint8Array): Promise<AkCertificate> {
    const action = 'IssueAkCertificate'
    const answer = await this.#caller.call(action, { body: { challenge_id: challengeId, secret: base64('secret', secret) } })
    return {
      node_id: textField(action, answer, 'node_id'),
      serial_number: textField(action, answer, 'serial_number'),
      not_after: numberField(action, answer, 'not_after'),
      certificate: textField(action, answer, 'certificate'),
      authority: textField(action, answer, 'authority'),
    }
  }

  /** Lists the certificates that were issued, all or those of one node, by serial number. */
  async listAkCertificates(nodeId?: string): Promise<AkCertificateListEntry[]> {
    return this.#pages('ListAkCertificates', 'certificates', { node_id: nodeId })
  }

  /** Revokes one certificate, or all certificates of a node; returns their serial numbers. `reason` is a reason code of RFC 5280 §5.3.1. */
  async revokeAkCertificates(which: { serial_number: string } | { node_id: string }, reason?: string): Promise<string[]> {
    const action = 'RevokeAkCertificates'
    return listField(action, await this.#caller.call(action, { body: { ...which, ...(reason !== undefined && { reason }) } }), 'revoked')
  }

  /** The CAs that issue certificates of attestation keys, newest first, each with its CRL. */
  async listAkAuthorities(): Promise<AkAuthority[]> {
    return this.#list('AkAuthority', 'authorities', {})
  }

  /** Binds an endorsement key, given by its digest or its certificate (PEM), to a node. */
  async addAkEnrolment(nodeId: string, key: { ek_digest: string } | { ek_certificate: string }): Promise<AkEnrolment> {
    const action = 'AddAkEnrolment'
    const answer = await this.#caller.call(action, { body: { node_id: nodeId, ...key } })
    return {
      ek_digest: textField(action, answer, 'ek_digest'),
      node_id: textField(action, answer, 'node_id'),
      created_at: numberField(action, answer, 'created_at'),
    }
  }

  /** Lists which endorsement key belongs to which node, by digest. */
  async listAkEnrolments(): Promise<AkEnrolment[]> {
    return this.#pages('ListAkEnrolments', 'enrolments', {})
  }

  /**
   * Removes an enrolment and revokes the certificates issued under it; returns false if there is none. `reason` is a reason code of RFC
   * 5280 §5.3.1.
   */
  async deleteAkEnrolment(ekDigest: string, reason?: string): Promise<boolean> {
    const body = { ek_digest: ekDigest, ...(reason !== undefined && { reason }) }
    return (await this.#caller.call('DeleteAkEnrolment', { body }))['deleted'] === true
  }

  async #stored(action: GtaCallName, body: object, field: string): Promise<Stored> {
    const stored = objectField(action, await this.#caller.call(action, { body }), field)
    // The version of a baseline is text.
    return { id: textField(action, stored, 'id'), name: textField(action, stored, 'name'), version: Number(stored['version']) }
  }

  async #list<T>(action: GtaCallName, field: string, query: Record<string, string | undefined>): Promise<T[]> {
    return listField(action, await this.#caller.call(action, { query }), field)
  }

  async #pages<T>(action: GtaCallName, field: string, query: Record<string, string | undefined>): Promise<T[]> {
    const all: T[] = []
    for (let after: string | undefined; ;) {
      const answer = await this.#caller.call(action, { query: { ...query, after } })
      all.push(...listField<T>(action, answer, field))
      if (answer['next'] === undefined) return all
      const next = textField(action, answer, 'next')
      if (next === after) throw notAnAnswer(action, 'the pages of the list do not end')
      after = next
    }
  }
}

function accountOf(answer: Record<string, unknown>): Account {
  return { user: textField('Register', answer, 'User-Id'), apiKey: textField('Register', answer, 'API-Key') }
}

/** Throws TypeError for an empty list: without ids, the request would mean something else. */
function joined(ids: readonly string[]): string {
  if (ids.length === 0) throw new TypeError('ids must not be empty')
  if (ids.some((id) => id === '' || id.includes(','))) throw new TypeError('ids must not be empty, nor contain commas')
  return ids.join(',')
}

/** `delete_type` and the fields that go with it; the names of types differ between resources. */
function removal(which: Removal, typeWord: string, typeField: string): object {
  if ('ids' in which) return { delete_type: 'id', ids: which.ids }
  return 'type' in which ? { delete_type: typeWord, [typeField]: which.type } : { delete_type: 'all' }
}
