/** Randomness that an evaluation's seed decides. */
import { createHash } from 'node:crypto'
import type { Session } from '../run/context.ts'
import type { Value } from '../values/value.ts'

/** The value of a name for the length of an evaluation: the same question always gets the same answer. */
export function memoize<T extends Value>(session: Session, name: string, make: () => T): T {
  const known = session.memory.get(name)
  if (known !== undefined) return known as T
  const made = make()
  session.memory.set(name, made)
  return made
}

/** The next 64 bytes of the evaluation's stream. */
export function randomBytesOf(session: Session): Buffer {
  const count = (session.memory.get('random count') as number | undefined) ?? 0
  session.memory.set('random count', count + 1)
  return createHash('sha512').update(`${session.seed} ${count}`).digest()
}

/** An integer from 0 up to `limit`, that not included; 512 bits leave no bias to speak of. */
export function randomInteger(session: Session, limit: bigint): bigint {
  return BigInt(`0x${randomBytesOf(session).toString('hex')}`) % limit
}
