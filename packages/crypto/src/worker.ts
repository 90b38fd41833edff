/** Entry of a crypto worker thread: one job at a time, one reply each. Libraries are loaded with the first job that needs them. */
import { parentPort } from 'node:worker_threads'
import type { KeyObject } from 'node:crypto'
import type { Job, JobReply, JobResult } from './jobs.ts'
import { ecPoint, ecScalar } from './public-key.ts'
import { rsaDecryptPkcs1, rsaSignEncoded } from './rsa-private.ts'

async function perform(job: Job): Promise<JobResult> {
  switch (job.operation) {
    case 'sm2-sign': {
      const { sm2Sign } = await import('./sm2.ts')
      return withScalar(job.key, (scalar) => sm2Sign(scalar, ecPoint(job.publicKey), job.input))
    }
    case 'sm2-verify': {
      const { sm2Verify } = await import('./sm2.ts')
      return sm2Verify(ecPoint(job.publicKey), job.input, job.signature)
    }
    case 'sm2-encrypt': {
      const { sm2Encrypt } = await import('./sm2.ts')
      return sm2Encrypt(ecPoint(job.publicKey), job.input)
    }
    case 'sm2-decrypt': {
      const { sm2Decrypt } = await import('./sm2.ts')
      return withScalar(job.key, (scalar) => sm2Decrypt(scalar, job.input))
    }
    case 'ec-sign-digest': {
      const { ecSignDigest } = await import('./ec-digest.ts')
      return withScalar(job.key, (scalar) => ecSignDigest(job.spec, scalar, job.input))
    }
    case 'ec-verify-digest': {
      const { ecVerifyDigest } = await import('./ec-digest.ts')
      return ecVerifyDigest(job.spec, ecPoint(job.publicKey), job.input, job.signature)
    }
    case 'rsa-sign-encoded':
      return rsaSignEncoded(job.key, job.input)
    case 'rsa-decrypt-pkcs1':
      return rsaDecryptPkcs1(job.key, job.input)
  }
}

async function withScalar<T>(key: KeyObject, use: (scalar: Uint8Array) => T | Promise<T>): Promise<T> {
  const scalar = ecScalar(key)
  try {
    return await use(scalar)
  } finally {
    scalar.fill(0)
  }
}

/** The same bytes in buffers of their own: posting a view would copy the whole pool that it may be a part of. */
function detached(result: JobResult): JobResult {
  if (result instanceof Uint8Array) return new Uint8Array(result)
  if (typeof result !== 'object') return result
  return { c1: new Uint8Array(result.c1), c3: new Uint8Array(result.c3), c2: new Uint8Array(result.c2) }
}

/** Plaintexts and digests are not left in this thread's memory. */
function wipe(bytes: unknown): void {
  if (bytes instanceof Uint8Array) bytes.fill(0)
}

parentPort?.on('message', async (job: Job) => {
  let reply: JobReply
  try {
    const result = await perform(job)
    reply = { result: detached(result) }
    if (job.operation === 'sm2-decrypt' || job.operation === 'rsa-decrypt-pkcs1') wipe(result)
  } catch (error) {
    reply = { failed: error instanceof Error ? error.name : 'unknown' }
  }
  wipe(job.input)
  const moved = 'result' in reply && reply.result instanceof Uint8Array ? [reply.result.buffer as ArrayBuffer] : []
  parentPort?.postMessage(reply, moved)
})
