// npm runs a script in a shell, sends SIGINT and SIGTERM to that shell alone, and sends nothing when it is itself killed. The shell does not pass
// them on, so what it runs would live on, unseen, and keep its port.
import { readStat } from './process-stat.mjs'

const LOOK_EVERY_MS = 250
const SHELLS = ['sh', 'dash', 'bash', 'ash', 'busybox', 'zsh', 'ksh']

/**
 * Calls `onGone` once when the npm that started this process, or the shell between them, has ended. Without npm nothing is watched: a shell's
 * background job may outlive its shell. A process that leads a session (setsid(1)) was detached on purpose, and is not watched either.
 */
export function watchParents(onGone) {
  if (process.env.npm_execpath === undefined || readStat('self')?.session === process.pid) return
  const { ppid } = process
  const parents = findParents(ppid)
  const timer = setInterval(() => {
    if (process.ppid === ppid && parents.every(isAlive)) return
    clearInterval(timer)
    onGone()
  }, LOOK_EVERY_MS)
  timer.unref()
}

/** The parent and, when that is a shell, its parent. */
function findParents(ppid) {
  const parent = readStat(ppid)
  if (parent === undefined) return []
  const found = [{ pid: ppid, startTime: parent.startTime }]
  const grandparent = SHELLS.includes(parent.name) ? readStat(parent.parent) : undefined
  if (grandparent !== undefined) found.push({ pid: parent.parent, startTime: grandparent.startTime })
  return found
}

function isAlive({ pid, startTime }) {
  const stat = readStat(pid)
  return stat !== undefined && !stat.hasEnded && stat.startTime === startTime
}
