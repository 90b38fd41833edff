/**
 * Load at a fixed rate of arrivals, whatever the server does: a request whose turn comes while all connections are busy waits, and its latency counts
 * from its turn. (A generator that waits for answers sends less just when the server is slow, and so doesn't see it.)
 */
import { connect, type Socket } from 'node:net'

const HEADER_END = Buffer.from('\r\n\r\n')

export interface OpenLoopOptions {
  port: number
  connections: number
  /** Arrivals a second. */
  rate: number
  /** Whole HTTP requests, each sent once. */
  requests: readonly Buffer[]
  /** Called with each answer's body. */
  answered?: (body: string) => void
}

export interface OpenLoopResult {
  /** Milliseconds from when each request was due until its answer was there, to the timers' millisecond. */
  latencies: number[]
  /** Answers a second, until the last one was there: the asked rate, unless the server is slower. */
  rate: number
}

/** @throws {Error} if a request fails */
export async function openLoop({ port, connections, rate, requests, answered }: OpenLoopOptions): Promise<OpenLoopResult> {
  const idle = await Promise.all(Array.from({ length: connections }, () => open(port)))
  const sockets = [...idle]
  const latencies: number[] = []
  const under = new Map<Socket, number>()
  const started = performance.now()
  const dueAt = (i: number) => started + (i * 1000) / rate
  let sent = 0
  await new Promise<void>((resolve, reject) => {
    function send(): void {
      const now = performance.now()
      while (sent < requests.length && idle.length > 0 && dueAt(sent) <= now) {
        const socket = idle.pop()!
        under.set(socket, dueAt(sent))
        socket.write(requests[sent++]!)
      }
    }
    const timer = setInterval(send, 1)
    function end(error?: Error): void {
      clearInterval(timer)
      for (const socket of sockets) socket.destroy()
      if (error) reject(error)
      else resolve()
    }
    for (const socket of sockets) {
      let waiting: Buffer = Buffer.alloc(0)
      socket.on('error', end)
      socket.on('data', (chunk: Buffer) => {
        waiting = waiting.length === 0 ? chunk : Buffer.concat([waiting, chunk])
        const headerEnd = waiting.indexOf(HEADER_END)
        if (headerEnd < 0) return
        const length = Number(/content-length: (\d+)/i.exec(waiting.toString('latin1', 0, headerEnd))![1])
        if (waiting.length < headerEnd + 4 + length) return
        const body = waiting.toString('utf8', headerEnd + 4)
        waiting = Buffer.alloc(0)
        if (!body.includes('"code":200')) return end(new Error(`a request failed: ${body.slice(0, 200)}`))
        latencies.push(performance.now() - under.get(socket)!)
        answered?.(body)
        idle.push(socket)
        if (latencies.length === requests.length) end()
        else send()
      })
    }
  })
  return { latencies, rate: requests.length / ((performance.now() - started) / 1000) }
}

function open(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.off('error', reject)
      resolve(socket.setNoDelay(true))
    })
    socket.once('error', reject)
  })
}
