import { hash } from 'node:crypto'
import { createLog } from '../../src/process/log.ts'
import type { Runtime } from '../../src/foundation/runtime.ts'
import { ReplayGuard, type ReplayGuardOptions } from '../../src/replay/replay-guard.ts'
import { ServiceError } from '../../src/foundation/errors.ts'
import type { Storage } from '../../src/storage/index.ts'

/** A started replay guard; its own second is as long as ever, and tests call `tick` when they can't wait for it. */
export async function startGuard(storage: Storage, runtime: Runtime, limits?: ReplayGuardOptions['limits']): Promise<ReplayGuard> {
  const guard = new ReplayGuard({ storage, runtime, log: createLog('silent'), ...(limits && { limits }) })
  await guard.start()
  return guard
}

/** The MAC of a request: as with real ones, it covers the stamp and whatever tells requests of one stamp apart. */
export function macOf(stamp: number, content?: string): Buffer {
  return hash('sha256', content === undefined ? String(stamp) : `${stamp}:${content}`, 'buffer')
}

/** Offers a request to a guard: 'accepted', or the code of its refusal. */
export async function offer(guard: ReplayGuard, appId: string, stamp: number, content?: string): Promise<string> {
  try {
    await guard.accept(appId, stamp, macOf(stamp, content))
    return 'accepted'
  } catch (error) {
    if (error instanceof ServiceError) return error.code
    throw error
  }
}
