import { sql } from 'kysely'
import type { Db, Dialect } from '../operation.ts'

/**
 * Makes the database refuse a blob, or a MAC, under a domain key that was retired. What a rotation re-wraps can then be known to be all there
 * is: a transaction that sealed under the old key and commits late fails, and nothing is stored that can't be opened. Before the first domain
 * key, and for a version that was never there, it refuses nothing: that is not its business.
 */
export async function guardDomainVersion(
  db: Db,
  dialect: Dialect,
  table: string,
  /** The blob, or the MAC. */
  column: string,
  /** The version of its domain key. */
  versionColumn: 'domain_version' | 'mac_version',
): Promise<void> {
  const trigger = `${table}_${versionColumn}`
  if (dialect === 'sqlite') {
    const retired = `new.${column} is not null and new.${versionColumn} < (select min(version) from domain_keys)`
    const refuse = `begin select raise(abort, 'the domain key was retired'); end`
    await sql.raw(`create trigger ${trigger}_insert before insert on ${table} when ${retired} ${refuse}`).execute(db)
    await sql
      .raw(`create trigger ${trigger}_update before update of ${column}, ${versionColumn} on ${table} when ${retired} ${refuse}`)
      .execute(db)
    return
  }
  const guard = `vouchsafe_guard_${versionColumn}`
  // The row lock makes a retirement wait for this transaction, and this one for a retirement under way.
  await sql
    .raw(
      `create or replace function ${guard}() returns trigger language plpgsql as $$
      begin
        perform 1 from domain_keys where version = new.${versionColumn} for key share;
        if not found and new.${versionColumn} < (select min(version) from domain_keys) then
          raise exception 'the domain key was retired';
        end if;
        return new;
      end $$`,
    )
    .execute(db)
  await sql
    .raw(
      `create trigger ${trigger}_guard before insert or update of ${column}, ${versionColumn} on ${table}
      for each row when (new.${column} is not null) execute function ${guard}()`,
    )
    .execute(db)
}
