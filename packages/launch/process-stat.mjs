// What Linux tells about a process (proc_pid_stat(5)).
import { readFileSync } from 'node:fs'

/** By the process's number, or 'self'; undefined when it is gone, or where there is no /proc. */
export function readStat(pid) {
  let stat
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  } catch {
    return undefined
  }
  // The second field is a name in parentheses, which may hold anything.
  const nameEnd = stat.lastIndexOf(')')
  const fields = stat.slice(nameEnd + 2).split(' ')
  const [parent, group, session, terminal, foregroundGroup] = fields.slice(1, 6).map(Number)
  return {
    name: stat.slice(stat.indexOf('(') + 1, nameEnd),
    // Nobody may have waited for it yet.
    hasEnded: fields[0] === 'Z' || fields[0] === 'X',
    parent,
    group,
    session,
    terminal,
    foregroundGroup,
    /** Tells a process from a later one with the same number. */
    startTime: fields[19],
  }
}
