import type { EhsmDescriptor } from '@vouchsafe/operations'
import type { Call, Right } from '../access/index.ts'
import type { Cryptography, KeyImport, KeyLifecycle } from '../keys/index.ts'
import type { Runtime } from '../foundation/index.ts'
import type { QuotePolicies, Quotes } from '../quotes/index.ts'
import type { Secrets } from '../secrets/index.ts'
import type { Apps } from '../tenants/index.ts'
import type { Fields, JsonSchema, ValuesOf } from './fields.ts'

/** What the operations of this edge have access to. */
export interface EhsmServices {
  keys: KeyLifecycle
  cryptography: Cryptography
  keyImport: KeyImport
  apps: Apps
  runtime: Runtime
  version: { version: string; git_sha: string; quoteProvider: string }
  secrets: Secrets
  quotes: Quotes
  quotePolicies: QuotePolicies
  enroll: { limit: number; acceptUpperCase: boolean }
}

/** One admitted call of this edge. */
export interface EhsmCall extends Call {
  /** The token that an enrolment came with. */
  enrollToken?: string | undefined
  /** base64 of HMAC-SHA256 under the API key that signed the call. */
  mac(data: string): string
}

export type Result = Readonly<Record<string, unknown>>

/** A result with a success message other than the usual one. */
export class Reply {
  readonly message: string
  readonly result: Result | JsonResult

  constructor(message: string, result: Result | JsonResult = {}) {
    this.message = message
    this.result = result
  }
}

/** What a handler returns. */
export type Outcome = Result | JsonResult | Reply

/** An operation of the edge: what everybody knows of it, and how the server does it. Routes, checks, documentation and tests derive from it. */
export interface EhsmOperation<F extends Fields = Fields> extends EhsmDescriptor {
  right: Right | null
  fields: F
  result: JsonSchema
  handle(input: ValuesOf<F>, call: EhsmCall, services: EhsmServices): Outcome | Promise<Outcome>
}

/** A result that is already JSON: long ones are built piece by piece, so that other requests are not held up. */
export class JsonResult {
  readonly json: string

  constructor(json: string) {
    this.json = json
  }
}

/** Puts one operation into the table; its right must be one of the server's, and its objects fields that it takes. */
export function operation<F extends Fields>(
  descriptor: EhsmDescriptor & Pick<EhsmOperation, 'right'> & { readonly object?: NoInfer<FieldName<F> | readonly FieldName<F>[]> },
  definition: Pick<EhsmOperation<F>, 'fields' | 'result' | 'handle'>,
): EhsmOperation {
  return { ...descriptor, ...definition } as unknown as EhsmOperation
}

type FieldName<F extends Fields> = keyof F & string

/** A JSON Schema of a result's fields: those that are always there, and those that may be. */
export function resultSchema(properties: Record<string, JsonSchema> = {}, optional: Record<string, JsonSchema> = {}): JsonSchema {
  const names = Object.keys(properties)
  return { type: 'object', properties: { ...properties, ...optional }, ...(names.length > 0 ? { required: names } : {}) }
}

export const STRING: JsonSchema = { type: 'string' }
export const BASE64: JsonSchema = { type: 'string', contentEncoding: 'base64' }
export const INTEGER: JsonSchema = { type: 'integer' }
export const BOOLEAN: JsonSchema = { type: 'boolean' }
