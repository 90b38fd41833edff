// Common
export type { Check } from './check.ts'
export { TpmError } from './error.ts'
export type { HashAlgorithm, HashFunction, Hashes } from './hash.ts'
export { digestSizes, hash } from './hash.ts'
export { PCR_COUNT, initialPcr, pcrExtend } from './pcr.ts'

// Structures
export { TpmReader } from './structures/reader.ts'
export { TpmWriter } from './structures/writer.ts'
