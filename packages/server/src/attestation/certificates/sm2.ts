/** SM2 signatures in chains: they are verified on the crypto workers, while chains are walked synchronously on the calling thread. */
import { createHash } from 'node:crypto'
import { CryptoBusyError, type KeyCrypto } from '@vouchsafe/crypto'
import { bitString, integer, oid, sequence } from '@vouchsafe/der/writer'
import { importPublicKey, parsePublicKeyInfo, type Sm2Verify } from '@vouchsafe/x509'
import { ServiceError } from '../../foundation/index.ts'

const EC_KEY = '1.2.840.10045.2.1'
const SM2_CURVE = '1.2.156.10197.1.301'

interface Question {
  point: Uint8Array
  message: Uint8Array
  signature: Uint8Array
}

/**
 * Runs `attempt` until it asks for no signature whose verdict isn't known: each counts as false at first, is then verified, and then looked
 * up. The attempt has no side effects and asks for a bounded number of signatures, so this ends.
 * @throws {ServiceError} `busy` if the workers' queue is full
 */
export async function withSm2<T>(crypto: Pick<KeyCrypto, 'verify'>, attempt: (sm2Verify: Sm2Verify) => T): Promise<T> {
  const verdicts = new Map<string, boolean>()
  for (;;) {
    const open = new Map<string, Question>()
    const result = attempt((point, message, signature) => {
      const place = createHash('sha256').update(point).update(signature).update(message).digest('base64')
      const known = verdicts.get(place)
      if (known === undefined) open.set(place, { point, message, signature })
      return known ?? false
    })
    if (open.size === 0) return result
    for (const [place, question] of open) verdicts.set(place, await verify(crypto, question))
  }
}

async function verify(crypto: Pick<KeyCrypto, 'verify'>, { point, message, signature }: Question): Promise<boolean> {
  const spki = sequence(sequence(oid(EC_KEY), oid(SM2_CURVE)), bitString(point))
  const half = signature.length / 2
  const [r, s] = [signature.subarray(0, half), signature.subarray(half)].map((part) => BigInt(`0x${part.toHex()}`))
  try {
    return await crypto.verify('sm2', importPublicKey(parsePublicKeyInfo(spki)), message, sequence(integer(r!), integer(s!)))
  } catch (error) {
    if (error instanceof CryptoBusyError) throw new ServiceError('busy', { cause: error })
    // A point that isn't on the curve.
    return false
  }
}
