/**
 * The load generator: raw sockets, requests written ahead of time, one request under way on each connection. Runs in a worker thread of its
 * own, so that measuring costs the server nothing but the other core.
 */
import { connect, type Socket } from 'node:net'
import { parentPort, workerData } from 'node:worker_threads'

export interface LoadOptions {
  port: number
  connections: number
  /** Whole HTTP requests, each sent once. */
  requests: Buffer[]
}

export interface LoadResult {
  seconds: number
  /** Latency of each request in milliseconds, ascending. */
  latencies: Float64Array
  /** The first answer that wasn't a success. */
  failure: string | undefined
}

const HEADER_END = Buffer.from('\r\n\r\n')

/** Sends every request once and waits for all the answers. */
export async function runLoad({ port, connections, requests }: LoadOptions): Promise<LoadResult> {
  const latencies = new Float64Array(requests.length)
  let next = 0
  let failure: string | undefined
  const sockets = await Promise.all(Array.from({ length: connections }, () => open(port)))
  const started = performance.now()
  await Promise.all(
    sockets.map(
      (socket) =>
        new Promise<void>((resolve, reject) => {
          let waiting: Buffer = Buffer.alloc(0)
          let current = 0
          let sentAt = 0
          const send = (): void => {
            if (next === requests.length) {
              socket.end()
              return resolve()
            }
            current = next++
            sentAt = performance.now()
            socket.write(requests[current]!)
          }
          socket.on('error', reject)
          socket.on('data', (chunk: Buffer) => {
            waiting = waiting.length === 0 ? chunk : Buffer.concat([waiting, chunk])
            const end = waiting.indexOf(HEADER_END)
            if (end < 0) return
            const length = Number(/content-length: (\d+)/i.exec(waiting.toString('latin1', 0, end))![1])
            if (waiting.length < end + 4 + length) return
            latencies[current] = performance.now() - sentAt
            if (!waiting.includes('"code":200') && failure === undefined) failure = waiting.toString('utf8', end + 4)
            waiting = Buffer.alloc(0)
            send()
          })
          send()
        }),
    ),
  )
  return { seconds: (performance.now() - started) / 1000, latencies: latencies.sort(), failure }
}

function open(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => resolve(socket.setNoDelay(true)))
    socket.once('error', reject)
  })
}

if (parentPort) {
  const { port, connections, requests } = workerData as { port: number; connections: number; requests: Uint8Array[] }
  parentPort.postMessage(
    await runLoad({ port, connections, requests: requests.map((bytes) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)) }),
  )
}
