/** One named step of a verification, with what was expected and what was found: text for people and programs, never secret. */
export interface Check {
  name: string
  passed: boolean
  /** What the check is about, where a name occurs more than once: a certificate's subject, a CRL's issuer. */
  subject?: string
  expected?: string
  found?: string
  /** What else a reader should know, such as why a check could not be made. */
  note?: string
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
  equal(name: string, expected: Uint8Array, found: Uint8Array): boolean {
    return this.add(name, Buffer.compare(expected, found) === 0, { expected: expected.toHex(), found: found.toHex() })
  }

  get passed(): boolean {
    return this.list.every(({ passed }) => passed)
  }
}
