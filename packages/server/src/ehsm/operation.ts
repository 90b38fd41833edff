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
  enrolment: { limit: number; acceptUpperCase: boolean }
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

/** An operation of the edge: routes, checks, documentation and tests are derived from it. */
export interface Operation<F extends Fields = Fields> {
  /** The value of `Action`, and its other spellings. */
  name: string
  aliases?: readonly string[]
  summary: string
  method: 'GET' | 'POST'
  /** `app`: a signed request of an enrolled app. `public`: anyone; `enrolment`: decided by listener and settings. */
  permission: 'app' | 'public' | 'enrolment'
  /** The right that the caller needs; null for public operations and for enrolment. */
  right: Right | null
  /** Its name in the trail, if that differs. */
  record?: string
  /** Whether a request without payload is refused before its signature is checked (contract §2, step 3). */
  payloadRequired: boolean
  /** Its response may be megabytes, which must fit into the budget of all such responses. */
  longAnswer?: true
  fields: F
  result: JsonSchema
  /** The field of the result that names the created object in the trail. */
  makes?: string
  /** The field or fields that name the objects in the trail. */
  object?: (keyof F & string) | readonly (keyof F & string)[]
  /** In addition to the fields: notes for readers of the documentation. */
  notes?: string
  handle(input: ValuesOf<F>, call: EhsmCall, services: EhsmServices): Outcome | Promise<Outcome>
}

/** A result that is already JSON: long ones are built piece by piece, so that other requests are not held up. */
export class JsonResult {
  readonly json: string

  constructor(json: string) {
    this.json = json
  }
}

/** Preserves the field types of one operation in the table. */
export function operation<F extends Fields>(definition: Operation<F>): Operation {
  return definition as unknown as Operation
}

/** A JSON Schema of a result's fields: those always present, and the optional ones. */
export function resultSchema(properties: Record<string, JsonSchema> = {}, optional: Record<string, JsonSchema> = {}): JsonSchema {
  const names = Object.keys(properties)
  return { type: 'object', properties: { ...properties, ...optional }, ...(names.length > 0 ? { required: names } : {}) }
}

export const STRING: JsonSchema = { type: 'string' }
export const BASE64: JsonSchema = { type: 'string', contentEncoding: 'base64' }
export const INTEGER: JsonSchema = { type: 'integer' }
export const BOOLEAN: JsonSchema = { type: 'boolean' }
