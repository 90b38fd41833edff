import { readFileSync } from 'node:fs'

/** The server's own process: the launcher's only child. */
export function serverPid(launcher: number): number {
  return Number(readFileSync(`/proc/${launcher}/task/${launcher}/children`, 'utf8').trim())
}
