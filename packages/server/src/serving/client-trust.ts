/**
 * What a TLS listener trusts in clients, and what follows when that is replaced: a connection whose client had shown a certificate that counted
 * ends, after the answers under way, and so does a handshake that began before. The client connects again, and is judged by what counts now; a
 * session ticket does not help it, since the keys of tickets go with the old context.
 */
import { createHash } from 'node:crypto'
import type { Server } from 'node:https'
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { TlsOptions } from './tls-files.ts'

export class ClientTrust {
  readonly #server: Server
  readonly #connections = new Set<TLSSocket>()
  /** During handshakes: which trust they began under, by the peer's address and port. */
  readonly #begun = new Map<string, number>()
  readonly #withdrawn = new WeakSet<Socket>()
  #generation = 0
  #trusted: string

  constructor(server: Server, options: TlsOptions) {
    this.#server = server
    this.#trusted = digestOf(options)
    server.on('connection', (socket: Socket) => {
      const peer = peerOf(socket)
      this.#begun.set(peer, this.#generation)
      socket.once('close', () => this.#begun.delete(peer))
    })
    server.on('secureConnection', (socket) => {
      const began = this.#begun.get(peerOf(socket))
      this.#begun.delete(peerOf(socket))
      if (!socket.authorized) return
      if (began !== this.#generation) return void socket.destroy()
      this.#connections.add(socket)
      socket.once('close', () => this.#connections.delete(socket))
    })
  }

  /** Whether what the connection's client showed no longer counts: nothing more is answered on it. */
  isWithdrawn(socket: Socket): boolean {
    return this.#withdrawn.has(socket)
  }

  /** Takes new files into use. `isBusy`: an answer is under way on the connection, which its end will close. */
  replace(options: TlsOptions, isBusy: (socket: Socket) => boolean): void {
    this.#server.setSecureContext(options)
    const trusted = digestOf(options)
    if (trusted === this.#trusted) return
    this.#trusted = trusted
    this.#generation++
    for (const socket of this.#connections) {
      this.#withdrawn.add(socket)
      if (!isBusy(socket)) socket.destroy()
    }
    this.#connections.clear()
  }
}

function digestOf({ ca, crl, requestCert, rejectUnauthorized }: TlsOptions): string {
  return createHash('sha256')
    .update(JSON.stringify([ca, crl, requestCert, rejectUnauthorized]))
    .digest('hex')
}

function peerOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`
}
