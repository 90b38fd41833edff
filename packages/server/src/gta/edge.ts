/**
 * The attestation authority's edge: every operation of the table under both prefixes of the service. A Fastify plugin.
 *
 * Order of a call: identity, rate limit and right of the caller; only then is the body read and checked. Refusals are always JSON and
 * name the field.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest, HTTPMethods } from 'fastify'
import { SERVICE_PREFIXES } from '@vouchsafe/operations'
import {
  RequestIds,
  authoriseCall,
  awaitTrail,
  record,
  runStages,
  type ListenedRequest,
  type BodyBudget,
  type RateLimiter,
  type RequestState,
  type Stage,
} from '../edge/index.ts'
import { ServiceError, type Log } from '../foundation/index.ts'
import { StorageError } from '../storage/index.ts'
import type { CallNotes } from '../trail/index.ts'
import { identify, userIdOf } from './caller.ts'
import { errorBody } from './dialect.ts'
import { refusalOf } from './errors.ts'
import { parseJson } from './json.ts'
import type { GtaCall, GtaServices, Input, GtaOperation } from './operation.ts'
import { OPERATIONS } from './operations.ts'

const STANDARD_BODY_BYTES = 1024 * 1024
const METHODS = ['GET', 'POST', 'PUT', 'DELETE', 'PATCH'] as const satisfies readonly HTTPMethods[]
const MAX_OBJECT = 255

export interface GtaEdgeOptions {
  services: GtaServices
  limiter: RateLimiter
  bodies: BodyBudget
  trail: CallNotes
  /** Stages before all others. */
  enter: readonly Stage<RequestState>[]
  log: Log
  evidenceLimitBytes: number
  /** Called for every response: an operation's name, the status, and seconds. */
  observe: (operation: string, status: number, seconds: number) => void
}

interface GtaState extends RequestState {
  readonly request: FastifyRequest
  readonly reply: FastifyReply
  readonly operation: GtaOperation
  readonly bodyLimit: number
  call: GtaCall | undefined
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Of this edge; set by its first hook. */
    gta: object | null
  }
}

/** The plugin; its routes, refusals and parsers are its own. */
export function createGtaEdge(options: GtaEdgeOptions): (app: FastifyInstance) => Promise<void> {
  const { services, limiter, bodies, trail, enter, log, evidenceLimitBytes, observe } = options
  const { runtime, users } = services
  const ids = new RequestIds(runtime)

  const identifyCaller: Stage<GtaState> = async (state) => {
    const { request, operation, requestId, listener } = state
    state.claimed = userIdOf(request.raw) ?? ''
    try {
      state.call = await identify(request.raw as ListenedRequest, operation, users, requestId)
    } catch (error) {
      // An unknown caller is counted by its address; known callers at the same address, such as a proxy's, are not affected.
      if (!listener.loopback && !(error instanceof StorageError) && !limiter.take(operation.rate, addressOf(state)))
        throw new ServiceError('rate_limited')
      throw error
    }
  }

  const limitRate: Stage<GtaState> = (state) => {
    const { call, listener, operation } = state
    const client = call!.identity === undefined ? addressOf(state) : `user ${call!.principal.tenant}`
    if (!listener.loopback && !limiter.take(operation.rate, client)) throw new ServiceError('rate_limited')
  }

  const reserveBody: Stage<GtaState> = (state) => {
    const { request, reply, call, bodyLimit } = state
    const length = request.headers['content-length']
    const release = bodies.reserve(call!.principal.tenant || addressOf(state), length === undefined ? undefined : Number(length), bodyLimit)
    reply.raw.once('close', release)
  }

  const admit: readonly Stage<GtaState>[] = [...enter, identifyCaller, limitRate, authoriseCall, awaitTrail(trail), reserveBody]

  const handle: Stage<GtaState> = async (state) => {
    const input = { body: state.request.body, query: state.request.query } as Input<never, never>
    state.result = await state.operation.handle(input, state.call!, services)
  }

  /**
   * Changes that were made are recorded in their transaction; refusals, and calls that matter though they change nothing, are recorded
   * here.
   */
  const finish = (state: GtaState, outcome: string, status: number): void => {
    const { operation, started } = state
    if (operation.logged || outcome !== 'ok') record(trail, state, outcome, () => objectOf(state))
    observe(operation.name, status, (runtime.monotonic() - started) / 1000)
  }

  function fail(error: unknown, operation: GtaOperation, request: FastifyRequest, reply: FastifyReply): void {
    const { status, message, code, internal } = refusalOf(error, operation)
    const state = request.gta as GtaState | null
    if (internal) {
      const detail = error instanceof ServiceError ? error.detail : undefined
      log.error({ err: error, detail, operation: operation.name, requestId: reply.getHeader('request-id') }, 'a request failed')
    }
    if (state) finish(state, code, status)
    // An unread body would be taken for the next request.
    if (status === 413) reply.raw.shouldKeepAlive = false
    void reply.code(status).send(errorBody(message, operation.versioned ?? false))
  }

  function serve(app: FastifyInstance, operation: GtaOperation, url: string): void {
    const bodyLimit = operation.bodyLimit === 'evidence' ? evidenceLimitBytes : STANDARD_BODY_BYTES
    const { body, query } = operation
    app.route({
      method: operation.method,
      url,
      bodyLimit,
      config: { surface: 'api' },
      schema: { ...(body === undefined ? {} : { body }), ...(query === undefined ? {} : { querystring: query }) },
      onRequest: async (request, reply) => {
        const state: GtaState = {
          started: runtime.monotonic(),
          requestId: String(reply.getHeader('request-id')),
          listener: (request.raw as ListenedRequest).listener,
          operation,
          call: undefined,
          claimed: undefined,
          result: undefined,
          request,
          reply,
          bodyLimit,
        }
        request.gta = state
        await runStages(admit, state)
      },
      errorHandler: (error, request, reply) => fail(error, operation, request, reply),
      handler: async (request, reply) => {
        const state = request.gta as GtaState
        await runStages([handle], state)
        finish(state, 'ok', 200)
        return reply.send(state.result)
      },
    })
  }

  return async (app) => {
    app.removeAllContentTypeParsers()
    app.decorateRequest('gta', null)
    app.addHook('onRequest', async (request, reply) => void reply.header('request-id', ids.next(request.raw.headers['request-id'])))
    app.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, text, done) => {
      try {
        // An empty body counts as no body: clients send one with a POST that needs none.
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
        config: { surface: 'api' },
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
export function pathsOf({ paths, absolute }: Pick<GtaOperation, 'paths' | 'absolute'>): string[] {
  return absolute ? [...paths] : SERVICE_PREFIXES.flatMap((prefix) => paths.map((path) => `${prefix}/${path}`))
}

/** The key under which an unknown caller is counted. */
function addressOf({ request }: GtaState): string {
  return `address ${request.ip}`
}

/** The object of a request, as defined by the table of operations. */
function objectOf({ operation, request: { body, query } }: GtaState): string {
  try {
    return (operation.object?.({ body, query }) ?? '').slice(0, MAX_OBJECT)
  } catch {
    // A refused body may have any shape.
    return ''
  }
}
