/** The attestation authority's domains, as the edge and the server's context hold them. */
import type { Platform } from '../platform.ts'
import type { Keyring } from '../signing-keys/keyring.ts'
import type { RowResigning } from '../signing-keys/row-resigning.ts'
import type { RowSignatures } from '../signing-keys/row-signatures.ts'
import type { Storage } from '../storage/index.ts'
import { Nonces } from './nonces.ts'
import { Tokens, type TokenSettings } from './tokens.ts'

export interface Attestation {
  nonces: Nonces
  tokens: Tokens
  /** One round of background work. */
  upkeep(): Promise<void>
}

export interface AttestationServices {
  storage: Storage
  platform: Platform
  keyring: Keyring
  rowSignatures: RowSignatures
  resigning: RowResigning
}

export function createAttestation(services: AttestationServices, settings: TokenSettings): Attestation {
  const nonces = new Nonces(services)
  const { keyring, resigning } = services
  return {
    nonces,
    tokens: new Tokens(services, settings),
    async upkeep() {
      await nonces.purge()
      await keyring.rotateDue()
      await resigning.run()
    },
  }
}
