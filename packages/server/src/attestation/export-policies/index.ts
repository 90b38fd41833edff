/** The policies that say which claims of the evidence a token carries (contract §9.2): one for each verifier, part of this release. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { ATTESTER_TYPES, type AttesterType } from '../verifiers/attester-types.ts'
import type { PolicySource } from '../appraisal/task.ts'

const POLICIES = new Map(ATTESTER_TYPES.map((type) => [type, read(type)]))

/** The export policy of an attester type. */
export function exportPolicyOf(type: AttesterType): PolicySource {
  return POLICIES.get(type)!
}

function read(type: AttesterType): PolicySource {
  const text = readFileSync(new URL(`./${type}.rego`, import.meta.url), 'utf8')
  return { id: `export ${type}`, version: 1, hash: createHash('sha256').update(text).digest('hex'), text }
}
