import { printable } from '@vouchsafe/command'
import type { Host } from './command.ts'

const WIDTH = 30

/** One line of a terminal that says how far a long command is. */
export interface ProgressBar extends Disposable {
  show: (phase: string, done: number, total: number) => void
}

/** A progress bar on standard error, where that is a terminal; disposing it takes it away. */
export function openProgress({ stderr }: Host): ProgressBar {
  let shown = ''
  const write = (line: string): void => {
    if (stderr.isTTY && line !== shown) stderr.write(`\r${line.padEnd(shown.length)}`)
    shown = line
  }
  return {
    show(phase, done, total) {
      const full = total === 0 ? WIDTH : Math.floor((WIDTH * Math.min(done, total)) / total)
      write(`${printable(phase)} [${'#'.repeat(full)}${'-'.repeat(WIDTH - full)}] ${done}/${total}`)
    },
    [Symbol.dispose]() {
      if (shown !== '' && stderr.isTTY) stderr.write(`\r${' '.repeat(shown.length)}\r`)
    },
  }
}
