// Stands between the agent and a TPM, to do something at the worst moment.
import { createConnection, createServer } from 'node:net'
import type { NetConnectOpts, Socket } from 'node:net'
import { once } from 'node:events'

const TPM2_QUOTE = 0x158

export interface TpmProxy extends AsyncDisposable {
  /** In the words of `tcti_config`. */
  address: string
  /** Quotes that were made through it. */
  quotes(): number
}

/**
 * Passes commands on to the TPM at `data`. After each quote, before its answer is given, the command that `afterQuote` names is sent, so that a PCR moves between
 * the quote and the reading of the PCRs; or a hook does anything else.
 */
export async function startTpmProxy(
  path: string,
  data: NetConnectOpts,
  afterQuote: (count: number) => Buffer | undefined,
): Promise<TpmProxy> {
  let quotes = 0
  const sockets = new Set<Socket>()
  const server = createServer((client) => {
    const upstream = createConnection(data)
    sockets.add(client).add(upstream)
    let isQuote = false
    let held: Buffer | undefined
    client.on('data', (command: Buffer) => {
      isQuote = command.readUInt32BE(6) === TPM2_QUOTE
      upstream.write(command)
    })
    upstream.on('data', (response: Buffer) => {
      // The answer to our own command is nobody's but ours.
      if (held !== undefined) {
        client.write(held)
        held = undefined
        return
      }
      const extra = isQuote ? afterQuote(++quotes) : undefined
      if (extra === undefined) return void client.write(response)
      held = response
      upstream.write(extra)
    })
    client.on('close', () => upstream.destroy())
    upstream.on('close', () => client.destroy())
    for (const socket of [client, upstream]) socket.on('error', () => socket.destroy())
  })
  server.listen(path)
  await once(server, 'listening')
  return {
    address: `swtpm:${path}`,
    quotes: () => quotes,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

/** TPM2_PCR_Extend of one SHA-256 digest, with an empty password (TPM 2.0 Library, Part 3, "TPM2_PCR_Extend"). */
export function extendCommand(pcr: number, digest: Uint8Array): Buffer {
  const u16 = (value: number) => Buffer.from([value >> 8, value & 0xff])
  const u32 = (value: number) => Buffer.from([0, 0, value >> 8, value & 0xff])
  const authorization = Buffer.concat([Buffer.from('40000009', 'hex'), u16(0), Buffer.of(0), u16(0)])
  const body = Buffer.concat([u32(pcr), u32(authorization.length), authorization, u32(1), u16(0x0b), digest])
  return Buffer.concat([u16(0x8002), u32(10 + body.length), u32(0x182), body])
}
