import { type OperationTable, chunks } from '../operation.ts'
import type { NonceOperations } from '../ports/users.ts'
import { usedNonces } from '../tables/used-nonces.ts'

export const usedNonceOperations = {
  insertUsedNonces: {
    mode: 'write',
    async run(db, { rows }) {
      const digests = rows.map(({ digest }) => digest.toHex())
      const columns = new Map(rows.map((row, i) => [digests[i]!, usedNonces.toColumns(row)]))
      // In one order for everybody, so that two servers with the same nonces cannot wait for each other.
      const ordered = [...columns.keys()].sort().flatMap((key) => columns.get(key) ?? [])
      const added = new Set<string>()
      for (const chunk of chunks(ordered)) {
        const inserted = await db
          .insertInto('used_nonces')
          .values(chunk)
          .onConflict((conflict) => conflict.column('digest').doNothing())
          .returning('digest')
          .execute()
        for (const { digest } of inserted) added.add(digest.toHex())
      }
      // Of equal nonces in one call, the first is the new one.
      return digests.map((key) => added.delete(key))
    },
  },

  purgeUsedNonces: {
    mode: 'write',
    async run(db, { now, limit }, { dialect }) {
      const { numDeletedRows } = await db
        .deleteFrom('used_nonces')
        .where('digest', 'in', ({ selectFrom }) =>
          selectFrom('used_nonces as old')
            .select('old.digest')
            .where('old.expires_at', '<=', now)
            .orderBy('old.expires_at')
            .limit(limit)
            .$if(dialect === 'postgres', (query) => query.forUpdate().skipLocked()),
        )
        .executeTakeFirstOrThrow()
      return Number(numDeletedRows)
    },
  },
} satisfies Pick<OperationTable, keyof NonceOperations>
