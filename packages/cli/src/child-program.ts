// Running another program in this one's place, as far as anybody outside can tell.
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { constants } from 'node:os'
import { CommandError } from '@vouchsafe/command'

/** What supervisors, shells and people send to end a program or to tell it something. SIGUSR1 is Node's own. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR2'] as const
/** What a terminal's keys send, to every process of the foreground group at once. */
const KEYBOARD_SIGNALS: readonly NodeJS.Signals[] = ['SIGINT', 'SIGQUIT']

/** As shells and env(1) have it (POSIX, exit status for commands). */
const EXIT_NOT_FOUND = 127
const EXIT_CANNOT_START = 126
const EXIT_SIGNAL = 128

/**
 * Runs a program with this process's standard streams, passes signals on to it, and returns its exit code, which is 128 and the signal's
 * number when a signal ended it. Throws CommandError, with 127 or 126 for exit code, when it can't be started; the message has nothing of
 * the environment.
 */
export function runProgram(program: string, args: readonly string[], env: Record<string, string | undefined>): Promise<number> {
  return new Promise((resolve, reject) => {
    let child: ChildProcess | undefined
    const passOn = (signal: NodeJS.Signals) => {
      // A program that ends at the second Ctrl-C must not see one for two.
      if (!KEYBOARD_SIGNALS.includes(signal) || !isTerminalForeground()) child?.kill(signal)
    }
    // When the launcher is killed it can pass nothing on, but the channel to it closes.
    const launcherGone = () => child?.kill('SIGTERM')
    const settle = (conclude: () => void) => {
      for (const signal of SIGNALS) process.off(signal, passOn)
      process.off('disconnect', launcherGone)
      conclude()
    }
    // Before the start, so that no signal is lost while the program already runs.
    for (const signal of SIGNALS) process.on(signal, passOn)
    process.on('disconnect', launcherGone)
    const fail = (error: unknown) => settle(() => reject(cannotStart(program, error as NodeJS.ErrnoException)))
    try {
      child = spawn(program, args, { stdio: 'inherit', env })
      child.on('error', (error) => child?.pid === undefined && fail(error))
      child.on('exit', (code, signal) => settle(() => resolve(code ?? EXIT_SIGNAL + constants.signals[signal!])))
    } catch (error) {
      fail(error)
    }
  })
}

function cannotStart(program: string, { code }: NodeJS.ErrnoException): CommandError {
  if (code === 'ENOENT') return new CommandError(`${program}: there is no such program`, EXIT_NOT_FOUND)
  if (code === 'EACCES') return new CommandError(`${program}: no permission to run it`, EXIT_CANNOT_START)
  return new CommandError(`${program}: cannot be started (${code})`, EXIT_CANNOT_START)
}

/** Whether this process is in the group that a terminal's keys send signals to (proc_pid_stat(5): pgrp and tpgid). */
function isTerminalForeground(): boolean {
  const stat = readFileSync('/proc/self/stat', 'latin1')
  // The second field is a name in parentheses, which may hold anything.
  const [, , pgrp, , , tpgid] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return pgrp === tpgid
}
