import { Client, type ClientConfig, types } from 'pg'
import { ConnectionError } from './errors.ts'

/** How long the server works on a statement, including waiting for locks. */
const STATEMENT_TIMEOUT_MS = 5_000
/** How long to wait for a response: longer, so that a server that can still answer is the one that gives up. */
const ANSWER_MARGIN_MS = 2_000
const ANSWER_TIMEOUT_MS = STATEMENT_TIMEOUT_MS + ANSWER_MARGIN_MS
const CONNECT_TIMEOUT_MS = 5_000
/** How long the server keeps the transaction of a process that has stopped talking. */
const IDLE_TRANSACTION_TIMEOUT_MS = 10_000
const GOODBYE_MS = 1_000

const INT8 = 20

export function connectionConfig(url: string): ClientConfig {
  return {
    connectionString: url,
    application_name: 'vouchsafe',
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    statement_timeout: STATEMENT_TIMEOUT_MS,
    query_timeout: ANSWER_TIMEOUT_MS,
    idle_in_transaction_session_timeout: IDLE_TRANSACTION_TIMEOUT_MS,
    keepAlive: true,
    types: {
      // All our integers are times and counts below 2^53.
      getTypeParser: (oid: number, format?: 'text' | 'binary') =>
        oid === INT8 && format !== 'binary' ? Number : types.getTypeParser(oid, format as 'text'),
    },
  }
}

/**
 * A connection of one's own, outside the pool. `onEnd` is called once, when it has ended for whatever reason, a failure to connect too.
 * @param patienceMs how long a statement may take, where it is longer than for requests
 */
export async function connectAlone(url: string, onEnd: (client: Client) => void, patienceMs?: number): Promise<Client> {
  const patience = patienceMs === undefined ? {} : { statement_timeout: patienceMs, query_timeout: patienceMs + ANSWER_MARGIN_MS }
  const client = new Client({ ...connectionConfig(url), ...patience })
  // An error event is always followed by the end, or by the failure of the call that is waiting.
  client.on('error', () => {})
  client.once('end', () => onEnd(client))
  try {
    await client.connect()
  } catch (error) {
    throw new ConnectionError('cannot connect to the database', { cause: error })
  }
  return client
}

/** Ends a connection; one that does not answer is cut off. */
export async function disconnect(client: Client): Promise<void> {
  const cut = setTimeout(() => client.connection.stream.destroy(), GOODBYE_MS)
  await client.end()
  clearTimeout(cut)
}
