// Between the columns and the rows of policies and baselines.
import { bytes, flag } from './columns.ts'
import type { BaselineRow, PolicyRow, PolicySummary } from './policy-rows.ts'
import type { BaselinesTable, PoliciesTable } from './schema.ts'

/** The columns of a PolicySummary: all but the text. */
export const POLICY_SUMMARY_COLUMNS = [
  'id',
  'user_id',
  'policy_id',
  'name',
  'description',
  'attester_types',
  'is_jwt',
  'signer_id',
  'is_default',
  'content_hash',
  'version',
  'created_at',
  'updated_at',
  'signature',
  'key_version',
  'altered',
] as const satisfies readonly (keyof PoliciesTable)[]

export function policySummaryFromColumns(row: Omit<PoliciesTable, 'content'>): PolicySummary {
  return {
    id: row.id,
    userId: row.user_id,
    policyId: row.policy_id,
    name: row.name,
    description: row.description,
    attesterTypes: JSON.parse(row.attester_types) as string[],
    isJwt: row.is_jwt === 1,
    signerId: row.signer_id,
    isDefault: row.is_default === 1,
    contentHash: row.content_hash,
    version: row.version,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    signature: bytes(row.signature),
    keyVersion: row.key_version,
    altered: row.altered === 1,
  }
}

export function policyFromColumns(row: PoliciesTable): PolicyRow {
  return { ...policySummaryFromColumns(row), content: row.content }
}

export function policyToColumns(policy: PolicyRow): PoliciesTable {
  return {
    id: policy.id,
    user_id: policy.userId,
    policy_id: policy.policyId,
    name: policy.name,
    description: policy.description,
    attester_types: JSON.stringify(policy.attesterTypes),
    is_jwt: flag(policy.isJwt),
    signer_id: policy.signerId,
    is_default: flag(policy.isDefault),
    content_hash: policy.contentHash,
    version: policy.version,
    created_at: policy.createdAt,
    updated_at: policy.updatedAt,
    signature: policy.signature,
    key_version: policy.keyVersion,
    altered: flag(policy.altered),
    content: policy.content,
  }
}

export function baselineFromColumns(row: BaselinesTable): BaselineRow {
  return {
    id: row.id,
    userId: row.user_id,
    name: row.name,
    description: row.description,
    attesterType: row.attester_type,
    isDefault: row.is_default === 1,
    signerId: row.signer_id,
    contentHash: row.content_hash,
    contentLength: row.content_length,
    digestsHash: row.digests_hash,
    digestsLength: row.digests_length,
    valueCount: row.value_count,
    version: row.version,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    signature: bytes(row.signature),
    keyVersion: row.key_version,
    altered: row.altered === 1,
  }
}

export function baselineToColumns(baseline: BaselineRow): BaselinesTable {
  return {
    id: baseline.id,
    user_id: baseline.userId,
    name: baseline.name,
    description: baseline.description,
    attester_type: baseline.attesterType,
    is_default: flag(baseline.isDefault),
    signer_id: baseline.signerId,
    content_hash: baseline.contentHash,
    content_length: baseline.contentLength,
    digests_hash: baseline.digestsHash,
    digests_length: baseline.digestsLength,
    value_count: baseline.valueCount,
    version: baseline.version,
    created_at: baseline.createdAt,
    updated_at: baseline.updatedAt,
    signature: baseline.signature,
    key_version: baseline.keyVersion,
    altered: flag(baseline.altered),
  }
}
