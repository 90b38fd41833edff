/**
 * The operations that worker threads do, as functions: DER is parsed and written here, on the calling thread, so that nothing malformed
 * costs a job, and bytes travel in buffers of their own.
 */
import type { KeyObject } from 'node:crypto'
import { encodeSignature, encodeSm2Ciphertext, parseSignature, parseSm2Ciphertext } from './ec-encoding.ts'
import { CURVES } from './ec.ts'
import { decryptionFailed } from './errors.ts'
import type { Job, JobReply, JobResults } from './jobs.ts'
import type { EcSpec } from './spec.ts'
import { createWorkerPool } from './worker-pool.ts'

const SM2_WIDTH = 32

export interface CryptoWorkers {
  /** Signatures are DER; a malformed one is false. */
  sm2Sign(key: KeyObject, publicKey: KeyObject, message: Uint8Array): Promise<Buffer>
  sm2Verify(publicKey: KeyObject, message: Uint8Array, signature: Uint8Array): Promise<boolean>
  /** Ciphertexts are DER. */
  sm2Encrypt(publicKey: KeyObject, plaintext: Uint8Array): Promise<Buffer>
  sm2Decrypt(key: KeyObject, ciphertext: Uint8Array): Promise<Buffer>
  ecSignDigest(spec: EcSpec, key: KeyObject, digest: Uint8Array): Promise<Buffer>
  ecVerifyDigest(spec: EcSpec, publicKey: KeyObject, digest: Uint8Array, signature: Uint8Array): Promise<boolean>
  /** RSA's bare private operation on an encoded digest. */
  rsaSignEncoded(key: KeyObject, encoded: Uint8Array): Promise<Buffer>
  /** `ciphertext` is as long as the modulus. */
  rsaDecryptPkcs1(key: KeyObject, ciphertext: Uint8Array): Promise<Buffer>
  readonly queued: number
  close(): Promise<void>
}

/** At most `workers` threads, started lazily, and at most `maxQueue` jobs waiting for them: a job beyond rejects with `CryptoBusyError`. */
export function createCryptoWorkers(workers: number, maxQueue: number): CryptoWorkers {
  const pool = createWorkerPool<Job, JobReply>({ script: new URL('./worker.ts', import.meta.url), workers, maxQueue })

  async function run<J extends Job>(job: J): Promise<JobResults[J['operation']]> {
    const reply = await pool.run(job, job.input instanceof Uint8Array ? [job.input.buffer as ArrayBuffer] : [])
    if ('failed' in reply) throw new Error(`${job.operation} failed in a crypto worker: ${reply.failed}`)
    return reply.result as JobResults[J['operation']]
  }

  return {
    async sm2Sign(key, publicKey, message) {
      return encodeSignature(await run({ operation: 'sm2-sign', key, publicKey, input: copy(message) }))
    },
    async sm2Verify(publicKey, message, der) {
      const signature = parseSignature(der, SM2_WIDTH)
      return signature !== undefined && run({ operation: 'sm2-verify', publicKey, input: copy(message), signature })
    },
    async sm2Encrypt(publicKey, plaintext) {
      return encodeSm2Ciphertext(await run({ operation: 'sm2-encrypt', publicKey, input: copy(plaintext) }))
    },
    async sm2Decrypt(key, der) {
      const parts = parseSm2Ciphertext(der)
      if (parts === undefined) throw decryptionFailed()
      const input = { c1: parts.c1, c3: copy(parts.c3), c2: copy(parts.c2) }
      return decrypted(await run({ operation: 'sm2-decrypt', key, input }))
    },
    async ecSignDigest(spec, key, digest) {
      return encodeSignature(await run({ operation: 'ec-sign-digest', spec, key, input: copy(digest) }))
    },
    async ecVerifyDigest(spec, publicKey, digest, der) {
      const signature = parseSignature(der, CURVES[spec].width)
      return signature !== undefined && run({ operation: 'ec-verify-digest', spec, publicKey, input: copy(digest), signature })
    },
    async rsaSignEncoded(key, encoded) {
      return ownBuffer(await run({ operation: 'rsa-sign-encoded', key, input: copy(encoded) }))
    },
    async rsaDecryptPkcs1(key, ciphertext) {
      return decrypted(await run({ operation: 'rsa-decrypt-pkcs1', key, input: copy(ciphertext) }))
    },
    get queued() {
      return pool.queued
    },
    close: () => pool.close(),
  }
}

/** The bytes in a buffer of their own, which can be moved to a worker. */
function copy(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(bytes)
}

function ownBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function decrypted(plaintext: Uint8Array | undefined): Buffer {
  if (plaintext === undefined) throw decryptionFailed()
  return ownBuffer(plaintext)
}
