// What a command of `vouchsafe` sees, and the options that several have.
import type { Readable, Writable } from 'node:stream'
import { commandFor } from '@vouchsafe/command'
import type { Options } from '@vouchsafe/command'

/** What a command sees of the process it runs in. */
export interface Host {
  env: Record<string, string | undefined>
  stdin: Readable & { isTTY?: boolean }
  stdout: Writable & { isTTY?: boolean }
  stderr: Writable & { isTTY?: boolean }
  /** Milliseconds since 1970. */
  now: () => number
}

export const command = commandFor<Host>()

/** Options of every command that calls the API. */
export const API_OPTIONS = {
  profile: { type: 'string', value: 'NAME', summary: "credentials to use (default 'default')" },
  url: { type: 'string', value: 'URL', summary: "server address (default: the profile's, or http://127.0.0.1:9000)" },
} as const satisfies Options

/** Options of every command for operators, which talks to the server on this machine. */
export const OPERATOR_OPTIONS = {
  'data-dir': { type: 'string', value: 'DIR', summary: "the server's data directory (default $VOUCHSAFE_DATA_DIR or ./data)" },
} as const satisfies Options
