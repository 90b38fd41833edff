import type { IncomingMessage, Server } from 'node:http'
import type { Socket } from 'node:net'

/**
 * Keeps at most `max` connections. One more ends the one that has waited longest for its caller to send something whole; where all of them have
 * requests that are being answered, it is the new one that goes. So callers who hold connections and send nothing take no room from others.
 */
export function limitConnections(server: Server, max: number): void {
  /** With the request that was last received; those that have waited longest come first. */
  const held = new Map<Socket, IncomingMessage | undefined>()
  server.on('connection', (socket: Socket) => {
    if (held.size >= max) {
      const waiting = [...held].find(([, request]) => request?.complete !== true)
      if (waiting === undefined) return void socket.destroy()
      held.delete(waiting[0])
      waiting[0].destroy()
    }
    held.set(socket, undefined)
    socket.once('close', () => held.delete(socket))
  })
  server.on('request', (request, response) => {
    const { socket } = request
    if (held.has(socket)) held.set(socket, request)
    response.once('close', () => {
      if (held.delete(socket) && !socket.destroyed) held.set(socket, undefined)
    })
  })
}
