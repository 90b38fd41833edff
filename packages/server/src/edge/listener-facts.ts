import { IncomingMessage } from 'node:http'

/** What a listener serves: the APIs, or health, metrics and the API document for operators. */
export type Surface = 'api' | 'internal'

/** What a request knows about the listener that it came in on. */
export interface ListenerFacts {
  /** Bound to an address that is reachable only from this machine. */
  readonly loopback: boolean
  readonly surfaces: ReadonlySet<Surface>
}

/** A request that knows its listener wherever it is passed on to. */
export interface ListenedRequest extends IncomingMessage {
  readonly listener: ListenerFacts
}

/** The class of a listener's requests, for `createServer`: the fact is on the prototype and costs a request nothing. */
export function requestClass(facts: ListenerFacts): typeof IncomingMessage {
  class Request extends IncomingMessage {}
  Object.defineProperty(Request.prototype, 'listener', { value: facts })
  return Request
}
