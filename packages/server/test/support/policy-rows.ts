// Rows of policies and baselines for tests: plausible ones, of which a test states what matters to it.
import type { BaselineRow, PolicyRow } from '../../src/storage/index.ts'

export function policyRow(row: Partial<PolicyRow> = {}): PolicyRow {
  return {
    id: 'row',
    userId: 'user',
    policyId: 'policy',
    name: 'name',
    description: null,
    attesterTypes: ['tpm_boot'],
    isJwt: false,
    signerId: null,
    isDefault: false,
    contentHash: 'hash',
    version: 1,
    createdAt: 1_000,
    updatedAt: 1_000,
    signature: new Uint8Array([1, 0, 2]),
    keyVersion: 1,
    altered: false,
    content: 'package verification',
    ...row,
  }
}

export function baselineRow(row: Partial<BaselineRow> = {}): BaselineRow {
  return {
    id: 'row',
    userId: 'user',
    name: 'name',
    description: null,
    attesterType: 'tpm_ima',
    isDefault: false,
    signerId: 'signer',
    contentHash: 'hash',
    contentLength: 3,
    digestsHash: 'hash',
    digestsLength: 2,
    valueCount: 1,
    version: 1,
    createdAt: 1_000,
    updatedAt: 1_000,
    signature: new Uint8Array([1, 0, 2]),
    keyVersion: 1,
    altered: false,
    ...row,
  }
}
