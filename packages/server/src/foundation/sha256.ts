import { hash } from 'node:crypto'

/** SHA-256 (FIPS 180-4) of some bytes: 32 bytes. */
export function sha256(data: Uint8Array): Uint8Array {
  return hash('sha256', data, 'buffer')
}
