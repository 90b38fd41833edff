import { appendFile } from 'node:fs/promises'
import { Writable } from 'node:stream'
import type { LogLevel } from './config.ts'

/** One JSON object a line: time, level, message and named values. Evidence, tokens and keys are never among them. */
export type Log = { readonly [L in LogLevel]: (message: string, values?: Readonly<Record<string, string | number | boolean>>) => void }

const LEVELS: readonly LogLevel[] = ['error', 'warn', 'info', 'debug']

export function createLog(level: LogLevel, out: Writable, now: () => number): Log {
  const write = (each: LogLevel): Log[LogLevel] => {
    if (LEVELS.indexOf(each) > LEVELS.indexOf(level)) return () => undefined
    return (message, values = {}) =>
      void out.write(`${JSON.stringify({ time: new Date(now()).toISOString(), level: each, message, ...values })}\n`)
  }
  return { error: write('error'), warn: write('warn'), info: write('info'), debug: write('debug') }
}

/**
 * Where the configuration wants the log: a file that is appended to, readable by its owner only, or `standard`. The file is opened for each line: so it can be
 * moved away while this runs, and a disk that was full once is used again. What the file doesn't take goes to `standard`.
 */
export function logDestination(file: string | undefined, standard: Writable): Writable {
  if (file === undefined) return standard
  return new Writable({
    decodeStrings: false,
    write(line: string, _encoding, done) {
      appendFile(file, line, { mode: 0o600 }).then(
        () => done(),
        (error: Error) => {
          standard.write(`${JSON.stringify({ level: 'error', message: `log file: ${error.message}` })}\n${line}`)
          done()
        },
      )
    },
  })
}
