import { sql } from 'kysely'
import { TENANT_LOCK } from '../advisory-locks.ts'
import type { Db, Dialect } from '../operation.ts'

/** Lets no other transaction that asks for this user's lock go on before this one ends: who counts a user's rows may then add one. */
export async function lockTenant(db: Db, dialect: Dialect, userId: string): Promise<void> {
  // SQLite has one writer anyway.
  if (dialect === 'postgres') await sql`select pg_advisory_xact_lock(${TENANT_LOCK}, hashtext(${userId}))`.execute(db)
}
