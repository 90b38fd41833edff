// Random changes of single rows of the tables that hold the trail: each is noticed, or declared harmless by name.
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { eachDatabase } from '@vouchsafe/testkit/databases'
import { StorageError } from '../../src/storage/index.ts'
import { type AnyTable, snakeCase } from '../../src/storage/table.ts'
import { TABLES } from '../../src/storage/tables/index.ts'
import { LogKey } from '../../src/signing-keys/log-key.ts'
import { Sequencer } from '../../src/trail/sequencer.ts'
import { checkTrail } from '../../src/trail/trail-check.ts'
import { openDomain } from '../support/domain.ts'
import { auditRow } from '../support/rows.ts'
import { fill, intruder, other, type Row } from '../support/filled-store.ts'

const MUTATIONS = process.env['VOUCHSAFE_TEST_FULL'] ? 500 : 20
const SEED = Number(process.env['VOUCHSAFE_TEST_SEED'] ?? 20_260_729)

/** Columns of the trail's tables in which a change is harmless, and why. */
const HARMLESS: Record<string, string> = {
  'trail_entries.mac': 'authenticates an entry only until the tree holds it',
  'trail_entries.mac_version': 'likewise',
  'trail_heads.checkpoint_size': 'what the checkpoint says is signed; a wrong number has it signed again, or later',
  'trail_writers.id': 'as a row that is gone',
  'trail_writers.epoch': 'decides only where a gap begins, which verification compares with the entries',
  'trail_writers.started_at': 'decides only when a gap is recorded',
  'trail_writers.next': 'each writer compares it with the numbers that it remembers, and verification the numbers of all',
  'trail_writers.ended': 'a writer that was said to have ended goes on under another name',
  'trail_writers.row': 'a writer that is gone begins with number 0 again, which it does not take',
}

eachDatabase('no random change of the tables that hold the trail goes unnoticed, but of columns that are harmless', async (store, t) => {
  await using domain = await openDomain({ storage: await store.open(), dataDir: store.location.dataDir })
  const { storage } = domain
  await fill(domain)
  const logKey = await LogKey.open(domain, await storage.instanceId({ candidate: 'store', at: 1 }))
  await storage.beginTrailWriter({ audit: auditRow({ action: 'StartServer' }), calls: 'a server/calls' })
  for (let seq = 0; seq < 230; seq++)
    await storage.appendTrailBatch({ writer: 'a server/calls', seq, at: seq, root: Buffer.alloc(32, seq).toString('base64'), count: 1 })
  await storage.closeGoneWriters({ before: 10_000_000_000_000, at: 10 })
  await using sequencer = new Sequencer({ ...domain, signer: logKey, published: async () => undefined }, 60_000)
  sequencer.start()
  await sequencer.settle()
  const { epoch, checkpoint } = (await storage.trailHead({ epoch: null }))!
  await storage.keepCosigned({ epoch, note: checkpoint! })
  const check = async () => {
    const { faults, more } = await checkTrail(storage, logKey)
    return faults.length + more
  }
  /** Whether the trail's growth, or the comparison, finds something wrong. */
  const isNoticed = async () => {
    try {
      await storage.growTrail({ limit: 1 })
      return (await check()) > 0
    } catch (error) {
      if (error instanceof StorageError || error instanceof RangeError) return true
      throw error
    }
  }
  assert.equal(await check(), 0)
  await using database = await intruder(store)
  const { query } = database
  const names = ['trail_entries', 'trail_heads', 'trail_rows', 'trail_tiles', 'trail_writers']
  const tables = (TABLES as readonly AnyTable[]).filter(({ name }) => names.includes(name))
  assert.deepEqual(
    (TABLES as readonly AnyTable[])
      .filter(({ name, authenticated }) => name.startsWith('trail_') && authenticated.by !== 'mac')
      .map(({ name }) => name),
    tables.map(({ name }) => name),
  )
  const rows = new Map<string, Row[]>()
  for (const { name } of tables) rows.set(name, await query(`select * from ${name}`))
  const insert = (name: string, row: Row) => {
    const values = Object.keys(row).map((_, i) => `$${i + 1}`)
    return query(`insert into ${name} (${Object.keys(row).join(', ')}) values (${values.join(', ')})`, Object.values(row))
  }
  const counts = { noticed: 0, harmless: 0, impossible: 0 }
  const random = fc.sample(fc.tuple(fc.nat(), fc.nat(), fc.nat(), fc.nat()), { numRuns: 4 * MUTATIONS, seed: SEED })
  for (const [a, b, c, choice] of random) {
    if (counts.noticed + counts.harmless === MUTATIONS) break
    const table = tables[a % tables.length]!
    const all = rows.get(table.name)!
    const row = all[b % all.length]!
    const properties = Object.keys(table.stored)
    // Every so often the row is removed instead.
    const property = properties[c % (properties.length + 1)]
    const column = property === undefined ? undefined : snakeCase(property)
    const keys = table.primaryKey.map(snakeCase)
    const remove = (one: Row) =>
      query(
        `delete from ${table.name} where ${keys.map((name, i) => `${name} = $${i + 1}`).join(' and ')}`,
        keys.map((name) => one[name]!),
      )
    const after =
      column === undefined
        ? undefined
        : { ...row, [column]: other(row[column]!, table.stored[property!]!.type, all.map((each) => each[column]!), choice) } // prettier-ignore
    await remove(row)
    try {
      if (after !== undefined) await insert(table.name, after)
    } catch {
      counts.impossible++
      await insert(table.name, row)
      continue
    }
    const what = `${table.name}.${column ?? 'row'}`
    if (what in HARMLESS) counts.harmless++
    else {
      assert.ok(await isNoticed(), `${what} of ${keys.map((name) => String(row[name])).join(' ')}`)
      counts.noticed++
    }
    if (after !== undefined) await remove(after)
    await insert(table.name, row)
  }
  assert.equal(counts.noticed + counts.harmless, MUTATIONS)
  assert.equal(await check(), 0)
  t.diagnostic(JSON.stringify(counts))
})
