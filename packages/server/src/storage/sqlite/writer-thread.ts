// The storage thread: the one place of this process that writes to the database.
import { parentPort, workerData } from 'node:worker_threads'
import { openForWriting } from './database.ts'
import { kyselyOverSqlite } from './dialect.ts'
import { RowAuthenticator, type RowKeys } from '../row-authenticator.ts'
import { WriterNumbers } from '../writer-numbers.ts'
import { type Call, type Outcome, runGroup } from './group.ts'

export interface WriterData {
  path: string
  /** This process's name in the trail. */
  process: string
}

/** A group of calls, answered in order by their outcomes; the keys of rows, which have no answer; null asks the thread to end. */
export type ToWriter = readonly Call[] | { rowKeys: RowKeys } | null
export interface FromWriter {
  /** The outcomes of the group; absent when the message only says that another process has committed a change. */
  outcomes?: Outcome[]
  /** A change was committed since the last message. */
  changed: boolean
}

/** How often other processes' commits are looked for. */
const POLL_MS = 250

if (parentPort === null) throw new Error('the storage thread is started by the store')
const port = parentPort
const { path, process: name } = workerData as WriterData
const database = openForWriting(path)
const db = kyselyOverSqlite(database)
const services = { authenticator: new RowAuthenticator(), numbers: new WriterNumbers(name) }
const dataVersion = database.prepare('pragma data_version')
const newestChange = database.prepare(`select value from counters where name = 'changes'`)
let seenVersion = dataVersion.get()?.data_version
let seenChange = newestChange.get()?.value

function changed(): boolean {
  const newest = newestChange.get()?.value
  if (newest === seenChange) return false
  seenChange = newest
  return true
}

function send(message: FromWriter): void {
  port.postMessage(message)
}

const poll = setInterval(() => {
  try {
    const version = dataVersion.get()?.data_version
    if (version === seenVersion) return
    seenVersion = version
    if (changed()) send({ changed: true })
  } catch {
    // A look that failed is repeated; an operation that fails says why.
  }
}, POLL_MS)

async function run(calls: readonly Call[]): Promise<void> {
  const outcomes = await runGroup(database, db, services, calls)
  let news = true
  try {
    news = changed()
  } catch {
    // The group is committed; only whether it made a change is not known.
  }
  send({ outcomes, changed: news })
}

port.on('message', (message: ToWriter) => {
  if (message !== null) {
    if ('rowKeys' in message) services.authenticator.use(message.rowKeys)
    else void run(message)
    return
  }
  clearInterval(poll)
  database.close()
  port.close()
})
