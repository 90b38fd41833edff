import { sql } from 'kysely'
import { TENANT_LOCK } from '../advisory-locks.ts'
import type { Db, Dialect } from '../operation.ts'

/**
 * Makes other transactions that ask for this user's lock wait until this one ends: a transaction can then count a user's rows and add one.
 */
export async function lockTenant(db: Db, dialect: Dialect, userId: string): Promise<void> {
  // SQLite has one writer anyway.
  if (dialect === 'postgres') await sql`select pg_advisory_xact_lock(${TENANT_LOCK}, hashtext(${userId}))`.execute(db)
}
