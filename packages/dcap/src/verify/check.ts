/** One named step of a verification, with what was expected and what was found: text for people and programs, never secret. */
export interface Check {
  name: string
  passed: boolean
  /** What it is about, where a name occurs more than once: a certificate's subject, a CRL's issuer. */
  subject?: string
  expected?: string
  found?: string
}

/** Collects checks in their order. */
export class Checks {
  readonly list: Check[] = []

  /** Notes the check; returns whether it passed. */
  add(name: string, passed: boolean, detail: Omit<Check, 'name' | 'passed'> = {}): boolean {
    this.list.push({ name, passed, ...detail })
    return passed
  }

  /** That two byte strings are equal, shown in hex. */
  equal(name: string, expected: Buffer, found: Buffer): boolean {
    return this.add(name, expected.equals(found), { expected: expected.toString('hex'), found: found.toString('hex') })
  }

  get passed(): boolean {
    return this.list.every(({ passed }) => passed)
  }
}
