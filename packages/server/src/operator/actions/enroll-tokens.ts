import { Type } from 'typebox'
import { text } from '../../edge/index.ts'
import { invalidParameter } from '../../foundation/index.ts'
import { ID, TIME, operation, orNull } from '../operation.ts'

const MAX_LABEL = 1_024
const DAY_MS = 24 * 60 * 60 * 1000
const MIN_LIFE_MS = 1_000
const MAX_LIFE_MS = 366 * DAY_MS

export const enrollTokenOperations = [
  operation({
    name: 'CreateEnrollToken',
    summary: 'Creates a token that enrols one app within `lifeMs` (default a day); it is shown only once.',
    method: 'POST',
    path: '/v1/enroll-tokens/create',
    right: 'server:manage',
    input: {
      label: Type.Optional(text(0, MAX_LABEL)),
      lifeMs: Type.Optional(Type.Integer({ minimum: MIN_LIFE_MS, maximum: MAX_LIFE_MS })),
    },
    result: Type.Object({ id: Type.String(), token: Type.String(), expiresAt: TIME }),
    handle: ({ label = '', lifeMs = DAY_MS }, call, { enrollTokens }) => enrollTokens.create(call, { label, lifeMs }),
  }),
  operation({
    name: 'ListEnrollTokens',
    summary: 'Lists the enrolment tokens, used and expired ones included, newest first, without the tokens themselves.',
    method: 'GET',
    path: '/v1/enroll-tokens',
    right: 'server:read',
    input: {},
    result: Type.Object({
      tokens: Type.Array(
        Type.Object({
          id: Type.String(),
          label: Type.String(),
          createdAt: TIME,
          expiresAt: TIME,
          usedAt: orNull(TIME),
          appid: orNull(Type.String()),
        }),
      ),
    }),
    async handle(_input, _call, { enrollTokens }) {
      const pages = await Array.fromAsync(enrollTokens.list())
      return { tokens: pages.flat().map(({ appId, ...token }) => ({ ...token, appid: appId })) }
    },
  }),
  operation({
    name: 'RevokeEnrollToken',
    summary: 'Revokes an enrolment token that has not been used.',
    method: 'POST',
    path: '/v1/enroll-tokens/revoke',
    right: 'server:manage',
    object: 'id',
    input: { id: ID },
    result: Type.Object({ id: Type.String() }),
    async handle({ id }, call, { enrollTokens }) {
      if (!(await enrollTokens.revoke(call, id))) throw invalidParameter(`there is no enrolment token ${id} that could still be used`)
      return { id }
    },
  }),
]
