import type { Db, Dialect } from '../operation.ts'
import { up as foundation } from './0001-foundation.ts'
import { up as secrets } from './0002-secrets.ts'
import { up as operators } from './0007-operators.ts'

export interface Migration {
  version: number
  name: string
  up(db: Db, dialect: Dialect): Promise<void>
}

/** By ascending version, without gaps. A migration that has been released is never changed. */
export const migrations: readonly Migration[] = [
  { version: 1, name: 'foundation', up: foundation },
  { version: 2, name: 'secrets', up: secrets },
  { version: 7, name: 'operators', up: operators },
]

/** The newest migration that this release knows. */
export const SCHEMA_VERSION = migrations.at(-1)!.version
