import { TpmReader } from './reader.ts'

/** Reads a structure that must be all of the bytes. */
export function parseWhole<Structure>(bytes: Uint8Array, field: string, read: (reader: TpmReader) => Structure): Structure {
  return readWhole(new TpmReader(bytes), field, read)
}

/**
 * Reads a TPM2B that holds exactly one structure.
 *
 * @example
 * const reader = new TpmReader(encodeSized(encodeNvPublic(nvPublic)))
 * readSized(reader, 'nvPublic', readNvPublic).dataSize // → 32
 */
export function readSized<Structure>(reader: TpmReader, field: string, read: (reader: TpmReader) => Structure): Structure {
  return readWhole(reader.sizedReader(field), field, read)
}

function readWhole<Structure>(reader: TpmReader, field: string, read: (reader: TpmReader) => Structure): Structure {
  const structure = read(reader)
  reader.expectEnd(field)
  return structure
}
