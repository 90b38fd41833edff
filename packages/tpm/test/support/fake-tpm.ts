// Something that only looks like a TPM: it answers each command with the bytes that the test wants.
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import type { Socket } from 'node:net'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface FakeTpm extends AsyncDisposable {
  address: string
  /** The commands that came. */
  commands: Buffer[]
}

/** `answer` writes to the socket, or ends it. A command comes in one piece, as long as it is short. */
export async function startFakeTpm(answer: (socket: Socket, command: Buffer, count: number) => void): Promise<FakeTpm> {
  const dir = mkdtempSync(join(tmpdir(), 'fake-tpm-'))
  const path = join(dir, 'tpm')
  const commands: Buffer[] = []
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.on('data', (command: Buffer) => {
      commands.push(command)
      answer(socket, command, commands.length)
    })
  })
  server.listen(path)
  await once(server, 'listening')
  return {
    address: `swtpm:${path}`,
    commands,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

/** A whole response without sessions. */
export function response(code: number, parameters: Uint8Array = new Uint8Array(0)): Buffer {
  const header = Buffer.alloc(10)
  header.writeUInt16BE(0x8001, 0)
  header.writeUInt32BE(10 + parameters.length, 2)
  header.writeUInt32BE(code, 6)
  return Buffer.concat([header, parameters])
}
