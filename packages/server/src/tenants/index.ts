export { API_KEY_COLUMN, Apps, type App, type AppSettings } from './apps.ts'
export { identifyUser } from './identify-user.ts'
export { EnrollTokens } from './enroll-tokens.ts'
export { USER_COLUMN, Users, isUserId, type CredentialRequest, type Identity } from './users.ts'
