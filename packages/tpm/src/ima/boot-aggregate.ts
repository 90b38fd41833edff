import type { Check } from '@vouchsafe/checks'
import type { HashAlgorithm, Hashes } from '../hash.ts'
import { digestSizes, hash } from '../hash.ts'
import type { ImaEntry } from './entry.ts'

const NAME = 'boot-aggregate'

/**
 * Compares a log's first entry, `boot_aggregate`, with the quoted PCRs 0–9 of a bank: H(PCR 0 ‖ … ‖ PCR 9), and H(PCR 0 ‖ … ‖ PCR 7) for SHA-1 and for
 * kernels before 5.8. It ties the runtime measurements to the boot that led to them. The digest identifies its bank; a check that can't be made has not passed,
 * and
 * its note says why. `pcrs`: the values of that bank by index.
 *
 * Source: Linux, security/integrity/ima/ima_crypto.c, ima_calc_boot_aggregate_tfm.
 *
 * @example
 * const bootPcrs = new Map(Array.from({ length: 10 }, (_, index) => [index, new Uint8Array(32)]))
 * checkBootAggregate(entries[0], 'sha256', bootPcrs).passed // → false
 */
export function checkBootAggregate(
  entry: ImaEntry,
  algorithm: HashAlgorithm,
  pcrs: ReadonlyMap<number, Uint8Array>,
  hashes?: Hashes,
): Check {
  const digest = entry.fileDigest
  if (entry.number !== 0 || entry.path !== 'boot_aggregate' || digest === undefined)
    return { name: NAME, passed: false, note: 'the log does not begin with boot_aggregate' }
  if (entry.violation) return { name: NAME, passed: false, note: 'the first entry is a violation, of which no PCR covers the digest' }
  const found = `${digest.algorithm}:${digest.digest.toHex()}`
  if (digest.algorithm.replace(/^sm3[-_]256$/, 'sm3') !== algorithm)
    return { name: NAME, passed: false, found, note: `made from another bank than ${algorithm}, whose PCRs are given` }
  const values: Uint8Array[] = []
  for (let index = 0; index < 10; index++) {
    const value = pcrs.get(index)
    if (value?.length === digestSizes[algorithm]) values.push(value)
    else if (algorithm !== 'sha1' || index < 8)
      return { name: NAME, passed: false, found, note: `PCR ${index} of the bank ${algorithm} is not given` }
  }
  const eight = `${algorithm}:${hash(algorithm, Buffer.concat(values.slice(0, 8)), hashes).toHex()}`
  const expected = algorithm === 'sha1' ? eight : `${algorithm}:${hash(algorithm, Buffer.concat(values), hashes).toHex()}`
  if (found === expected) return { name: NAME, passed: true, expected, found, note: algorithm === 'sha1' ? 'of PCRs 0–7' : 'of PCRs 0–9' }
  if (found === eight) return { name: NAME, passed: true, expected: eight, found, note: 'of PCRs 0–7, as kernels before 5.8 have it' }
  return { name: NAME, passed: false, expected, found }
}
