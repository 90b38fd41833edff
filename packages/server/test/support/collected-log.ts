import type { Log } from '../../src/foundation/log.ts'
import { createLog } from '../../src/process/log.ts'

/** A log that is kept as text. */
export function collectedLog(level = 'trace'): { log: Log; text: () => string } {
  let text = ''
  return { log: createLog(level, { write: (line: string) => void (text += line) }), text: () => text }
}
