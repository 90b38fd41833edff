import { Type } from 'typebox'
import { GTA } from '@vouchsafe/operations'
import { ENROLLING } from '../../access/index.ts'
import { ServiceError, invalidParameter } from '../../foundation/index.ts'
import { operation, type GtaCall, type GtaServices } from '../operation.ts'

const ACCOUNT = Type.Object({ 'User-Id': Type.String(), 'API-Key': Type.String() })

/**
 * Without credentials: a new user, where enrolment is open, for direct requests on loopback. With an API key: a new one that replaces it
 * and works alongside the old one for an hour.
 */
async function register(call: GtaCall, { users, enroll }: GtaServices): Promise<unknown> {
  if (call.identity !== undefined) {
    const { user, apiKey } = await users.replaceApiKey(call, call.identity)
    return { 'User-Id': user, 'API-Key': apiKey }
  }
  if (call.principal.tenant !== '')
    throw invalidParameter('API-Key is missing: give User-Id and API-Key for a new key, or neither for a new user')
  if (enroll.mode === 'closed' || !call.local) throw new ServiceError('enroll_closed')
  const { user, apiKey } = await users.register({ ...call, principal: ENROLLING }, enroll.limit)
  return { 'User-Id': user, 'API-Key': apiKey }
}

export const registerOperations = [GTA.Register, GTA.RegisterByGet].map((descriptor) =>
  operation(descriptor, {
    result: ACCOUNT,
    handle: (_input, call, services) => register(call, services),
  }),
)
