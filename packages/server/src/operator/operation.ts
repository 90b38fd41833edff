import { Type, type Static, type TObject, type TProperties, type TSchema } from 'typebox'
import type { Call, Right } from '../access/index.ts'
import type { Backups } from '../backup/index.ts'
import { text } from '../edge/index.ts'
import type { EnvelopeKeys } from '../envelope/index.ts'
import type { Log, Runtime } from '../foundation/index.ts'
import type { KeyLifecycle } from '../keys/index.ts'
import type { QuotePolicies, SimulatedTrust } from '../quotes/index.ts'
import type { RowResigning, SigningKeys } from '../signing-keys/index.ts'
import type { Apps, EnrollTokens, Users } from '../tenants/index.ts'
import type { ChangeLog, LogFiles, Trail, TrailKeep, TrailReport } from '../trail/index.ts'

/** What the operations of this edge have access to. */
export interface OperatorServices {
  runtime: Runtime
  log: Log
  apps: Apps
  enrollTokens: EnrollTokens
  users: Users
  keys: KeyLifecycle
  /** What the command line calls a key's spec. */
  keySpecWord: (spec: string) => string
  quotePolicies: QuotePolicies
  simulatedTrust: SimulatedTrust
  signingKeys: SigningKeys
  resigning: RowResigning
  envelopeKeys: EnvelopeKeys
  backups: Backups
  changes: ChangeLog
  logFiles: LogFiles
  trailKeep: TrailKeep
  checkTrail: () => Promise<TrailReport>
  /** Has a checkpoint cover what was recorded before. */
  settleTrail: () => Promise<void>
  /** Only a server has one; without it only changes are recorded, in their transactions. */
  trail: Trail | undefined
}

/** How a long operation reports its progress and is told to stop. */
export interface Progress {
  report(phase: string, done: number, total: number): void
  signal: AbortSignal
}

/** An operation of the edge: routes, checks, documentation and tests are derived from it. */
export interface OperatorOperation<P extends TProperties = TProperties, R extends TSchema = TSchema> {
  /** Its name in the trail. */
  name: string
  summary: string
  /** GET takes its input from the query, numbers as decimal text; POST from a JSON body. */
  method: 'GET' | 'POST'
  path: string
  right: Right
  input: TObject<P>
  result: R
  /** The field that names the object of the call, for the trail. */
  object?: keyof P & string
  handle(input: Static<TObject<P>>, call: Call, services: OperatorServices, progress: Progress): Promise<Static<R>>
}

/** Preserves the types of one operation in the table, and forbids other input fields. */
export function operation<P extends TProperties, R extends TSchema>(
  definition: Omit<OperatorOperation<P, R>, 'input'> & { input: P },
): OperatorOperation {
  return { ...definition, input: Type.Object(definition.input, { additionalProperties: false }) } as unknown as OperatorOperation
}

/** The id of an app, a key, a token … */
export const ID = Type.String({ minLength: 1, maxLength: 64, pattern: '^[a-z0-9-]*$' })

/** A time in an input or a result, milliseconds since 1970. */
export const TIME = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER, description: 'milliseconds since 1970' })

/** A field of a result that may be null. */
export function orNull<T extends TSchema>(schema: T) {
  return Type.Union([schema, Type.Null()])
}

/** A new passphrase. Its own bounds are checked where it is used. */
export const PASSPHRASE = text(1, 1_024)
