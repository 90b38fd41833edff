/** The attestation authority's domains, as the edge and the server's context hold them. */
import type { Platform } from '../platform.ts'
import type { Keyring } from '../signing-keys/keyring.ts'
import type { RowSignatures } from '../signing-keys/row-signatures.ts'
import type { Storage } from '../storage/index.ts'
import { Nonces } from './nonces.ts'
import { Tokens, type TokenSettings } from './tokens.ts'

export interface Attestation {
  nonces: Nonces
  tokens: Tokens
}

export interface AttestationServices {
  storage: Storage
  platform: Platform
  keyring: Keyring
  rowSignatures: RowSignatures
}

export function createAttestation(services: AttestationServices, settings: TokenSettings): Attestation {
  return { nonces: new Nonces(services), tokens: new Tokens(services, settings) }
}
