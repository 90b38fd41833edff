// Signatures of rows, and signing them anew after a rotation (contract §12).
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { giveSigningKeys } from '@vouchsafe/testkit/authority-keys'
import { eachDatabase, testStore, type TestStore } from '@vouchsafe/testkit/databases'
import { queryDatabase } from '@vouchsafe/testkit/raw-database'
import type { SignedRow, SignedRows } from '../../src/signing-keys/row-resigning.ts'
import type { SignedField } from '../../src/signing-keys/row-signatures.ts'
import { certificateRow } from '../support/certificate-rows.ts'
import { openDomain, type Domain } from '../support/domain.ts'
import { pinnedRuntime } from '../support/runtime.ts'
import { operatorCall } from '@vouchsafe/testkit/callers'

async function open(store: TestStore): Promise<Domain> {
  const domain = await openDomain({ storage: await store.open(), dataDir: store.location.dataDir })
  await giveSigningKeys(domain.signingKeys)
  return domain
}

interface MemoryRow extends SignedRow {
  altered: boolean
}

/** Rows of a kind that are kept in memory. */
function memoryRows(kind: string): SignedRows & { rows: MemoryRow[] } {
  const rows: MemoryRow[] = []
  const same = (one: SignedRow, other: SignedRow) => one.id === other.id && one.signature === other.signature
  return {
    kind,
    rows,
    async outdated({ version, after, limit }) {
      const outdated = rows.filter((row) => row.keyVersion < version && !row.altered && (after === null || row.id > after))
      return outdated
        .sort((a, b) => (a.id < b.id ? -1 : 1))
        .slice(0, limit)
        .map((row) => ({ ...row }))
    },
    async replaceSignature(row, by) {
      Object.assign(rows.find((each) => same(each, row)) ?? {}, by)
    },
    async markAltered(row) {
      Object.assign(rows.find((each) => same(each, row)) ?? {}, { altered: true })
    },
  }
}

test('a signature holds for its kind, its fields and its version alone', async () => {
  await using store = await testStore('sqlite')
  await using domain = await open(store)
  const { rowSignatures } = domain
  const field: fc.Arbitrary<SignedField> = fc.oneof(
    fc.constantFrom('', 'a', 'ab', '1'),
    fc.constantFrom(0, 1, 11, -1),
    fc.constantFrom(new Uint8Array(), new Uint8Array([97]), new Uint8Array([49])),
    fc.constant(null),
  )
  const row = fc.record({ kind: fc.constantFrom('a', 'b', ''), fields: fc.array(field, { maxLength: 4 }) })
  const shape = (value: { kind: string; fields: SignedField[] }) =>
    JSON.stringify([value.kind, ...value.fields.map((each) => (each instanceof Uint8Array ? { bytes: [...each] } : each))])
  await fc.assert(
    fc.asyncProperty(row, row, async (one, other) => {
      const { signature, keyVersion } = await rowSignatures.sign(one.kind, one.fields)
      const holds = () => rowSignatures.verify(other.kind, other.fields, signature, keyVersion)
      assert.equal(await holds(), shape(one) === shape(other))
      assert.equal(await holds(), shape(one) === shape(other), 'from memory too')
      assert.equal(await rowSignatures.verify(one.kind, one.fields, signature, keyVersion + 1), false)
    }),
    { numRuns: 60 },
  )
  await assert.rejects(rowSignatures.sign('a', [0.5]), TypeError)
})

eachDatabase('after a rotation every row is signed anew, and altered ones are marked and never signed', async (store) => {
  await using domain = await open(store)
  const { rowSignatures, resigning, signingKeys } = domain
  const [policies, certificates] = [memoryRows('policy'), memoryRows('certificate')]
  resigning.register(policies)
  resigning.register(certificates)
  const add = async (to: typeof policies, id: string, signed: SignedField[], fields = signed) =>
    void to.rows.push({ id, fields, ...(await rowSignatures.sign(to.kind, signed)), altered: false })
  for (let i = 0; i < 250; i++) await add(policies, `${i}`.padStart(3, '0'), [i])
  await add(policies, 'tampered', ['as it was signed'], ['as somebody made it'])
  await add(certificates, 'one', ['a', null])
  await resigning.run()
  assert.deepEqual(resigning.statistics, { signed: 0, altered: 0 }, 'before a rotation nothing is to do')

  await signingKeys.rotate(operatorCall(), 'FSK')
  await resigning.run()
  assert.deepEqual(resigning.statistics, { signed: 251, altered: 1 })
  for (const { id, fields, signature, keyVersion, altered } of [...policies.rows]) {
    const good = id !== 'tampered'
    assert.deepEqual([keyVersion, altered], good ? [2, false] : [1, true], id)
    assert.equal(await rowSignatures.verify('policy', fields, signature, keyVersion), good)
  }
  const audit = await queryDatabase(
    store.location,
    `select actor, object, detail from trail_entries where action = 'ResignRows' order by position`,
  )
  assert.deepEqual(
    audit.map(({ actor, object, detail }) => [actor, object, JSON.parse(String(detail)) as unknown]),
    [
      ['system', 'policy', { keyVersion: 2, signed: 250, altered: 1 }],
      ['system', 'certificate', { keyVersion: 2, signed: 1, altered: 0 }],
    ],
  )
  await resigning.run()
  assert.deepEqual(resigning.statistics, { signed: 251, altered: 1 }, 'done is done')
})

eachDatabase('an FSK is retired when no row is signed by it any more, and then proves nothing', async (store) => {
  const runtime = pinnedRuntime()
  await using domain = await openDomain({ storage: await store.open(), dataDir: store.location.dataDir, runtime })
  const { rowSignatures, resigning, signingKeys } = domain
  await giveSigningKeys(signingKeys)
  const retire = (version: number) => signingKeys.retire(operatorCall(), 'FSK', version)
  const old = await rowSignatures.sign('test', ['x'])
  assert.equal(await rowSignatures.verify('test', ['x'], old.signature, 1), true)
  await assert.rejects(retire(1), /signs, or is the newest/)
  await signingKeys.rotate(operatorCall(), 'FSK')
  await assert.rejects(retire(1), /FSK version 2 is so new/)
  runtime.advance(10_000)
  await domain.storage.insertCertificate({ row: certificateRow({ keyVersion: 1 }), limit: 10, audit: null })
  await assert.rejects(retire(1), /rows are still signed by FSK version 1/)
  assert.equal((await signingKeys.all('FSK')).length, 2)
  await resigning.run()
  await retire(1)
  assert.equal(await rowSignatures.verify('test', ['x'], old.signature, 1), false)
  await assert.rejects(retire(1), /there is no FSK version 1/)
  await assert.rejects(retire(2), /signs, or is the newest/)
})

test('a row that changes while it is signed anew keeps what the change made of it', async () => {
  await using store = await testStore('sqlite')
  await using domain = await open(store)
  const { rowSignatures, resigning, signingKeys } = domain
  const rows = memoryRows('policy')
  rows.rows.push({ id: 'one', fields: ['old'], ...(await rowSignatures.sign('policy', ['old'])), altered: false })
  await signingKeys.rotate(operatorCall(), 'FSK')
  const changed = await rowSignatures.sign('policy', ['new'])
  const { outdated } = rows
  resigning.register({
    ...rows,
    async outdated(args) {
      const found = await outdated(args)
      Object.assign(rows.rows[0]!, { fields: ['new'], ...changed })
      return found
    },
  })
  await resigning.run()
  assert.deepEqual(rows.rows[0]!.fields, ['new'])
  assert.equal(rows.rows[0]!.signature, changed.signature)
})
