import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { TCB_STATUSES } from '../src/index.ts'
import type { TcbStatus } from '../src/index.ts'
import { combineStatus } from '../src/collateral/tcb-status.ts'
import { selectIsvLevel, selectTcbLevel } from '../src/verify/tcb-level.ts'
import { failedChecks, makeCollateral, makeQuote, verify } from './support/simulation.ts'

const DATE = new Date(0)

function level(sgx: number[], pceSvn: number, status: TcbStatus, tdx?: number[]) {
  const components = (svns: number[]) => Array.from({ length: 16 }, (_, i) => ({ svn: svns[i] ?? 0 }))
  return { sgx: components(sgx), ...(tdx && { tdx: components(tdx) }), pceSvn, date: DATE, status, advisories: [] }
}

function platform(sgx: number[], pceSvn: number, tdx?: number[]) {
  const padded = (svns: number[]) => Array.from({ length: 16 }, (_, i) => svns[i] ?? 0)
  return { sgx: padded(sgx), pceSvn, ...(tdx && { tdx: padded(tdx) }) }
}

const LEVELS = [
  level([5, 5], 10, 'UpToDate'),
  level([5, 4], 10, 'ConfigurationNeeded'),
  level([3, 3], 8, 'OutOfDate'),
  level([1, 1], 5, 'Revoked'),
]

for (const [sgx, pceSvn, status] of [
  [[5, 5], 10, 'UpToDate'],
  [[9, 9], 99, 'UpToDate'],
  [[5, 4], 10, 'ConfigurationNeeded'],
  [[5, 5], 9, 'OutOfDate'],
  [[4, 9], 10, 'OutOfDate'],
  [[2, 9], 10, 'Revoked'],
  [[0, 9], 10, undefined],
] as const)
  test(`a platform with ${sgx.join(' ')}, PCE ${pceSvn} is ${status ?? 'below all levels'}, in whatever order levels come`, () => {
    fc.assert(
      fc.property(fc.shuffledSubarray(LEVELS, { minLength: LEVELS.length }), (levels) => {
        assert.equal(selectTcbLevel({ levels }, platform([...sgx], pceSvn))?.level.status, status)
      }),
      { numRuns: 30 },
    )
  })

test('the level of a TD is the highest that its TDX components reach too', () => {
  const levels = [level([2], 5, 'UpToDate', [5, 0, 2]), level([2], 5, 'OutOfDate', [3, 0, 2]), level([2], 5, 'Revoked', [1, 0, 1])]
  const status = (tdx: number[]) => selectTcbLevel({ levels }, platform([2], 5, tdx))?.level.status
  assert.deepEqual(
    [status([5, 0, 2]), status([4, 0, 2]), status([4, 0, 1]), status([0, 0, 9])],
    ['UpToDate', 'OutOfDate', 'Revoked', undefined],
  )
  // With a module version, the module's identity judges the first two components.
  assert.deepEqual([status([0, 1, 2]), status([9, 1, 1])], ['UpToDate', 'Revoked'])
})

test('of equal levels the worse status counts', () => {
  const levels = [level([1], 1, 'UpToDate'), level([1], 1, 'Revoked')]
  assert.equal(selectTcbLevel({ levels }, platform([1], 1))?.level.status, 'Revoked')
  assert.equal(selectTcbLevel({ levels: levels.toReversed() }, platform([1], 1))?.level.status, 'Revoked')
})

test('a part’s level is the highest that its SVN reaches, in whatever order they come', () => {
  const levels = [8, 6, 5, 2].map((isvSvn, i) => ({ isvSvn, date: DATE, status: TCB_STATUSES[i]!, advisories: [] }))
  fc.assert(
    fc.property(fc.shuffledSubarray(levels, { minLength: 4 }), fc.nat(10), (shuffled, isvSvn) => {
      const expected = [8, 6, 5, 2].find((one) => one <= isvSvn)
      assert.equal(selectIsvLevel(shuffled, isvSvn)?.isvSvn, expected)
    }),
  )
})

test('a part that is out of date or revoked makes the whole so', () => {
  const rows: [TcbStatus, TcbStatus, TcbStatus][] = [
    ['UpToDate', 'UpToDate', 'UpToDate'],
    ['SWHardeningNeeded', 'UpToDate', 'SWHardeningNeeded'],
    ['UpToDate', 'OutOfDate', 'OutOfDate'],
    ['SWHardeningNeeded', 'OutOfDate', 'OutOfDate'],
    ['ConfigurationNeeded', 'OutOfDate', 'OutOfDateConfigurationNeeded'],
    ['ConfigurationAndSWHardeningNeeded', 'OutOfDate', 'OutOfDateConfigurationNeeded'],
    ['OutOfDateConfigurationNeeded', 'OutOfDate', 'OutOfDateConfigurationNeeded'],
    ['OutOfDate', 'OutOfDate', 'OutOfDate'],
    ['Revoked', 'OutOfDate', 'Revoked'],
    ['UpToDate', 'Revoked', 'Revoked'],
  ]
  for (const [whole, part, result] of rows) assert.equal(combineStatus(whole, part), result, `${whole} with ${part}`)
})

/** TCB info whose newest level is above the simulated platform. */
const ahead = (documents: { tcbInfo: { tcbLevels: unknown[] } }) => {
  const newest = structuredClone(documents.tcbInfo.tcbLevels[0]) as { tcb: { sgxtcbcomponents: object[]; pcesvn: number } }
  newest.tcb.sgxtcbcomponents[1] = { svn: 6, category: 'BIOS', type: 'Early Microcode Update' }
  newest.tcb.pcesvn = 15
  return { tcbInfo: { ...documents.tcbInfo, tcbLevels: [documents.tcbInfo.tcbLevels[1], newest] } }
}

test('an out-of-date platform is told which component is short, by how much, and whose it is', async () => {
  const report = verify(makeQuote(), await makeCollateral({ documents: ahead }))
  assert.deepEqual([report.accepted, report.status, report.advisories], [false, 'OutOfDate', ['SIMULATED-SA-00001']])
  assert.deepEqual(failedChecks(report), ['tcb-status'])
  assert.deepEqual(report.shortfalls, [
    { component: 'sgx 2', description: 'Early Microcode Update, BIOS', found: 4, needed: 6, short: 2 },
    { component: 'PCE', found: 13, needed: 15, short: 2 },
  ])
})

test('statuses are accepted as the caller says', async () => {
  const collateral = await makeCollateral({ documents: ahead })
  assert.ok(verify(makeQuote(), collateral, { accept: ['UpToDate', 'OutOfDate'] }).accepted)
  assert.equal(verify(makeQuote(), collateral, { accept: ['SWHardeningNeeded'] }).accepted, false)
  assert.deepEqual(verify(makeQuote(), collateral, { accept: [] }).reasons, ['tcb-status: expected one of , found OutOfDate'])
})

test('a quoting enclave that is out of date makes the platform so', async () => {
  const report = verify(
    makeQuote(),
    await makeCollateral({
      documents: ({ qeIdentity }) => ({
        qeIdentity: {
          ...qeIdentity,
          tcbLevels: [
            { tcb: { isvsvn: 3 }, tcbDate: '2024-01-01T00:00:00Z', tcbStatus: 'OutOfDate', advisoryIDs: ['SIMULATED-SA-00009'] },
            { tcb: { isvsvn: 11 }, tcbDate: '2026-01-01T00:00:00Z', tcbStatus: 'UpToDate' },
          ],
        },
      }),
    }),
  )
  assert.deepEqual([report.status, report.advisories], ['OutOfDate', ['SIMULATED-SA-00009']])
  assert.deepEqual(report.shortfalls, [{ component: 'QE', found: 8, needed: 11, short: 3 }])
})

test('a platform below every level has no status', async () => {
  const report = verify(
    makeQuote(),
    await makeCollateral({ documents: (d) => ({ tcbInfo: { ...ahead(d).tcbInfo, tcbLevels: [ahead(d).tcbInfo.tcbLevels[1]] } }) }),
  )
  assert.deepEqual([report.accepted, report.status], [false, null])
  assert.ok(failedChecks(report).includes('tcb-level'))
})

test('expired collateral leaves the status to be read, and refuses', async () => {
  const report = verify(makeQuote(), await makeCollateral(), { at: new Date('2026-05-01T00:00:00Z') })
  assert.deepEqual([report.accepted, report.status], [false, 'UpToDate'])
  assert.ok(report.collateral.every(({ name, daysLeft }) => name.startsWith('certificate') || daysLeft === -31))
})

test('TCB info of version 2 serves SGX', async () => {
  const collateral = await makeCollateral({
    documents: ({ tcbInfo }) => {
      const levels = tcbInfo.tcbLevels.map(({ tcb, ...rest }) => ({
        ...rest,
        tcb: {
          pcesvn: tcb.pcesvn,
          ...Object.fromEntries(tcb.sgxtcbcomponents.map(({ svn }, i) => [`sgxtcbcomp${String(i + 1).padStart(2, '0')}svn`, svn])),
        },
      }))
      const { id: _none, ...rest } = tcbInfo
      return { tcbInfo: { ...rest, version: 2, tcbLevels: levels } }
    },
  })
  assert.deepEqual(verify(makeQuote(), collateral).reasons, [])
})
