import type { Db, Dialect } from '../operation.ts'
import { up as foundation } from './0001-foundation.ts'
import { up as secrets } from './0002-secrets.ts'
import { up as quotes } from './0004-quotes.ts'

export interface Migration {
  version: number
  name: string
  up(db: Db, dialect: Dialect): Promise<void>
}

/** By ascending version. A migration that has been released is never changed. */
export const migrations: readonly Migration[] = [
  { version: 1, name: 'foundation', up: foundation },
  { version: 2, name: 'secrets', up: secrets },
  { version: 4, name: 'quotes', up: quotes },
]
