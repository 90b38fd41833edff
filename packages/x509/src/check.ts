/** The named checks that a validated chain consists of: what was expected of which certificate, and what was found. */
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

export interface Check {
  name: CheckName
  /** `warning`: not as expected, but the policy lets it pass. */
  outcome: 'pass' | 'fail' | 'warning'
  /** Subject of the certificate; its serial number where the subject is empty. */
  subject: string
  expected: string
  found: string
}

const MAX_SUBJECT = 256

export function check(
  name: CheckName,
  certificate: Certificate,
  outcome: boolean | Check['outcome'],
  expected: string,
  found: string,
): Check {
  const text = typeof outcome === 'string' ? outcome : outcome ? 'pass' : 'fail'
  return { name, outcome: text, subject: subjectOf(certificate), expected, found }
}

export function subjectOf({ subject, serialNumber }: Certificate): string {
  const text = subject.text === '' ? `serial number ${serialNumber}` : subject.text
  return text.length > MAX_SUBJECT ? `${text.slice(0, MAX_SUBJECT)}…` : text
}
