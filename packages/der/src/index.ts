export { DerError } from './error.ts'
export {
  DerReader,
  readBitString,
  readBoolean,
  readDer,
  readElements,
  readInteger,
  readOctetAlignedBits,
  readOid,
  readSmallInteger,
  readTime,
  readUnsigned,
  TAG,
} from './reader.ts'
export type { DerElement } from './reader.ts'
