import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { Writable } from 'node:stream'
import { CommandError } from '@vouchsafe/command'
import type { Host } from './command.ts'

/** Asks for one line on the terminal that standard input is, without showing what is typed. Throws CommandError for none, and for several. */
export async function promptHidden(host: Host, question: string): Promise<string> {
  // The line editor wants to echo; it echoes into nothing. It must hold the terminal before anybody is asked to type.
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() })
  const terminal = createInterface({ input: host.stdin, output: nowhere, terminal: true, historySize: 0 })
  const lines: string[] = []
  terminal.on('line', (line) => lines.push(line))
  try {
    host.stderr.write(question)
    await Promise.race([once(terminal, 'line'), once(terminal, 'close')])
    host.stderr.write('\n')
    const [line] = lines
    // What is pasted arrives in one go; to take its first line alone would keep a part of what was meant.
    if (line !== undefined && (lines.length > 1 || terminal.line !== ''))
      throw new CommandError('several lines were entered; nothing was done (use a file instead)')
    if (!line) throw new CommandError('nothing was entered, so nothing was done')
    return line
  } finally {
    terminal.close()
  }
}
