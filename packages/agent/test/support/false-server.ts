// Something at a server's address that answers as the test wants.
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'

export interface FalseServer extends AsyncDisposable {
  url: string
}

/** `answer` gets each request with the last part of its path; what it does not answer stays open. */
export async function startFalseServer(
  answer: (operation: string, response: ServerResponse, request: IncomingMessage) => void,
): Promise<FalseServer> {
  const server = createServer((request, response) => {
    request.resume()
    request.on('end', () => answer(request.url!.split('/').at(-1)!, response, request))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}
