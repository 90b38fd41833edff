/**
 * The attestation authority's edge: every operation of the table under both prefixes of the service. A Fastify plugin.
 *
 * Order of a call: who calls and whether its role allows the operation, how often it calls, and only then the body is read and checked.
 * Refusals are JSON, always, and name the field.
 */
import type { IncomingMessage } from 'node:http'
import type { FastifyInstance, FastifyReply, FastifyRequest, HTTPMethods } from 'fastify'
import type { CallLog } from '../trail/index.ts'
import { ServiceError, type Log } from '../foundation/index.ts'
import { StorageError } from '../storage/index.ts'
import { BodyBudget, type RateLimiter } from '../edge/index.ts'
import { identify } from './caller.ts'
import { errorBody, SERVICE_PREFIXES } from './dialect.ts'
import { refusalOf } from './errors.ts'
import { parseJson } from './json.ts'
import type { Call, GtaServices, Input, Operation } from './operation.ts'
import { OPERATIONS } from './operations.ts'

const STANDARD_BODY_BYTES = 1024 * 1024
const METHODS = ['GET', 'POST', 'PUT', 'DELETE', 'PATCH'] as const satisfies readonly HTTPMethods[]
const REQUEST_ID = /^[A-Za-z0-9._-]{1,64}$/
const MAX_OBJECT = 255

export interface GtaEdgeOptions {
  services: GtaServices
  limiter: RateLimiter
  callLog: CallLog
  log: Log
  /** What is known of the listener that a request came in on. */
  factsOf: (req: IncomingMessage) => { loopback: boolean; internal: boolean }
  evidenceLimitBytes: number
  /** Told of every answer: an operation's name, the status, and seconds. */
  observe: (operation: string, status: number, seconds: number) => void
}

/** What is remembered of a request on its way. */
interface Passage {
  started: number
  call: Call | undefined
  release: () => void
}

/** The plugin; its routes, refusals and parsers are its own. */
export function createGtaEdge(options: GtaEdgeOptions): (app: FastifyInstance) => Promise<void> {
  const { services, limiter, callLog, log, factsOf, evidenceLimitBytes, observe } = options
  const { runtime, users } = services
  const requestIdPrefix = `${runtime.uuid().slice(0, 8)}-`
  const passages = new WeakMap<IncomingMessage, Passage>()
  const budget = new BodyBudget()
  let requests = 0

  function requestIdOf(req: IncomingMessage): string {
    const given = req.headers['request-id']
    return typeof given === 'string' && REQUEST_ID.test(given) ? given : requestIdPrefix + (++requests).toString(36)
  }

  /** Who calls, and whether it may: before a byte of the body is read. */
  async function admit(operation: Operation, request: FastifyRequest, reply: FastifyReply, bodyLimit: number): Promise<void> {
    const passage: Passage = { started: runtime.monotonic(), call: undefined, release: () => {} }
    passages.set(request.raw, passage)
    const requestId = String(reply.getHeader('request-id'))
    const { loopback, internal } = factsOf(request.raw)
    // The admin listener shows health and metrics; it doesn't serve the API.
    if (internal) return void (await reply.callNotFound())
    const address = `address ${request.ip}`
    try {
      passage.call = await identify(request.raw, operation, users, { loopback, requestId })
    } catch (error) {
      // Who isn't known is counted by its address; others at the same address, a proxy's say, are not made to pay for it.
      if (!loopback && !(error instanceof StorageError) && !limiter.take(operation.rate, address)) throw new ServiceError('rate_limited')
      throw error
    }
    const client = passage.call.identity === undefined ? address : `user ${passage.call.user}`
    if (!loopback && !limiter.take(operation.rate, client)) throw new ServiceError('rate_limited')
    // Before anything is done: what can't be audited isn't.
    if (!callLog.hasRoom) await callLog.room()
    const length = request.headers['content-length']
    passage.release = budget.reserve(passage.call.user || address, length === undefined ? undefined : Number(length), bodyLimit)
    reply.raw.once('close', passage.release)
  }

  function note(operation: Operation, request: FastifyRequest, result: string): void {
    const call = passages.get(request.raw)?.call
    if (!call || !operation.logged) return
    let object = ''
    try {
      object = operation.object?.({ body: request.body, query: request.query }) ?? ''
    } catch {
      // A body that was refused may have any shape.
    }
    const { name: actor, requestId } = call
    callLog.record({
      at: runtime.now(),
      actor: escaped(actor),
      action: operation.name,
      object: escaped(object.slice(0, MAX_OBJECT)),
      result,
      requestId,
    })
  }

  function finish(operation: Operation, request: FastifyRequest, status: number): void {
    const started = passages.get(request.raw)?.started ?? runtime.monotonic()
    observe(operation.name, status, (runtime.monotonic() - started) / 1000)
  }

  function fail(operation: Operation, error: unknown, request: FastifyRequest, reply: FastifyReply): void {
    const { status, message, code, internal } = refusalOf(error)
    if (internal) {
      const detail = error instanceof ServiceError ? error.detail : undefined
      log.error({ err: error, detail, operation: operation.name, requestId: reply.getHeader('request-id') }, 'a request failed')
    }
    note(operation, request, code)
    finish(operation, request, status)
    // A body that was not read would be taken for the next request.
    if (status === 413) reply.raw.shouldKeepAlive = false
    void reply.code(status).send(errorBody(message, operation.versioned ?? false))
  }

  function serve(app: FastifyInstance, operation: Operation, url: string): void {
    const bodyLimit = operation.bodyLimit === 'evidence' ? evidenceLimitBytes : STANDARD_BODY_BYTES
    const { body, query } = operation
    app.route({
      method: operation.method,
      url,
      bodyLimit,
      schema: { ...(body === undefined ? {} : { body }), ...(query === undefined ? {} : { querystring: query }) },
      onRequest: (request, reply) => admit(operation, request, reply, bodyLimit),
      errorHandler: (error, request, reply) => fail(operation, error, request, reply),
      handler: async (request, reply) => {
        const input = { body: request.body, query: request.query } as Input<never, never>
        const result = await operation.handle(input, passages.get(request.raw)!.call!, services)
        note(operation, request, 'ok')
        finish(operation, request, 200)
        return reply.send(result)
      },
    })
  }

  return async (app) => {
    app.removeAllContentTypeParsers()
    app.addHook('onRequest', async (request, reply) => void reply.header('request-id', requestIdOf(request.raw)))
    app.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, text, done) => {
      try {
        // An empty body is none, as clients send with a POST that needs none.
        done(null, text === '' ? undefined : parseJson(text as string))
      } catch (error) {
        done(error as Error, undefined)
      }
    })
    const byPath = Map.groupBy(
      OPERATIONS.flatMap((operation) => pathsOf(operation).map((path) => ({ path, operation }))),
      ({ path }) => path,
    )
    for (const [path, entries] of byPath) {
      for (const { operation } of entries) serve(app, operation, path)
      const methods = entries.map(({ operation }) => operation.method)
      app.route({
        method: METHODS.filter((method) => !(methods as string[]).includes(method)),
        url: path,
        onRequest: async (_request, reply) =>
          reply
            .code(405)
            .header('allow', methods.join(', '))
            .send(errorBody(`the methods of ${path} are ${methods.join(' and ')}`, false)),
        handler: () => undefined,
      })
    }
    await app.register(
      async (inside) => inside.setNotFoundHandler((_request, reply) => reply.code(404).send(errorBody('no such operation', false))),
      { prefix: '/global-trust-authority' },
    )
  }
}

/** Where an operation is found: under each prefix of the service, or at its own paths. */
export function pathsOf({ paths, absolute }: Pick<Operation, 'paths' | 'absolute'>): string[] {
  return absolute ? [...paths] : SERVICE_PREFIXES.flatMap((prefix) => paths.map((path) => `${prefix}/${path}`))
}

/** As it can stand in a JSON string. */
function escaped(text: string): string {
  return JSON.stringify(text).slice(1, -1)
}
