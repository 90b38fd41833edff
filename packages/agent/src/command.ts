// What a command of the agent sees, and the option that all have.
import type { Writable } from 'node:stream'
import { UsageError, commandFor } from '@vouchsafe/command'
import type { Options } from '@vouchsafe/command'
import type { Runtime } from './runtime.ts'

/** What a command sees of the process it runs in. */
export interface Host {
  env: Readonly<Record<string, string | undefined>>
  stdout: Writable
  stderr: Writable
  runtime: Runtime
  /** Resolves when the process is asked to end, which from then on it does by itself. */
  untilEnded(): Promise<unknown>
}

export const command = commandFor<Host>()

/** Every command has it. */
export const CONFIG_OPTION = {
  config: { type: 'string', value: 'FILE', summary: 'configuration (default: agent_config.yaml here, or in /etc/vouchsafe)' },
} as const satisfies Options

/** The value of an option that is a list with commas. */
export function commaList(text: string | undefined): string[] | undefined {
  return text === undefined
    ? undefined
    : text
        .split(',')
        .map((each) => each.trim())
        .filter((each) => each !== '')
}

/** The value of an option that is JSON. Throws UsageError. */
export function jsonValue(name: string, text: string | undefined): unknown {
  if (text === undefined) return undefined
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new UsageError(`--${name} is not JSON`, { cause: error })
  }
}
