import { flushContext } from './commands/object.ts'
import { startAuthSession } from './commands/session.ts'
import type { SessionOptions } from './commands/session.ts'
import type { Session } from './session.ts'
import type { Tpm } from './tpm.ts'

/**
 * Does the work with a session that is flushed at its end, also when it fails.
 *
 * @example
 * const digest = await withSession(tpm, { kind: 'policy' }, (session) => tpm2.policyGetDigest(tpm, session))
 * digest.toHex() // → '00'.repeat(32)
 */
export async function withSession<T>(tpm: Tpm, options: SessionOptions, work: (session: Session) => Promise<T>): Promise<T> {
  const session = await startAuthSession(tpm, options)
  try {
    return await work(session)
  } finally {
    // What made the work fail is worth more than what makes this fail then; the connection tries again at its end.
    await flushContext(tpm, session.handle).catch(() => undefined)
  }
}
