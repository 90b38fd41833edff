// Rows of policies and baselines for tests: plausible ones, of which a test states what matters to it.
import type { BaselineRow, PolicyRow } from '../../src/storage/index.ts'
import { baselines } from '../../src/storage/tables/baselines.ts'
import { policies } from '../../src/storage/tables/policies.ts'
import { plausibleRow } from './plausible-row.ts'

export function policyRow(row: Partial<PolicyRow> = {}): PolicyRow {
  return plausibleRow(
    policies,
    {
      id: 'row',
      userId: 'user',
      policyId: 'policy',
      name: 'name',
      attesterTypes: ['tpm_boot'],
      contentHash: 'hash',
      createdAt: 1_000,
      updatedAt: 1_000,
      content: 'package verification',
    },
    row,
  )
}

export function baselineRow(row: Partial<BaselineRow> = {}): BaselineRow {
  return plausibleRow(
    baselines,
    {
      id: 'row',
      userId: 'user',
      name: 'name',
      attesterType: 'tpm_ima',
      signerId: 'signer',
      contentHash: 'hash',
      contentLength: 3,
      digestsHash: 'hash',
      digestsLength: 2,
      createdAt: 1_000,
      updatedAt: 1_000,
    },
    row,
  )
}
