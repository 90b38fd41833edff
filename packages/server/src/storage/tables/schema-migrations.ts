import { integer, text } from '../column.ts'
import { table } from '../table.ts'

/** The state of the store's format: what made it, and the migrations since. */
export const schemaMigrations = table(
  'schema_migrations',
  { version: integer(), name: text() },
  {
    primaryKey: ['version'],
    authenticated: { by: 'nothing', because: 'it says how to read the store, not what may be done' },
    backup: { held: false, because: "the store's own" },
  },
)
