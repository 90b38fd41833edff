/** Reading the data plane's audit files back; they are written by call-log.ts, in this server or others that share the directory. */
import { createReadStream } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { parseLeaf, type Leaf } from '@vouchsafe/audit-log'
import type { AuditFilter } from '../storage/index.ts'
import type { CallRecord } from './call-log.ts'

const FILE_NAME = /^calls-(\d{4}-\d\d-\d\dT\d\d)-(\d\d)-(\d\d)-(\d{3})Z-\d+\.jsonl$/
/** Lines are written within a quarter of a second; so a file's modification time may be that much too early. */
const SLACK_MS = 1_000

/** The newest calls that match, oldest first; at most `limit`. Lines torn by a crash are skipped. */
export async function queryCallLog(dataDir: string, filter: AuditFilter, limit: number): Promise<CallRecord[]> {
  const { since = 0, until = Infinity } = filter
  let found: CallRecord[] = []
  for (const { path, start, end } of await auditFiles(join(dataDir, 'audit'))) {
    const oldestWanted = found.length >= limit ? Math.max(since, found[0]!.at) : since
    if (start >= until || end + SLACK_MS < oldestWanted) continue
    for await (const line of linesOf(path)) {
      const record = parseLine(line, filter)
      if (!record || record.at < since || record.at >= until) continue
      found.push(record)
      if (found.length >= 4 * limit + 1000) found = newest(found, limit)
    }
    found = newest(found, limit)
  }
  return found
}

/** Newest first, by the time they were started. */
async function auditFiles(directory: string): Promise<{ path: string; start: number; end: number }[]> {
  const names = await readdir(directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return []
    throw error
  })
  const files = []
  for (const name of names) {
    const [, hour, minute, second, ms] = FILE_NAME.exec(name) ?? []
    if (hour === undefined) continue
    const path = join(directory, name)
    files.push({ path, start: Date.parse(`${hour}:${minute}:${second}.${ms}Z`), end: (await stat(path)).mtimeMs })
  }
  return files.sort((a, b) => b.start - a.start)
}

/** Lines as the log ends them: readline would also split at U+2028, which a secret's name may contain. */
async function* linesOf(path: string): AsyncGenerator<string> {
  let rest = ''
  for await (const chunk of createReadStream(path, 'utf8') as AsyncIterable<string>) {
    const lines = (rest + chunk).split('\n')
    rest = lines.pop()!
    yield* lines
  }
}

function newest(records: CallRecord[], limit: number): CallRecord[] {
  return records.sort((a, b) => a.at - b.at).slice(-limit)
}

function asInJson(text: string): string {
  return JSON.stringify(text).slice(1, -1)
}

function parseLine(line: string, filter: AuditFilter): CallRecord | undefined {
  const { actor, action, object, result, requestId } = filter
  // Most lines do not match, and parsing takes most of the time.
  for (const wanted of [actor, action, result, requestId]) if (wanted !== undefined && !line.includes(asInJson(wanted))) return undefined
  let leaf: Leaf
  try {
    leaf = parseLeaf(Buffer.from(line))
  } catch {
    return undefined
  }
  if (leaf.kind !== undefined) return undefined
  const { time: at, tenant, actor: by, action: what, object: on, outcome, code, request, count } = leaf
  const record = {
    at,
    tenant,
    actor: by,
    action: what,
    object: on,
    result: code ?? outcome,
    requestId: request,
    ...(count !== undefined && { count }),
  }
  const matches =
    (actor === undefined || record.actor === actor || record.actor.startsWith(`${actor}:`)) &&
    (action === undefined || record.action === action) &&
    (object === undefined || record.object === object || record.object.split(' ').includes(object)) &&
    (result === undefined || record.result === result) &&
    (requestId === undefined || record.requestId === requestId)
  return matches ? record : undefined
}
