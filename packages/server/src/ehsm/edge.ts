/**
 * The key management API's edge: one endpoint, `/ehsm?Action=…`, HTTP status 200 always, everything else in the envelope.
 *
 * Order of checks: shape, timestamp, signature, replay, right, payload, action. A request handler of node:http rather than a Fastify route:
 * this is the product's hottest path, and it needs the raw body and its own rules for bodies that are malformed, oversize or untyped.
 */
import type { ServerResponse } from 'node:http'
import { STRICT_HEADER } from '@vouchsafe/client'
import { ANYBODY, ENROLLING } from '../access/index.ts'
import {
  RequestIds,
  authoriseCall,
  awaitTrail,
  record,
  runStages,
  type AnswerBudget,
  type ListenedRequest,
  type RequestState,
  type Stage,
} from '../edge/index.ts'
import { ServiceError, type Log, type Runtime } from '../foundation/index.ts'
import type { ReplayGate } from '../replay/index.ts'
import type { CallNotes } from '../trail/index.ts'
import type { Authenticator } from './authenticator.ts'
import { readCommonParameters, type CommonParameters } from './common-parameters.ts'
import { admitEnroll, type EnrollSettings } from './admit-enroll.ts'
import { errorEnvelope, sendEnvelope, SUCCESS, type Envelope } from './envelope.ts'
import { MAX_SECRET_NAME, readFields } from './fields.ts'
import { JsonResult, Reply, type EhsmCall, type EhsmServices, type EhsmOperation, type Outcome, type Result } from './operation.ts'
import { OPERATIONS_BY_ACTION } from './operations.ts'
import { EhsmRefusal } from './refusals.ts'
import { parseBody, readBody } from './request-body.ts'

/** Called for every response: `action` is an operation's name or 'unknown'. */
export type ObserveRequest = (action: string, code: number, seconds: number) => void

export interface EhsmEdgeOptions {
  services: EhsmServices
  authenticator: Authenticator
  replay: Pick<ReplayGate, 'accept'>
  answers: AnswerBudget
  trail: CallNotes
  /** Stages before all others. */
  enter: readonly Stage<RequestState>[]
  enroll: EnrollSettings
  runtime: Runtime
  log: Log
  observe: ObserveRequest
}

/** Whether a request target is this edge's: any case, with or without a slash at the end. */
export function isEhsmTarget(url: string): boolean {
  return EHSM_TARGET.test(url)
}

const EHSM_TARGET = /^\/ehsm\/?(?:\?|$)/i
const OBJECT_ID = /^[a-z0-9-]{36}$/
const NO_BODY = Buffer.alloc(0)
const NO_PAYLOAD: Readonly<Record<string, unknown>> = {}

/** Handles a request of this edge and answers it. */
export type EhsmEdge = (req: ListenedRequest, res: ServerResponse) => void

interface EhsmState extends RequestState {
  readonly req: ListenedRequest
  readonly res: ServerResponse
  /** As the request names it, known or not. */
  readonly action: string
  readonly operation: EhsmOperation | undefined
  body: Buffer
  parameters: CommonParameters | undefined
  call: EhsmCall | undefined
  /** Identifies a signed request. */
  requestMac: Buffer | undefined
  /** What the signature covers. */
  payload: Readonly<Record<string, unknown>>
  input: Readonly<Record<string, unknown>>
  result: Outcome | undefined
}

export function createEhsmEdge(options: EhsmEdgeOptions): EhsmEdge {
  const { services, authenticator, replay, answers, trail, enter, runtime, log, observe } = options
  const ids = new RequestIds(runtime)

  const readParameters: Stage<EhsmState> = (state) => {
    const content = parseBody(state.body, state.req.headers['content-type'])
    state.parameters = readCommonParameters(content, state.operation?.payloadRequired === true, runtime)
    state.claimed = state.parameters.appid
  }

  const identify: Stage<EhsmState> = (state) => {
    const { req, action, body, operation, requestId } = state
    const strictSignature = req.headers[STRICT_HEADER]
    const facts = { method: req.method!, action, body, strictSignature: typeof strictSignature === 'string' ? strictSignature : undefined }
    const take = ({ app, payload, requestMac, mac }: Awaited<ReturnType<Authenticator['authenticate']>>): void => {
      state.payload = payload
      state.requestMac = requestMac
      state.call = { principal: app.principal, action: operation?.record ?? operation?.name ?? 'unknown', requestId, mac }
    }
    const authenticated = authenticator.authenticate(state.parameters!, facts)
    if (authenticated instanceof Promise) return authenticated.then(take)
    take(authenticated)
  }

  const refuseReplays: Stage<EhsmState> = ({ call, parameters, requestMac }) =>
    replay.accept(call!.principal.tenant, parameters!.stamp, requestMac!)

  const requireOperation: Stage<EhsmState> = ({ operation }) => {
    if (!operation) throw new EhsmRefusal('unknown_action')
  }

  const readInput: Stage<EhsmState> = (state) => {
    state.input = readFields(state.operation!.fields, state.payload)
  }

  const handle: Stage<EhsmState> = (state) => {
    const { operation, res, input, call } = state
    const settle = operation!.longAnswer ? answers.reserve(res) : undefined
    const take = (result: Outcome): void => {
      settle?.(lengthOf(result))
      state.result = result
    }
    const outcome = operation!.handle(input, call!, services)
    if (outcome instanceof Promise) return outcome.then(take)
    take(outcome)
  }

  const signed: readonly Stage<EhsmState>[] = [
    ...enter,
    readParameters,
    identify,
    awaitTrail(trail),
    refuseReplays,
    requireOperation,
    authoriseCall,
    readInput,
    handle,
  ]

  /** GET: the two operations that need no signature; anything else counts as an empty request. */
  const admitUnsigned: Stage<EhsmState> = (state) => {
    const { operation, req, requestId } = state
    if (operation?.method !== 'GET') throw new EhsmRefusal('missing_parameters')
    const enrolling = operation.permission === 'enroll'
    const enrollToken = enrolling ? admitEnroll(req, options.enroll) : undefined
    state.call = { principal: enrolling ? ENROLLING : ANYBODY, action: operation.name, requestId, enrollToken, mac: () => '' }
  }

  const unsigned: readonly Stage<EhsmState>[] = [...enter, admitUnsigned, authoriseCall, handle]

  const answer = ({ res, requestId, operation, started }: EhsmState, envelope: Envelope): void => {
    sendEnvelope(res, envelope, requestId)
    observe(operation?.name ?? 'unknown', envelope.code, (runtime.monotonic() - started) / 1000)
  }

  const succeed = (state: EhsmState): void => {
    const outcome = state.result!
    answer(state, outcome instanceof Reply ? { code: 200, ...outcome } : { code: 200, message: SUCCESS, result: outcome })
  }

  const fail = (state: EhsmState, error: unknown): void => {
    const envelope = errorEnvelope(error, state.operation?.name)
    // Being busy is not a fault, and logging it would only add load.
    if (envelope.code === 500 && envelope.errorCode !== 'busy') {
      const { action, requestId } = state
      log.error({ err: error, detail: error instanceof ServiceError ? error.detail : undefined, action, requestId }, 'a request failed')
    }
    answer(state, envelope)
  }

  /** A signed request is recorded, whatever its outcome. */
  const recordAndSucceed = (state: EhsmState): void => {
    record(trail, state, 'ok', () => objectsOf(state))
    succeed(state)
  }

  const recordAndFail = (state: EhsmState, error: unknown): void => {
    record(trail, state, errorEnvelope(error, state.operation?.name).errorCode, () => objectsOf(state))
    fail(state, error)
  }

  /** Most requests need not wait for anything, and then nothing of theirs does. */
  const run = (
    stages: readonly Stage<EhsmState>[],
    state: EhsmState,
    succeeded: (state: EhsmState) => void,
    failed: (state: EhsmState, error: unknown) => void,
  ): void => {
    let pending: void | Promise<void>
    try {
      pending = runStages(stages, state)
    } catch (error) {
      return failed(state, error)
    }
    if (pending === undefined) return succeeded(state)
    void pending.then(
      () => succeeded(state),
      (error: unknown) => failed(state, error),
    )
  }

  return (req, res) => {
    const action = actionOf(req.url!)
    const operation = OPERATIONS_BY_ACTION.get(action)
    const state: EhsmState = {
      started: runtime.monotonic(),
      requestId: ids.next(req.headers['x-request-id']),
      listener: req.listener,
      operation,
      call: undefined,
      requestMac: undefined,
      claimed: undefined,
      result: undefined,
      req,
      res,
      action,
      body: NO_BODY,
      parameters: undefined,
      payload: NO_PAYLOAD,
      input: NO_PAYLOAD,
    }
    if (req.method === 'POST') {
      readBody(req, (outcome) => {
        if ('error' in outcome) {
          if (!outcome.keepConnection) {
            res.shouldKeepAlive = false
            res.on('finish', () => req.destroy())
          }
          fail(state, outcome.error)
        } else if (operation?.method === 'GET') {
          fail(state, new EhsmRefusal('unknown_action'))
        } else {
          state.body = outcome.bytes
          run(signed, state, recordAndSucceed, recordAndFail)
        }
      })
    } else {
      req.resume()
      if (req.method !== 'GET') return fail(state, new EhsmRefusal('unknown_action'))
      run(unsigned, state, succeed, fail)
    }
  }
}

/**
 * The objects of a request: the ids that its payload names, the name of a secret, or the id of what it created. Anything else sent in their
 * place is omitted.
 */
function objectsOf({ operation, payload, result }: EhsmState): string {
  if (operation?.makes !== undefined) {
    const made = (result as Result | undefined)?.[operation.makes]
    return typeof made === 'string' ? made : ''
  }
  if (operation?.object === undefined) return ''
  if (typeof operation.object === 'string') return objectIn(payload, operation.object)
  return operation.object.map((field) => objectIn(payload, field)).join(' ')
}

function objectIn(payload: Readonly<Record<string, unknown>>, field: string): string {
  const object = payload[field]
  if (typeof object !== 'string') return ''
  if (field === 'secretName') return object.slice(0, MAX_SECRET_NAME)
  return OBJECT_ID.test(object) ? object : ''
}

/** Characters of a long result. */
function lengthOf(result: Outcome): number {
  const content = result instanceof Reply ? result.result : result
  return content instanceof JsonResult ? content.json.length : 0
}

/** The exact targets that clients send, so that hot requests need no parsing. */
const KNOWN_TARGETS: ReadonlyMap<string, string> = new Map(
  [...OPERATIONS_BY_ACTION.keys()].flatMap((action) => [
    [`/ehsm?Action=${action}`, action],
    [`/ehsm/?Action=${action}`, action],
  ]),
)

/** The value of `Action`; '' if it is missing or given twice. */
function actionOf(url: string): string {
  const known = KNOWN_TARGETS.get(url)
  if (known !== undefined) return known
  const query = url.indexOf('?')
  const actions = query < 0 ? [] : new URLSearchParams(url.slice(query + 1)).getAll('Action')
  return actions.length === 1 ? actions[0]! : ''
}
