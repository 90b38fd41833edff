import type { Db, Dialect } from '../operation.ts'
import { up as foundation } from './0001-foundation.ts'
import { up as secrets } from './0002-secrets.ts'
import { up as authority } from './0003-authority.ts'
import { up as certificates } from './0004-certificates.ts'
import { up as policies } from './0005-policies.ts'
import { up as attestationKeys } from './0006-attestation-keys.ts'
import { up as quotes } from './0007-quotes.ts'
import { up as operators } from './0008-operators.ts'
import { up as credentialParents } from './0009-credential-parents.ts'

export interface Migration {
  version: number
  name: string
  up(db: Db, dialect: Dialect): Promise<void>
}

/** By ascending version. A migration that has been released is never changed. */
export const migrations: readonly Migration[] = [
  { version: 1, name: 'foundation', up: foundation },
  { version: 2, name: 'secrets', up: secrets },
  { version: 3, name: 'authority', up: authority },
  { version: 4, name: 'certificates', up: certificates },
  { version: 5, name: 'policies', up: policies },
  { version: 6, name: 'attestation keys', up: attestationKeys },
  { version: 7, name: 'quotes', up: quotes },
  { version: 8, name: 'operators', up: operators },
  { version: 9, name: 'credential parents', up: credentialParents },
]

/** The newest migration that this release knows. */
export const SCHEMA_VERSION = migrations.at(-1)!.version
