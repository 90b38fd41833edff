import { createInterface } from 'node:readline/promises'
import { CommandError } from '@vouchsafe/command'
import type { Host } from './command.ts'

/** Asks on the terminal. Throws CommandError when the answer isn't yes, or when there is no terminal. */
export async function confirm(host: Host, question: string): Promise<void> {
  if (!host.stdin.isTTY || !host.stderr.isTTY) throw new CommandError(`${question} No terminal to confirm it on: give --yes`)
  const terminal = createInterface({ input: host.stdin, output: host.stderr })
  const closed = new Promise<string>((resolve) => terminal.once('close', () => resolve('')))
  const answer = await Promise.race([terminal.question(`${question} [y/N] `), closed])
  terminal.close()
  if (!/^y(es)?$/i.test(answer.trim())) throw new CommandError('nothing was done')
}
