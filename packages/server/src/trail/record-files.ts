/** The files of records of calls, in the `audit` folder of a data directory. */
import { readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'

const FILE_NAME = /^calls-[\dTZ-]+\.jsonl$/
/** Lines are written within a quarter of a second; so a file's modification time may be that much too early. */
const SLACK_MS = 1_000

/** Removes those that nothing was written to since a time: all of their records are older. Returns how many. */
export async function removeRecordFiles(folder: string, before: number): Promise<number> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return []
    throw error
  })
  let removed = 0
  for (const name of names) {
    if (!FILE_NAME.test(name)) continue
    const path = join(folder, name)
    const info = await stat(path).catch(() => undefined)
    if (info === undefined || info.mtimeMs + SLACK_MS >= before) continue
    await rm(path, { force: true })
    removed++
  }
  return removed
}
