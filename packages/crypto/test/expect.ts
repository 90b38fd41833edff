import assert from 'node:assert/strict'
import { CryptoInputError } from '../src/index.ts'
import type { CryptoInputCode } from '../src/index.ts'

/** Asserts that `operation` throws or rejects with a `CryptoInputError` of `code`. */
export async function refuses(code: CryptoInputCode, operation: () => unknown): Promise<void> {
  await assert.rejects(
    async () => operation(),
    (error) => error instanceof CryptoInputError && error.code === code,
  )
}

/** `bytes` with one bit of the byte at `index` flipped. */
export function flipped(bytes: Uint8Array, index: number): Buffer {
  const copy = Buffer.from(bytes)
  copy[index] = (copy[index] ?? 0) ^ 1
  return copy
}
