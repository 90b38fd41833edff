import { hash as hashOnce } from 'node:crypto'
import type { HashAlgorithm, Hashes } from '../hash.ts'
import { hash } from '../hash.ts'

/**
 * Writes the digest of the data into `target`, which may overlap the data. A log has several digests per entry, and node:crypto gives a digest as a string in
 * a fraction of the time that it takes to make a Buffer.
 */
export function hashInto(algorithm: HashAlgorithm, data: Uint8Array, target: Buffer, offset: number, hashes: Hashes): void {
  if (algorithm === 'sm3') target.set(hash('sm3', data, hashes), offset)
  else target.write(hashOnce(algorithm, data, 'binary'), offset, 'latin1')
}

/** The digest in hex, in the same way. */
export function hashHex(algorithm: HashAlgorithm, data: Uint8Array, hashes: Hashes): string {
  return algorithm === 'sm3' ? hash('sm3', data, hashes).toHex() : hashOnce(algorithm, data)
}
