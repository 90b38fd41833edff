/** The named checks that a validated chain consists of: what was expected of which certificate, and what was found. */
import type { Check } from '@vouchsafe/checks'
import type { Certificate } from './certificate.ts'

export type CheckName =
  /** The path ends at an anchor. */
  | 'chain-anchor'
  | 'signature'
  | 'key-strength'
  | 'validity'
  | 'basic-constraints'
  | 'path-length'
  | 'key-usage'
  | 'extended-key-usage'
  | 'critical-extensions'
  | 'name-constraints'
  | 'crl-signature'
  | 'crl-dates'
  | 'revocation'

/** The subject is that of the certificate, or its serial number where that is empty. */
export interface ChainCheck extends Required<Omit<Check, 'note'>> {
  name: CheckName
  /** `warning`: not passed, but the policy lets the chain be valid all the same. */
  outcome: 'pass' | 'fail' | 'warning'
}

const MAX_SUBJECT = 256

export function check(
  name: CheckName,
  certificate: Certificate,
  outcome: boolean | ChainCheck['outcome'],
  expected: string,
  found: string,
): ChainCheck {
  const text = typeof outcome === 'string' ? outcome : outcome ? 'pass' : 'fail'
  return { name, passed: text === 'pass', outcome: text, subject: subjectOf(certificate), expected, found }
}

export function subjectOf({ subject, serialNumber }: Certificate): string {
  const text = subject.text === '' ? `serial number ${serialNumber}` : subject.text
  return text.length > MAX_SUBJECT ? `${text.slice(0, MAX_SUBJECT)}…` : text
}
