/** The attestation authority's domains, as the edge and the server's context hold them. */
import type { KeyCrypto } from '@vouchsafe/crypto'
import type { ChangeFeed } from '../change-feed.ts'
import type { Log } from '../log.ts'
import type { Platform } from '../platform.ts'
import type { Keyring } from '../signing-keys/keyring.ts'
import type { RowResigning } from '../signing-keys/row-resigning.ts'
import type { RowSignatures } from '../signing-keys/row-signatures.ts'
import type { Storage } from '../storage/index.ts'
import { CertificateWatch } from './certificates/certificate-watch.ts'
import { Certificates } from './certificates/certificates.ts'
import { Crls } from './certificates/crls.ts'
import { signedRows } from './certificates/resigning.ts'
import { Trust, type TrustSettings } from './certificates/trust.ts'
import { TrustStore } from './certificates/trust-store.ts'
import { Nonces } from './nonces.ts'
import { Tokens, type TokenSettings } from './tokens.ts'

export interface Attestation {
  nonces: Nonces
  tokens: Tokens
  certificates: Certificates
  crls: Crls
  trust: Trust
  certificateWatch: CertificateWatch
  /** One round of background work. */
  upkeep(): Promise<void>
}

export interface AttestationServices {
  storage: Storage
  platform: Platform
  log: Log
  feed: ChangeFeed
  crypto: KeyCrypto
  keyring: Keyring
  rowSignatures: RowSignatures
  resigning: RowResigning
}

export interface AttestationSettings extends TokenSettings, TrustSettings {
  /** How many certificates, and as many CRLs, a user may have. */
  certificatesPerUser: number
}

export function createAttestation(services: AttestationServices, settings: AttestationSettings): Attestation {
  const nonces = new Nonces(services)
  const { storage, platform, keyring, resigning } = services
  const trustStore = new TrustStore(services)
  const certificateWatch = new CertificateWatch(services)
  for (const rows of signedRows(storage, platform)) resigning.register(rows)
  return {
    nonces,
    tokens: new Tokens(services, settings),
    certificates: new Certificates({ ...services, trustStore }, settings.certificatesPerUser),
    crls: new Crls({ ...services, trustStore }, settings.certificatesPerUser),
    trust: new Trust({ ...services, trustStore }, settings),
    certificateWatch,
    async upkeep() {
      await nonces.purge()
      await keyring.rotateDue()
      await resigning.run()
      await certificateWatch.look()
    },
  }
}
