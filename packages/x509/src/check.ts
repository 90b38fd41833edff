/** The named checks of a chain's validation: what was expected of which certificate, and what was found. */
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
  /** Present on a check that did not pass but, by the policy, does not make the chain invalid: a warning. */
  tolerated?: true
}

const MAX_SUBJECT = 256

export function check(name: CheckName, certificate: Certificate, passed: boolean, expected: string, found: string): ChainCheck {
  return { name, passed, subject: subjectOf(certificate), expected, found }
}

/** Whether a check makes its chain invalid. */
export function isFailure({ passed, tolerated }: ChainCheck): boolean {
  return !passed && !tolerated
}

export function subjectOf({ subject, serialNumber }: Certificate): string {
  const text = subject.text === '' ? `serial number ${serialNumber}` : subject.text
  return text.length > MAX_SUBJECT ? `${text.slice(0, MAX_SUBJECT)}…` : text
}
