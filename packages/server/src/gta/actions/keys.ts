import { Type } from 'typebox'
import { GTA } from '@vouchsafe/operations'
import { operation } from '../operation.ts'

export const keyOperations = [
  operation(GTA.JsonWebKeySet, {
    result: Type.Object({ keys: Type.Array(Type.Record(Type.String(), Type.String())) }),
    handle: (_input, _call, { signingKeys }) => signingKeys.jwks(),
  }),
]
