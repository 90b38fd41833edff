import { createConnection } from 'node:net'
import type { Socket } from 'node:net'
import { TpmError } from '../error.ts'
import { ResponseCollector } from './transport.ts'
import type { TpmTransport } from './transport.ts'

type Waiter = { collector: ResponseCollector; resolve: (response: Uint8Array) => void; reject: (error: TpmError) => void }

/**
 * A TPM behind swtpm's data channel, at a TCP or UNIX socket: commands and responses follow each other without any frame. swtpm serves one connection at
 * a time and keeps others waiting. Throws TpmError, also when no connection comes about within `timeout` milliseconds.
 */
export async function openSocketTransport(
  place: { host: string; port: number } | { socketPath: string },
  timeout: number,
): Promise<TpmTransport> {
  const name = 'socketPath' in place ? place.socketPath : `${place.host}:${place.port}`
  const socket = await connect('socketPath' in place ? createConnection(place.socketPath) : createConnection(place), name, timeout)
  let failure: TpmError | undefined
  let waiter: Waiter | undefined

  const fail = (problem: string, cause?: unknown): void => {
    failure ??= new TpmError(`TPM at ${name}: ${problem}`, { field: 'connection', cause })
    socket.destroy()
    waiter?.reject(failure)
    waiter = undefined
  }
  socket.on('data', (piece: Buffer) => {
    if (waiter === undefined) return fail('it sent bytes that nobody asked for')
    try {
      const response = waiter.collector.add(piece)
      if (response === undefined) return
      waiter.resolve(response)
      waiter = undefined
    } catch (error) {
      fail((error as Error).message, error)
    }
  })
  socket.on('error', (error) => fail(error.message, error))
  socket.on('close', () => fail('the connection was closed'))

  return {
    exchange: (command) =>
      new Promise((resolve, reject) => {
        if (failure !== undefined) return reject(failure)
        waiter = { collector: new ResponseCollector(), resolve, reject }
        socket.write(command)
      }),
    async close() {
      fail('the connection was closed')
    },
  }
}

function connect(socket: Socket, name: string, timeout: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => give(`no connection within ${timeout} ms`), timeout)
    const give = (problem: string, cause?: unknown): void => {
      clearTimeout(timer)
      socket.destroy()
      reject(new TpmError(`TPM at ${name}: ${problem}`, { field: 'connection', cause }))
    }
    const refused = (error: Error) => give(error.message, error)
    socket.once('error', refused)
    socket.once('connect', () => {
      clearTimeout(timer)
      socket.off('error', refused)
      socket.setNoDelay(true)
      resolve(socket)
    })
  })
}
