import type { Call, Right } from '../access/index.ts'
import type { Cryptography, KeyImport, KeyLifecycle } from '../keys/index.ts'
import type { Runtime } from '../foundation/index.ts'
import type { QuotePolicies, Quotes } from '../quotes/index.ts'
import type { Secrets } from '../secrets/index.ts'
import type { Apps } from '../tenants/index.ts'
import type { Fields, JsonSchema, ValuesOf } from './fields.ts'

/** What the operations of this edge work with. */
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

/** A result with a message of success other than the usual one. */
export class Reply {
  readonly message: string
  readonly result: Result | JsonResult

  constructor(message: string, result: Result | JsonResult = {}) {
    this.message = message
    this.result = result
  }
}

/** What a handler gives. */
export type Outcome = Result | JsonResult | Reply

/** An operation of the edge: routes, checks, documentation and tests are derived from it. */
export interface Operation<F extends Fields = Fields> {
  /** The value of `Action`, and its other spellings. */
  name: string
  aliases?: readonly string[]
  summary: string
  method: 'GET' | 'POST'
  /** `app`: a signed request of an enrolled app. `public`: anybody; `enrolment`: decided by listener and settings. */
  permission: 'app' | 'public' | 'enrolment'
  /** What the caller needs; null for what anybody may do, and for enrolment. */
  right: Right | null
  /** Its name in the trail, where that isn't its own. */
  record?: string
  /** Whether a request without payload is refused before its signature is looked at (contract §2, step 3). */
  payloadRequired: boolean
  /** Its answer may be megabytes, which must fit into what all such answers may take. */
  longAnswer?: true
  fields: F
  result: JsonSchema
  /** The field of the result that names what was made, in the trail. */
  makes?: string
  /** The field or fields that name the objects in the trail. */
  object?: (keyof F & string) | readonly (keyof F & string)[]
  /** On top of the fields: notes for the reader of the documentation. */
  notes?: string
  handle(input: ValuesOf<F>, call: EhsmCall, services: EhsmServices): Outcome | Promise<Outcome>
}

/** A result that is JSON already: long ones are made piece by piece, so that no other request waits for one long piece of work. */
export class JsonResult {
  readonly json: string

  constructor(json: string) {
    this.json = json
  }
}

/** Keeps the field types of one operation while it is put into the table. */
export function operation<F extends Fields>(definition: Operation<F>): Operation {
  return definition as unknown as Operation
}

/** A JSON Schema of a result's fields: those that are always there, and those that may be. */
export function resultSchema(properties: Record<string, JsonSchema> = {}, optional: Record<string, JsonSchema> = {}): JsonSchema {
  const names = Object.keys(properties)
  return { type: 'object', properties: { ...properties, ...optional }, ...(names.length > 0 ? { required: names } : {}) }
}

export const STRING: JsonSchema = { type: 'string' }
export const BASE64: JsonSchema = { type: 'string', contentEncoding: 'base64' }
export const INTEGER: JsonSchema = { type: 'integer' }
export const BOOLEAN: JsonSchema = { type: 'boolean' }
