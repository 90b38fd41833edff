/** Everything on HTTP except the key management API's own edge: health, metrics, the OpenAPI document. */
import { fastify, type FastifyInstance, type FastifyPluginAsync } from 'fastify'
import type { ListenedRequest, Surface } from '../edge/index.ts'
import { EhsmRefusal, errorEnvelope } from '../ehsm/index.ts'
import { openApiDocument } from './openapi.ts'

export interface AppOptions {
  /** The server's metrics, in Prometheus' text format. */
  metrics: { contentType: string; metrics(): Promise<string> }
  version: string
  /** What keeps a change from succeeding now; nothing if one would. */
  unready: () => Promise<readonly string[]>
  /** What was found wrong with the store and its trail, in words for operators. */
  findings: () => readonly string[] | Promise<readonly string[]>
  /** The trail's newest signed checkpoint, a C2SP signed note; undefined before there is one. */
  checkpoint: () => string | undefined | Promise<string | undefined>
  /** An edge whose routes are registered here. */
  edge: FastifyPluginAsync
}

const NOT_FOUND = { code: 404, message: 'Not Found', result: {} }

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The surfaces that serve a route; all by default. */
    surface?: Surface
  }
}

export async function createApp({ metrics, version, unready, findings, checkpoint, edge }: AppOptions): Promise<FastifyInstance> {
  const app = fastify({
    logger: false,
    bodyLimit: 1024 * 1024,
    // Input is checked as sent: nothing is converted, added or removed.
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false, useDefaults: false } },
  })
  // Each listener serves its surfaces; other routes are treated like any unknown path.
  app.addHook('onRequest', async (request, reply) => {
    const { surface = 'all' } = request.routeOptions.config
    if (surface !== 'all' && !(request.raw as ListenedRequest).listener.surfaces.has(surface)) await reply.code(404).send(NOT_FOUND)
  })

  app.get('/healthz', () => ({ status: 'ok' }))

  app.get('/readyz', async (request, reply) => {
    const reasons = await unready()
    const detail = (request.raw as ListenedRequest).listener.surfaces.has('internal') ? await findings() : []
    const named = detail.length === 0 ? {} : { detail }
    return reasons.length === 0 ? { status: 'ready', ...named } : reply.code(503).send({ status: 'not ready', reasons, ...named })
  })

  // For anyone, so that many can keep one: a log that contradicts it is found out. Entries are for those who may read the trail.
  app.get('/v1/trail/checkpoint', async (_request, reply) => {
    const note = await checkpoint()
    return note === undefined ? reply.code(404).send(NOT_FOUND) : reply.type('text/plain; charset=utf-8').send(note)
  })

  app.get('/metrics', { config: { surface: 'internal' } }, async (_request, reply) => {
    return reply.type(metrics.contentType).send(await metrics.metrics())
  })

  let document: string | undefined
  app.get('/openapi.json', { config: { surface: 'internal' } }, (_request, reply) => {
    document ??= JSON.stringify(openApiDocument(version))
    return reply.type('application/json; charset=utf-8').send(document)
  })

  // Probes of the original system call `GET /` and expect an envelope.
  app.get('/', () => {
    const { code, message, result } = errorEnvelope(new EhsmRefusal('missing_parameters'))
    return { code, message, result }
  })

  app.setNotFoundHandler((_request, reply) => reply.code(404).send(NOT_FOUND))
  await app.register(edge)
  await app.ready()
  return app
}
