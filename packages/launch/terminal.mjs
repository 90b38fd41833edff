// The terminal that controls this process, as Linux tells it.
import { isatty } from 'node:tty'
import { readStat } from './process-stat.mjs'

/** Whether a standard stream is a terminal. nohup(1) sees to it that none is. */
export function isOnTerminal() {
  return [0, 1, 2].some((descriptor) => isatty(descriptor))
}

/** Whether no terminal controls this process. One that is closed is taken away before the signal that says so arrives. */
export function hasNoTerminal() {
  return readStat('self')?.terminal === 0
}

/** Whether this process is in the group that the terminal's keys send signals to. */
export function isTerminalForeground() {
  const stat = readStat('self')
  return stat !== undefined && stat.group === stat.foregroundGroup
}
