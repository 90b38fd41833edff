// Callers as domains of the server know them.
import { ENROLLING, OPERATOR, appPrincipal, userPrincipal, type Call, type Principal } from '@vouchsafe/server/testing'

/** An app as domains know it. */
export const asApp = (appId: string): Principal => appPrincipal(appId)

/** A user of the attestation authority, an owner. */
export const asUser = (userId: string): Principal => userPrincipal(userId, 'owner')

/** A call of an app. */
export const appCall = (appId: string, action = 'Test', requestId = 'request'): Call => ({ principal: asApp(appId), action, requestId })

/** A call of a user. */
export const userCall = (userId: string, action = 'Test', requestId = 'request'): Call => ({ principal: asUser(userId), action, requestId })

/** A call of an operator. */
export const operatorCall = (action = 'Test', requestId = 'request'): Call => ({ principal: OPERATOR, action, requestId })

/** A call by which a caller becomes an app or a user. */
export const enrollCall = (action = 'Enroll', requestId = 'request'): Call => ({ principal: ENROLLING, action, requestId })
