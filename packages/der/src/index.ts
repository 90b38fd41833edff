export { DerError } from './error.ts'
export { MAX_RSA_BITS, readSubjectPublicKey, rsaKeyProblem } from './public-key.ts'
export type { RsaPublicKey, SubjectPublicKey } from './public-key.ts'
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
