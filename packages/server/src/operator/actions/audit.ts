import { Type } from 'typebox'
import { text } from '../../edge/index.ts'
import { TIME, operation, orNull } from '../operation.ts'

const MAX_TEXT = 1_024
const MAX_ROWS = 10_000
/** Where what is kept of the trail begins. */
export const KEPT_FROM = Type.Object({ epoch: Type.Integer(), first: Type.Integer({ description: 'the first entry' }), firstAt: TIME })
const WHOLE_TEXT = Type.Optional(text(1, MAX_TEXT))

export const auditOperations = [
  operation({
    name: 'QueryAudit',
    summary: 'Lists the changes that match, newest first, at most `limit` (default 100). Calls are in the audit files.',
    method: 'GET',
    path: '/v1/audit',
    right: 'server:read',
    input: {
      actor: WHOLE_TEXT,
      action: WHOLE_TEXT,
      object: WHOLE_TEXT,
      result: WHOLE_TEXT,
      requestId: WHOLE_TEXT,
      since: Type.Optional(TIME),
      until: Type.Optional(TIME),
      limit: Type.Optional(Type.Integer({ minimum: 1, maximum: MAX_ROWS })),
    },
    result: Type.Object({
      rows: Type.Array(
        Type.Object({
          epoch: Type.Integer(),
          position: Type.Integer({ description: "its index in the epoch's log" }),
          at: TIME,
          actor: Type.String(),
          action: Type.String(),
          object: Type.String(),
          result: Type.String(),
          requestId: Type.String(),
          detail: orNull(Type.String({ description: 'JSON' })),
        }),
      ),
      keptFrom: orNull(KEPT_FROM),
    }),
    async handle({ limit = 100, ...filter }, _call, { changes, trail }) {
      // A caller that asks for the changes usually reads the audit files next: entries still in memory are written first.
      await trail?.flush()
      return { rows: await changes.query(filter, limit), keptFrom: await changes.keptFrom() }
    },
  }),
]
