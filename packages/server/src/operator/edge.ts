/**
 * The operators' edge: every operation of the table, called through the operator socket of a running server, or in the operator's own process
 * when no server runs.
 *
 * Order of a call: the caller's identity, room to record the call, the caller's right; only then is the input read and checked.
 */
import { OPERATOR, type Principal } from '../access/index.ts'
import { authoriseCall, awaitTrail, record, runStages, type ListenerFacts, type RequestState, type Stage } from '../edge/index.ts'
import { ServiceError, type ErrorCode } from '../foundation/index.ts'
import { SealError } from '../root-key/index.ts'
import { inputOfBody, inputOfQuery } from './input.ts'
import type { OperatorOperation, OperatorServices, Progress } from './operation.ts'
import { OPERATIONS } from './operations.ts'

export interface OperatorRequest {
  method: string
  /** Including its query. */
  path: string
  /** Parsed JSON, or a promise of it. */
  body: unknown
}

export interface OperatorResponse {
  status: number
  /** JSON, or a ByteStream. */
  body: unknown
}

interface OperatorState extends RequestState {
  readonly operation: OperatorOperation | undefined
  input: Readonly<Record<string, unknown>> | undefined
}

interface Refusal {
  status: number
  message: string
  /** For the trail. */
  code: string
}

/** A socket that only the server's own user can open. */
const LISTENER: ListenerFacts = { loopback: true, surfaces: new Set() }

const BY_ROUTE: ReadonlyMap<string, OperatorOperation> = new Map(OPERATIONS.map((each) => [`${each.method} ${each.path}`, each]))

const NO_PROGRESS: Progress = { report() {}, signal: new AbortController().signal }

/** Codes with a status other than 400, or 500 for our own faults. */
const STATUS: Partial<Record<ErrorCode, number>> = { operation_not_found: 404, denied: 403, busy: 503 }

/**
 * Answers one request; never throws.
 * @param peer the other end: an operator, since no one else can open the socket, or the store itself
 */
export async function handleOperatorRequest(
  { method, path, body }: OperatorRequest,
  services: OperatorServices,
  progress: Progress = NO_PROGRESS,
  peer: Principal = OPERATOR,
): Promise<OperatorResponse> {
  const { runtime, trail, log } = services
  const url = URL.parse(path, 'http://operator')
  const route = `${method} ${url?.pathname ?? path}`
  const state: OperatorState = {
    started: runtime.monotonic(),
    requestId: runtime.uuid(),
    listener: LISTENER,
    operation: BY_ROUTE.get(route),
    call: undefined,
    claimed: undefined,
    result: undefined,
    input: undefined,
  }

  const identify: Stage<OperatorState> = (at) => {
    at.call = { principal: peer, action: at.operation?.name ?? 'unknown', requestId: at.requestId }
  }

  const requireOperation: Stage<OperatorState> = ({ operation }) => {
    if (!operation) throw new ServiceError('operation_not_found', { message: `no such operation: ${route}` })
  }

  const readInput: Stage<OperatorState> = async (at) => {
    const operation = at.operation!
    const input = operation.method === 'GET' ? inputOfQuery(url!.searchParams, operation) : inputOfBody(await body, operation)
    at.input = input as OperatorState['input']
  }

  const handle: Stage<OperatorState> = async (at) => {
    at.result = await at.operation!.handle(at.input as never, at.call!, services, progress)
  }

  const stages = [identify, ...(trail ? [awaitTrail(trail.notes)] : []), requireOperation, authoriseCall, readInput, handle]
  const finish = (outcome: string): void => {
    if (trail) record(trail.notes, state, outcome, () => objectOf(state))
  }
  try {
    await runStages(stages, state)
    finish('ok')
    return { status: 200, body: state.result }
  } catch (error) {
    const { status, message, code } = refusalOf(error, progress.signal)
    if (status >= 500) {
      const detail = error instanceof ServiceError ? error.detail : undefined
      log.error({ err: error, detail, requestId: state.requestId }, 'an operator request failed')
    }
    finish(code)
    return { status, body: { error: message } }
  }
}

function refusalOf(error: unknown, signal: AbortSignal): Refusal {
  if (error instanceof SealError) return { status: 400, message: error.message, code: 'seal' }
  if (error instanceof ServiceError) {
    const status = STATUS[error.code] ?? (error.serverFault ? 500 : 400)
    if (status !== 500) return { status, message: error.message, code: error.code }
  }
  if (signal.aborted) return { status: 499, message: 'interrupted', code: 'interrupted' }
  return { status: 500, message: 'internal error; the server log says more', code: error instanceof ServiceError ? error.code : 'internal' }
}

/** The object of the call; only for an accepted input. */
function objectOf({ operation, input }: OperatorState): string {
  const object = operation?.object === undefined ? undefined : input?.[operation.object]
  return object === undefined ? '' : String(object)
}
