import { Type } from 'typebox'
import { invalidParameter } from '../../foundation/index.ts'
import { operation } from '../operation.ts'

const JSON_OBJECT = Type.Record(Type.String(), Type.Unknown())

export const tokenOperations = [
  operation({
    name: 'VerifyToken',
    summary: 'Verifies a token and parses it.',
    notes:
      'Open to anyone. With a `User-Id` or `API-Key` the token must belong to that user. A token that fails also returns 200: `message` and `checks` say which check failed.',
    method: 'POST',
    paths: ['token/verify'],
    permission: 'public',
    rate: 'attestation',
    logged: true,
    body: Type.Object({ token: Type.String({ maxLength: 1_000_000 }) }),
    result: Type.Object({
      verification_pass: Type.Boolean(),
      token_body: Type.Union([JSON_OBJECT, Type.Null()]),
      token_header: Type.Union([JSON_OBJECT, Type.Null()]),
      message: Type.Optional(Type.String()),
      checks: Type.Array(
        Type.Object({
          name: Type.String(),
          passed: Type.Boolean(),
          expected: Type.Optional(Type.String()),
          found: Type.Optional(Type.String()),
          note: Type.Optional(Type.String()),
        }),
      ),
    }),
    async handle({ body }, call, { tokens }) {
      if (body.token === '') throw invalidParameter('Token is empty')
      const {
        passed,
        header,
        body: claims,
        checks,
      } = await tokens.verify(body.token, call.principal.tenant === '' ? undefined : call.principal.tenant)
      const failed = checks.find((check) => !check.passed)
      const reason = failed && `Token verification failed: ${failed.name}${failed.note === undefined ? '' : `: ${failed.note}`}`
      return {
        verification_pass: passed,
        token_body: claims,
        token_header: header,
        ...(reason === undefined ? {} : { message: reason }),
        checks,
      }
    },
  }),
]
