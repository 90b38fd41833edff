// The storage thread: the one place of this process that writes to the database.
import { parentPort, workerData, type MessagePort } from 'node:worker_threads'
import { openForWriting } from './database.ts'
import { kyselyOverSqlite } from './dialect.ts'
import { RowAuthenticator, type RowKeys } from '../row-authenticator.ts'
import { WriterNumbers } from '../writer-numbers.ts'
import { StoreState } from '../store-state.ts'
import { type Call, type Outcome, runGroup } from './group.ts'

export interface WriterData {
  path: string
  /** This process's name in the trail. */
  process: string
  /** See StoreState. */
  state: SharedArrayBuffer
}

/**
 * A group of calls, answered in order by their outcomes. What has no answer: the keys of rows; a port over which another thread sends its calls;
 * null, which asks the thread to end, or closes the port that it came over.
 */
export type ToWriter = readonly Call[] | { rowKeys: RowKeys } | { connect: MessagePort } | null
export interface FromWriter {
  /** The outcomes of the group; absent when the message only says that another process has committed a change. */
  outcomes?: Outcome[]
  /** A change was committed since the last message. */
  changed: boolean
}

/** How often other processes' commits are looked for. */
const POLL_MS = 250

if (parentPort === null) throw new Error('the storage thread is started by the store')
const parent = parentPort
const { path, process: name, state: memory } = workerData as WriterData
const state = new StoreState(memory)
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
  state.changed()
  return true
}

const poll = setInterval(() => {
  try {
    const version = dataVersion.get()?.data_version
    if (version === seenVersion) return
    seenVersion = version
    if (changed()) parent.postMessage({ changed: true } satisfies FromWriter)
  } catch {
    // A look that failed is repeated; an operation that fails says why.
  }
}, POLL_MS)

type Sender = Pick<MessagePort, 'postMessage'>

/** The groups of different threads that wait for the present transaction to end: they share the next one. */
let waiting: { sender: Sender; calls: readonly Call[] }[] = []
let running = false

async function run(): Promise<void> {
  running = true
  while (waiting.length > 0) {
    const groups = waiting
    waiting = []
    const outcomes = await runGroup(
      database,
      db,
      services,
      groups.flatMap(({ calls }) => calls),
    )
    let news = true
    try {
      news = changed()
    } catch {
      // The group is committed; only whether it made a change is not known.
      state.changed()
    }
    let first = 0
    for (const { sender, calls } of groups) {
      sender.postMessage({ outcomes: outcomes.slice(first, first + calls.length), changed: news } satisfies FromWriter)
      first += calls.length
    }
  }
  running = false
}

function take(sender: Sender, calls: readonly Call[]): void {
  waiting.push({ sender, calls })
  if (!running) void run()
}

function serve(port: MessagePort): void {
  port.on('message', (message: ToWriter) => {
    if (Array.isArray(message)) take(port, message)
    else port.close()
  })
}

parent.on('message', (message: ToWriter) => {
  if (message === null) {
    clearInterval(poll)
    database.close()
    parent.close()
  } else if ('rowKeys' in message) services.authenticator.use(message.rowKeys)
  else if ('connect' in message) serve(message.connect)
  else take(parent, message)
})
