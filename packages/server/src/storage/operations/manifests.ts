// Manifests: what a tenant's deciding rows are, changed with them.
import { sql } from 'kysely'
import { changeRow, findRow, holdRow, insertRow, replaceRow, rowId } from '../authenticated-rows.ts'
import { StorageError } from '../error.ts'
import { type ManifestMember, manifestDigest, membersBefore, type MemberChange } from '../manifest-digest.ts'
import type { Db, OperationContext, OperationTable } from '../operation.ts'
import type { ManifestOperations, ManifestState } from '../ports/manifests.ts'
import { digestOf, type StoredRow } from '../row-authenticator.ts'
import { type AnyMacTable, snakeCase } from '../table.ts'
import { MAC_TABLES } from '../tables/index.ts'
import { manifests } from '../tables/manifests.ts'

/** The tables whose rows are members. */
const MEMBER_TABLES: readonly (AnyMacTable & { manifest: string })[] = [...MAC_TABLES.values()].flatMap((table) =>
  table.manifest === undefined ? [] : [{ ...table, manifest: table.manifest }],
)

/** Takes the changes that a transaction made into the manifests of their tenants. A tenant's changes wait for each other here. */
export async function updateManifests(db: Db, context: OperationContext): Promise<void> {
  if (context.memberChanges.length === 0) return
  const byTenant = Map.groupBy(context.memberChanges, ({ tenant }) => tenant)
  // In one order everywhere, so that no two transactions wait for each other.
  for (const tenant of [...byTenant.keys()].sort()) await update(db, context, tenant, byTenant.get(tenant)!)
}

async function update(db: Db, context: OperationContext, tenant: string, changes: readonly MemberChange[]): Promise<void> {
  let held = await holdManifest(db, context, tenant)
  if (held === undefined) {
    const members = await membersOf(db, tenant)
    requireSame(tenant, manifestDigest([]), membersBefore(members, changes))
    if (await insertRow(db, context, manifests, { tenant, digest: manifestDigest(members) }, ['tenant'])) return
    // Another transaction has made it meanwhile.
    held = (await holdManifest(db, context, tenant))!
  }
  // Read under the row's lock: what others changed is committed.
  const members = await membersOf(db, tenant)
  // Otherwise a change of one row would make others valid that someone put back.
  requireSame(tenant, held.row.digest, membersBefore(members, changes))
  await changeRow(db, context, manifests, held, { digest: manifestDigest(members) })
}

function requireSame(tenant: string, digest: string, members: readonly ManifestMember[]): void {
  if (manifestDigest(members) !== digest) throw StorageError.altered({ table: 'manifests', id: tenant })
}

function manifestQuery(db: Db, { dialect }: OperationContext, tenant: string) {
  return db
    .selectFrom('manifests')
    .selectAll()
    .where('tenant', '=', tenant)
    .$if(dialect === 'postgres', (query) => query.forUpdate())
}

function holdManifest(db: Db, context: OperationContext, tenant: string) {
  return holdRow(context, manifests, manifestQuery(db, context, tenant))
}

async function membersOf(db: Db, tenant: string): Promise<ManifestMember[]> {
  const members: ManifestMember[] = []
  for (const table of MEMBER_TABLES) {
    const { rows } = await sql<StoredRow>`
      select * from ${sql.table(table.name)} where ${sql.ref(snakeCase(table.manifest))} = ${tenant}`.execute(db)
    for (const row of rows)
      members.push({ table: table.name, id: rowId(table, row), revision: row['revision'] as number, digest: digestOf(table, row) })
  }
  return members
}

async function stateOf(db: Db, context: OperationContext, tenant: string): Promise<ManifestState> {
  const stored = await db.selectFrom('manifests').selectAll().where('tenant', '=', tenant).executeTakeFirst()
  const digest = manifestDigest(await membersOf(db, tenant))
  if (stored === undefined) return { revision: 0, state: digest === manifestDigest([]) ? 'whole' : 'absent' }
  const { revision } = stored
  try {
    const row = await findRow(context, manifests, { execute: async () => [stored] })
    return { revision, state: row!.digest === digest ? 'whole' : 'altered' }
  } catch (error) {
    if (error instanceof StorageError && error.code === 'altered') return { revision, state: 'altered' }
    throw error
  }
}

export const manifestOperations = {
  readManifest: {
    // A transaction, so that the manifest and the rows are of one moment.
    mode: 'write',
    async run(db, { tenant }, context) {
      if (context.dialect === 'postgres') await sql`set transaction isolation level repeatable read`.execute(db)
      return stateOf(db, context, tenant)
    },
  },

  manifestTotal: {
    mode: 'scan',
    async run(db) {
      const { total } = await db
        .selectFrom('manifests')
        .select(({ fn }) => fn.sum<number | null>('revision').as('total'))
        .executeTakeFirstOrThrow()
      return Number(total ?? 0)
    },
  },

  makeManifests: {
    mode: 'write',
    async run(db, { which }, context) {
      const tenants = new Set<string>()
      for (const table of MEMBER_TABLES) {
        const column = sql.ref(snakeCase(table.manifest))
        const { rows } = await sql<{ tenant: string }>`select distinct ${column} as tenant from ${sql.table(table.name)}`.execute(db)
        for (const { tenant } of rows) tenants.add(tenant)
      }
      if (which === 'broken') for (const { tenant } of await db.selectFrom('manifests').select('tenant').execute()) tenants.add(tenant)
      const made: string[] = []
      for (const tenant of [...tenants].sort()) {
        const { state } = await stateOf(db, context, tenant)
        if (state === 'whole' || (which === 'missing' && state === 'altered')) continue
        const row = { tenant, digest: manifestDigest(await membersOf(db, tenant)) }
        if (!(await replaceRow(db, context, manifests, manifestQuery(db, context, tenant), row)))
          await insertRow(db, context, manifests, row)
        made.push(tenant)
      }
      return made
    },
  },
} satisfies Pick<OperationTable, keyof ManifestOperations>
