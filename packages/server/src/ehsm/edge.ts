/**
 * The key management API's edge: one endpoint, `/ehsm?Action=…`, HTTP status 200 always, everything else in the envelope.
 *
 * Order of checks: shape, timestamp, signature, replay, payload, action. A request handler of node:http rather than a Fastify route: this
 * is the product's hottest path, and it needs the raw body and its own rules for bodies that are malformed, oversize or untyped.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { STRICT_HEADER } from '@vouchsafe/client'
import type { CallLog } from '../trail/index.ts'
import { ServiceError, type Log, type Runtime } from '../foundation/index.ts'
import type { ReplayGuard } from '../replay/index.ts'
import { AnswerBudget } from '../edge/index.ts'
import type { Authenticator } from './authenticator.ts'
import { readCommonParameters } from './common-parameters.ts'
import { admitEnrolment, type EnrolmentSettings } from './enrolment.ts'
import { errorEnvelope, sendEnvelope, SUCCESS, type Envelope } from './envelope.ts'
import { MAX_SECRET_NAME, readFields } from './fields.ts'
import { JsonResult, Reply, type EhsmServices, type Operation, type Outcome } from './operation.ts'
import { OPERATIONS_BY_ACTION } from './operations.ts'
import { EhsmRefusal } from './refusals.ts'
import { parseBody, readBody } from './request-body.ts'

/** Told of every answer: `action` is an operation's name or 'unknown'. */
export type ObserveRequest = (action: string, code: number, seconds: number) => void

export interface EhsmEdgeOptions {
  services: EhsmServices
  authenticator: Authenticator
  replay: ReplayGuard
  callLog: CallLog
  enrolment: EnrolmentSettings
  runtime: Runtime
  log: Log
  observe: ObserveRequest
}

/** Whether a request target is this edge's: any case, with or without a slash at the end. */
export function isEhsmTarget(url: string): boolean {
  return EHSM_TARGET.test(url)
}

const EHSM_TARGET = /^\/ehsm\/?(?:\?|$)/i
const REQUEST_ID = /^[A-Za-z0-9._-]{1,64}$/
const OBJECT_ID = /^[a-z0-9-]{36}$/

/** Takes a request of this edge and answers it. `loopback` tells whether it came in on a loopback listener. */
export type EhsmEdge = (req: IncomingMessage, res: ServerResponse, loopback: boolean) => void

export function createEhsmEdge(options: EhsmEdgeOptions): EhsmEdge {
  const { services, authenticator, replay, callLog, runtime, log, observe } = options
  const requestIdPrefix = `${runtime.uuid().slice(0, 8)}-`
  const budget = new AnswerBudget()
  let requests = 0

  function newRequestId(req: IncomingMessage): string {
    const given = req.headers['x-request-id']
    return typeof given === 'string' && REQUEST_ID.test(given) ? given : requestIdPrefix + (++requests).toString(36)
  }

  /** A signed request, from its body to its result. */
  async function callOperation(
    action: string,
    operation: Operation | undefined,
    body: Buffer,
    req: IncomingMessage,
    res: ServerResponse,
    requestId: string,
  ) {
    const content = parseBody(body, req.headers['content-type'])
    const parameters = readCommonParameters(content, operation?.payloadRequired ?? false, runtime)
    const strictSignature = req.headers[STRICT_HEADER]
    const facts = { method: req.method!, action, body, strictSignature: typeof strictSignature === 'string' ? strictSignature : undefined }
    const authenticated = authenticator.authenticate(parameters, facts)
    const { app, payload, mac } = authenticated instanceof Promise ? await authenticated : authenticated
    const call = { appId: app.id, name: app.id, requestId, mac }
    // Before anything is done: what can't be audited isn't.
    if (!callLog.hasRoom) await callLog.room()
    try {
      const accepted = replay.accept(app.id, parameters.stamp, parameters.nonce)
      if (accepted) await accepted
      if (!operation) throw new EhsmRefusal('unknown_action')
      const input = readFields(operation.fields, payload)
      const settle = operation.longAnswer ? budget.reserve(res) : undefined
      const result = await operation.handle(input, call, services)
      settle?.(lengthOf(result))
      note(operation, payload, call, 'ok')
      return result
    } catch (error) {
      note(operation, payload, call, errorEnvelope(error).errorCode)
      throw error
    }
  }

  function note(
    operation: Operation | undefined,
    payload: Readonly<Record<string, unknown>>,
    call: { appId: string; requestId: string },
    result: string,
  ) {
    callLog.record({
      at: runtime.now(),
      actor: call.appId,
      action: operation?.name ?? 'unknown',
      object: operation?.object === undefined ? '' : objectsOf(operation.object, payload),
      result,
      requestId: call.requestId,
    })
  }

  /** GET: the two operations that need no signature; anything else is an empty request. */
  async function callUnsigned(operation: Operation | undefined, req: IncomingMessage, loopback: boolean, requestId: string) {
    if (operation?.method !== 'GET') throw new EhsmRefusal('missing_parameters')
    const enrollToken = operation.permission === 'enrolment' ? admitEnrolment(req, loopback, options.enrolment) : undefined
    return operation.handle({}, { appId: '', name: 'anonymous', requestId, enrollToken, mac: () => '' }, services)
  }

  return (req, res, loopback) => {
    const started = runtime.monotonic()
    const requestId = newRequestId(req)
    const action = actionOf(req.url!)
    const operation = OPERATIONS_BY_ACTION.get(action)

    const answer = (envelope: Envelope): void => {
      sendEnvelope(res, envelope, requestId)
      observe(operation?.name ?? 'unknown', envelope.code, (runtime.monotonic() - started) / 1000)
    }
    const succeed = (outcome: Outcome): void => {
      answer(outcome instanceof Reply ? { code: 200, ...outcome } : { code: 200, message: SUCCESS, result: outcome })
    }
    const fail = (error: unknown): void => {
      const envelope = errorEnvelope(error, operation?.name)
      // Being busy is no fault, and logging it would be one more burden.
      if (envelope.code === 500 && envelope.errorCode !== 'busy') {
        log.error({ err: error, detail: error instanceof ServiceError ? error.detail : undefined, action, requestId }, 'a request failed')
      }
      answer(envelope)
    }

    if (req.method === 'POST') {
      readBody(req, (outcome) => {
        if ('error' in outcome) {
          if (!outcome.keepConnection) {
            res.shouldKeepAlive = false
            res.on('finish', () => req.destroy())
          }
          fail(outcome.error)
        } else if (operation?.method === 'GET') {
          fail(new EhsmRefusal('unknown_action'))
        } else {
          callOperation(action, operation, outcome.bytes, req, res, requestId).then(succeed, fail)
        }
      })
    } else {
      req.resume()
      if (req.method === 'GET') callUnsigned(operation, req, loopback, requestId).then(succeed, fail)
      else fail(new EhsmRefusal('unknown_action'))
    }
  }
}

/**
 * The objects that a payload names, as text that can stand in a JSON string: ids separated by blanks, or a secret by its name. Whatever
 * else was sent in their place is left out.
 */
function objectsOf(fields: string | readonly string[], payload: Readonly<Record<string, unknown>>): string {
  if (typeof fields !== 'string') return fields.map((field) => objectsOf(field, payload)).join(' ')
  const object = payload[fields]
  if (typeof object !== 'string') return ''
  if (fields === 'secretName') return JSON.stringify(object.slice(0, MAX_SECRET_NAME)).slice(1, -1)
  return OBJECT_ID.test(object) ? object : ''
}

/** Characters of a long result. */
function lengthOf(result: Outcome): number {
  const content = result instanceof Reply ? result.result : result
  return content instanceof JsonResult ? content.json.length : 0
}

/** The targets that clients send, word for word, so that hot requests need no parsing. */
const KNOWN_TARGETS: ReadonlyMap<string, string> = new Map(
  [...OPERATIONS_BY_ACTION.keys()].flatMap((action) => [
    [`/ehsm?Action=${action}`, action],
    [`/ehsm/?Action=${action}`, action],
  ]),
)

/** The value of `Action`; '' when it is missing or given twice. */
function actionOf(url: string): string {
  const known = KNOWN_TARGETS.get(url)
  if (known !== undefined) return known
  const query = url.indexOf('?')
  const actions = query < 0 ? [] : new URLSearchParams(url.slice(query + 1)).getAll('Action')
  return actions.length === 1 ? actions[0]! : ''
}
