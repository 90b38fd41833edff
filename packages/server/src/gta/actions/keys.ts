import { Type } from 'typebox'
import { operation } from '../operation.ts'

export const keyOperations = [
  operation({
    name: 'JsonWebKeySet',
    summary: 'Returns the public keys that verify tokens (RFC 7517), newest first.',
    method: 'GET',
    paths: ['/.well-known/jwks.json'],
    absolute: true,
    permission: 'public',
    rate: 'attestation',
    result: Type.Object({ keys: Type.Array(Type.Record(Type.String(), Type.String())) }),
    handle: (_input, _call, { signingKeys }) => signingKeys.jwks(),
  }),
]
