import { sql } from 'kysely'
import type { Db, Dialect } from '../operation.ts'
import { guardDomainVersion } from './domain-guard.ts'

const TYPES = {
  sqlite: { text: 'text', integer: 'integer', flag: 'integer', blob: 'blob', options: ' strict' },
  postgres: { text: 'text collate "C"', integer: 'bigint', flag: 'smallint', blob: 'bytea', options: '' },
}

/** Schema version 12: marks that a TPM's counter authenticates; manifests, which the next start makes; trails whose beginning was removed. */
export async function addMarksManifestsAndBeginnings(db: Db, dialect: Dialect): Promise<void> {
  const { text, integer, flag, blob, options } = TYPES[dialect]
  const mac = `mac ${blob} not null, mac_version ${integer} not null, revision ${integer} not null`
  const tables = {
    manifests: `tenant ${text} not null, digest ${text} not null, ${mac}, primary key (tenant)`,
    trail_beginnings: `epoch ${integer} not null, first ${integer} not null, first_at ${integer} not null, ${mac}, primary key (epoch)`,
    marks: `id ${text} not null, counter ${integer} not null, contents ${text}, written_at ${integer} not null, ${mac}, primary key (id)`,
  }
  for (const [name, columns] of Object.entries(tables)) {
    await sql.raw(`create table ${name} (${columns})${options}`).execute(db)
    await guardDomainVersion(db, dialect, name, 'mac', 'mac_version')
  }
  await sql.raw(`alter table trail_rows add column restated ${flag} not null default 0`).execute(db)
}
