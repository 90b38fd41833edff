import { integer, sealedBlob, text } from '../column.ts'
import { type RowOf, table } from '../table.ts'

export const simulatedPkis = table(
  'simulated_pkis',
  { id: text(), sealed: sealedBlob(), domainVersion: integer(), createdAt: integer() },
  {
    primaryKey: ['id'],
    authenticated: { by: 'mac' },
    backup: { held: true, selfFilled: true },
  },
)

/** The keys and certificates of a simulated quoting enclave, sealed. */
export interface SimulatedPkiRow extends RowOf<typeof simulatedPkis> {}
