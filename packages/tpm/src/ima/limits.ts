/** What a log may ask of us. */
export interface ImaLimits {
  /** Entries in one call, beyond those of a saved state. */
  entries: number
  /** Bytes of one entry. */
  entryBytes: number
  /** Newlines in the name of one entry of an ASCII log that are tried as its end. */
  newlines: number
  /** Bytes searched and hashed for such tries beyond the first of each entry, over the whole log. */
  retriedBytes: number
}

const MIB = 1024 * 1024

export const IMA_LIMITS: Readonly<ImaLimits> = { entries: 100_000, entryBytes: MIB, newlines: 64, retriedBytes: 32 * MIB }
