// Policies for tests.
import { readFileSync } from 'node:fs'

/** The policies of the API document, base64: the one that it adds, and the one that it puts in its place, which calls an unknown function. */
export const DOCUMENT_POLICIES = JSON.parse(readFileSync(new URL('../fixtures/document-policies.json', import.meta.url), 'utf8')) as {
  added: string
  updated: string
}

export function base64(text: string): string {
  return Buffer.from(text).toString('base64')
}

/** A policy whose verdict is always the same. */
export function constantPolicy(matched = true): string {
  return `package verification\n\nresult = {"policy_matched": ${matched}}\n`
}

/** A policy that would go on for hours, without taking memory. */
export const ENDLESS_POLICY = `package verification

big := numbers.range(1, 3000)

never { big[_] + big[_] + big[_] + big[_] < 0 }

default result = {"policy_matched": true}
result = {"policy_matched": false} { never }
`
