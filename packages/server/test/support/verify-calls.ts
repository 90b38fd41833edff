// Counts of node:crypto's signature verifications in this process, by the packages that verify what others signed.
import crypto from 'node:crypto'
import { syncBuiltinESMExports } from 'node:module'

/** Where foreign keys and signatures are verified. Our own rows and nonces are verified elsewhere. */
const FOREIGN = /packages\/(x509|dcap|tpm)\/src|signed-content\.ts/

export interface VerifyCalls extends Disposable {
  /** On the thread that asks, which is the serving one: this many ran. */
  here: number
  /** On Node's pool. */
  aside: number
  running: number
  mostRunning: number
}

/** Counts from now on; several at once would count each other's. */
export function verifyCalls(): VerifyCalls {
  const { verify } = crypto
  const calls = { here: 0, aside: 0, running: 0, mostRunning: 0 }
  const counted = (...args: Parameters<typeof verify>): unknown => {
    if (!FOREIGN.test(new Error().stack ?? '')) return verify(...args)
    const callback = args[4] as ((error: Error | null, result: boolean) => void) | undefined
    if (callback === undefined) {
      calls.here++
      return verify(...args)
    }
    calls.aside++
    calls.mostRunning = Math.max(calls.mostRunning, ++calls.running)
    return verify(args[0], args[1], args[2], args[3], (error, result) => {
      calls.running--
      callback(error, result)
    })
  }
  crypto.verify = counted as typeof verify
  syncBuiltinESMExports()
  return Object.assign(calls, {
    [Symbol.dispose]() {
      crypto.verify = verify
      syncBuiltinESMExports()
    },
  })
}
