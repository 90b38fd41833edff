/** The attestation authority's domains, as the edge and the server's context hold them. */
import type { KeyCrypto } from '@vouchsafe/crypto'
import type { ChangeFeed, Storage } from '../storage/index.ts'
import type { Log, Runtime } from '../foundation/index.ts'
import type { RowResigning, RowSignatures, SigningKeys } from '../signing-keys/index.ts'
import type { Envelope } from '../envelope/index.ts'
import { AkCertificates, type AkCertificateSettings } from './ak-certificates/ak-certificates.ts'
import type { Appraiser } from './appraisal/appraiser.ts'
import { Attest, type AttestSettings } from './attest.ts'
import { Baselines } from './baselines/baselines.ts'
import { signedBaselines } from './baselines/baseline-fields.ts'
import { ReferenceStore } from './baselines/reference-store.ts'
import { CertificateWatch } from './certificates/certificate-watch.ts'
import { Certificates } from './certificates/certificates.ts'
import { Crls } from './certificates/crls.ts'
import { ForeignSignatures } from './certificates/foreign-signatures.ts'
import { signedRows } from './certificates/resigning.ts'
import { Trust, type TrustSettings } from './certificates/trust.ts'
import { TrustStore } from './certificates/trust-store.ts'
import { Nonces } from './nonces.ts'
import { PolicyChoice, type PolicyDefaults } from './policies/policy-choice.ts'
import { signedPolicies } from './policies/policy-fields.ts'
import { Policies, type PolicySettings } from './policies/policies.ts'
import { Tokens, type TokenSettings } from './tokens.ts'

export interface Attestation {
  nonces: Nonces
  tokens: Tokens
  attest: Attest
  akCertificates: AkCertificates
  certificates: Certificates
  crls: Crls
  trust: Trust
  policies: Policies
  policyChoice: PolicyChoice
  baselines: Baselines
  references: ReferenceStore
  appraiser: Appraiser
  certificateWatch: CertificateWatch
  /** One round of background work. */
  upkeep(): Promise<void>
}

export interface AttestationServices {
  storage: Storage
  envelope: Envelope
  runtime: Runtime
  log: Log
  feed: ChangeFeed
  crypto: KeyCrypto
  signingKeys: SigningKeys
  rowSignatures: RowSignatures
  resigning: RowResigning
  appraiser: Appraiser
}

export interface AttestationSettings extends TokenSettings, TrustSettings, PolicySettings, AttestSettings, AkCertificateSettings {
  policyDefaults: PolicyDefaults
  /** How many certificates, and as many CRLs, a user may have. */
  certificatesPerUser: number
}

export function createAttestation(services: AttestationServices, settings: AttestationSettings): Attestation {
  const nonces = new Nonces(services)
  const { storage, runtime, signingKeys, resigning } = services
  const trustStore = new TrustStore(services)
  const certificateWatch = new CertificateWatch(services)
  const signatures = new ForeignSignatures(services)
  const trust = new Trust({ signatures, trustStore }, settings)
  const policies: Policies = new Policies({ ...services, signatures, trust }, settings, (user) => policyChoice.forget(user))
  const policyChoice = new PolicyChoice({ ...services, policies }, settings)
  const baselines: Baselines = new Baselines({ ...services, signatures, trust }, (user) => references.forget(user))
  const references = new ReferenceStore({ ...services, baselines })
  const signed = [...signedRows(storage, runtime), signedPolicies(storage, runtime), signedBaselines(storage, runtime)]
  for (const rows of signed) resigning.register(rows)
  const tokens = new Tokens(services, settings)
  const akCertificates = new AkCertificates({ ...services, trust }, settings)
  const { authorities } = akCertificates
  return {
    nonces,
    tokens,
    attest: new Attest({ ...services, nonces, tokens, trust, authorities, policies: policyChoice, references }, settings),
    akCertificates,
    certificates: new Certificates({ ...services, trustStore }, settings.certificatesPerUser),
    crls: new Crls({ ...services, signatures, trustStore }, settings.certificatesPerUser),
    trust,
    policies,
    policyChoice,
    baselines,
    references,
    appraiser: services.appraiser,
    certificateWatch,
    async upkeep() {
      await nonces.purge()
      await akCertificates.purge()
      await signingKeys.rotateDue()
      await resigning.run()
      await certificateWatch.look()
    },
  }
}
