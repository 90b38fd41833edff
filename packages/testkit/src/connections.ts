// Connections that are kept, for tests that must reach every serving thread: the system distributes connections among them.
import { Agent, request } from 'node:http'
import { signedBody, type CallOptions, type Credentials, type Envelope } from './ehsm-calls.ts'

export interface Connection {
  /** Sends a body to an action; rejects if the connection is cut off. */
  post(action: string, body: unknown): Promise<Envelope>
  /** A signed call. */
  call(app: Credentials, action: string, payload?: object, options?: CallOptions): Promise<Envelope>
}

/** So many connections that one of three threads has none of them once in ten thousand times. */
export const ENOUGH = 26

/** Connections to a server, which are open when the promise resolves. */
export async function connect(url: string, count = ENOUGH): Promise<Connection[] & Disposable> {
  const agents = Array.from({ length: count }, () => new Agent({ keepAlive: true, maxSockets: 1 }))
  const connections = agents.map((agent): Connection => {
    const post = (action: string, body: unknown) => send(agent, `${url}/ehsm?Action=${action}`, body)
    return { post, call: (app, action, payload, options) => post(action, signedBody(app, payload, options)) }
  })
  await Promise.all(agents.map((agent) => send(agent, `${url}/ehsm?Action=GetVersion`)))
  return Object.assign(connections, { [Symbol.dispose]: () => agents.forEach((agent) => agent.destroy()) })
}

function send(agent: Agent, url: string, body?: unknown): Promise<Envelope> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json' }
    const req = request(url, { agent, method: body === undefined ? 'GET' : 'POST', headers }, (res) => {
      let text = ''
      res.on('data', (chunk: Buffer) => (text += chunk.toString()))
      res.on('error', reject)
      res.on('end', () => (res.complete ? resolve(JSON.parse(text) as Envelope) : reject(new Error('the answer is cut off'))))
    })
    req.on('error', reject)
    req.end(body === undefined ? undefined : JSON.stringify(body))
  })
}
