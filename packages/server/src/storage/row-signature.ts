import { blob, flag, integer } from './column.ts'
import type { RowOf } from './table.ts'

/** A row's signature under the FSK: someone with write access to the database can't change the row unnoticed. */
export const SIGNATURE_COLUMNS = {
  signature: blob(),
  /** The FSK's version. */
  keyVersion: integer(),
  /** Its signature was found to fail: such a row is shown, never used, and never signed again. */
  altered: flag(),
}

/** A row whose MAC fails must not get a valid one when it is marked. */
export const SIGNATURE_EXCEPTIONS = { altered: 'a mark, which only refuses: what is not marked is verified all the same' }

export interface RowSignatureColumns extends RowOf<{ columns: typeof SIGNATURE_COLUMNS }> {}
