import { sql } from 'kysely'
import type { Db, Dialect } from '../operation.ts'

/**
 * Makes the database refuse a blob under a domain key that was retired. What a rotation re-wraps can then be known to be all there is: who
 * sealed under the old key and commits late fails, and nothing is stored that can't be opened. Before the first domain key, and for a version
 * that was never there, it refuses nothing: that is not its business.
 */
export async function guardDomainVersion(db: Db, dialect: Dialect, table: string, blobColumn: string): Promise<void> {
  if (dialect === 'sqlite') {
    const retired = `new.${blobColumn} is not null and new.domain_version < (select min(version) from domain_keys)`
    const refuse = `begin select raise(abort, 'the domain key was retired'); end`
    await sql.raw(`create trigger ${table}_domain_insert before insert on ${table} when ${retired} ${refuse}`).execute(db)
    await sql
      .raw(`create trigger ${table}_domain_update before update of ${blobColumn}, domain_version on ${table} when ${retired} ${refuse}`)
      .execute(db)
    return
  }
  // The row lock makes a retirement wait for this transaction, and this one for a retirement under way.
  await sql
    .raw(
      `create or replace function vouchsafe_guard_domain_version() returns trigger language plpgsql as $$
      begin
        perform 1 from domain_keys where version = new.domain_version for key share;
        if not found and new.domain_version < (select min(version) from domain_keys) then
          raise exception 'the domain key was retired';
        end if;
        return new;
      end $$`,
    )
    .execute(db)
  await sql
    .raw(
      `create trigger ${table}_domain_guard before insert or update of ${blobColumn}, domain_version on ${table}
      for each row when (new.${blobColumn} is not null) execute function vouchsafe_guard_domain_version()`,
    )
    .execute(db)
}
