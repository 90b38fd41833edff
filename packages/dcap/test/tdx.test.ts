import assert from 'node:assert/strict'
import { test } from 'node:test'
import { failedChecks, makeCollateral, makeQuote, verify } from './support/simulation.ts'
import type { CollateralVariant, QuoteVariant } from './support/simulation.ts'

/** SVNs of the module, its version, the microcode. */
function svns(...first: number[]): Buffer {
  return Buffer.from(Array.from({ length: 16 }, (_, i) => first[i] ?? 0))
}

function td(variant: Omit<QuoteVariant, 'tee'> = {}): Buffer {
  return makeQuote({ version: 4, tee: 'TDX', ...variant })
}

function collateral(variant: Omit<CollateralVariant, 'tee'> = {}) {
  return makeCollateral({ tee: 'TDX', ...variant })
}

for (const [name, variant] of [
  ['version 4', {}],
  ['version 5 of TDX 1.0', { version: 5 }],
  ['version 5 of TDX 1.5', { version: 5, td: { teeTcbSvn2: svns(4, 1, 2) } }],
  ['version 4 with a module without a version', { td: { teeTcbSvn: svns(4, 0, 2) } }],
] as const)
  test(`a sound TDX quote of ${name} is accepted`, async () => {
    const report = verify(td(variant), await collateral())
    assert.deepEqual([report.reasons, report.status, report.tee], [[], 'UpToDate', 'TDX'])
    assert.ok('mrTd' in report.measurements && report.measurements.mrTd === '03'.repeat(48))
  })

test('a TDX quote is not verified with collateral for SGX, nor the other way round', async () => {
  assert.ok(failedChecks(verify(td(), await makeCollateral())).includes('tcb-info-tee'))
  assert.ok(failedChecks(verify(td(), await makeCollateral())).includes('qe-identity-present'))
  assert.ok(failedChecks(verify(makeQuote(), await collateral())).includes('tcb-info-tee'))
})

for (const [what, variant, check] of [
  ['whose module version is unknown', { td: { teeTcbSvn: svns(4, 2, 2) } }, 'tdx-module-identity'],
  ['whose module is older than every level', { td: { teeTcbSvn: svns(1, 1, 2) } }, 'tdx-module-tcb-level'],
  ['in debug mode', { td: { tdAttributes: Buffer.from([1, 0, 0, 0, 0, 0, 0, 0]) } }, 'debug-mode'],
  ['whose microcode is older than every level', { td: { teeTcbSvn: svns(4, 1, 0) } }, 'tcb-level'],
] as const)
  test(`a TDX quote ${what} is refused`, async () => {
    const report = verify(td(variant), await collateral())
    assert.equal(report.accepted, false)
    assert.ok(failedChecks(report).includes(check), report.reasons.join('; '))
  })

for (const [field, value, check] of [
  ['mrsigner', 'AA'.repeat(48), 'tdx-module-mrsigner'],
  ['attributes', '01'.repeat(8), 'tdx-module-attributes'],
] as const)
  test(`a TDX module with another ${field} is refused`, async () => {
    const report = verify(
      td(),
      await collateral({
        documents: ({ tcbInfo }) => ({
          tcbInfo: { ...tcbInfo, tdxModuleIdentities: tcbInfo.tdxModuleIdentities!.map((module) => ({ ...module, [field]: value })) },
        }),
      }),
    )
    assert.deepEqual([report.accepted, report.status, failedChecks(report)[0]], [false, null, check])
  })

test('attributes of a TDX module must be zero, whatever the mask', async () => {
  const report = verify(
    td({ td: { seamAttributes: Buffer.from([0, 0, 0, 0, 0, 0, 0, 1]) } }),
    await collateral({
      documents: ({ tcbInfo }) => ({
        tcbInfo: {
          ...tcbInfo,
          tdxModuleIdentities: tcbInfo.tdxModuleIdentities!.map((module) => ({ ...module, attributesMask: '00'.repeat(8) })),
        },
      }),
    }),
  )
  assert.deepEqual(failedChecks(report), ['tdx-module-attributes-reserved'])
})

test('a TDX module that is out of date makes the TD so, and is told what it lacks', async () => {
  const report = verify(td({ td: { teeTcbSvn: svns(2, 1, 2) } }), await collateral())
  assert.deepEqual([report.accepted, report.status, report.advisories], [false, 'OutOfDate', ['SIMULATED-SA-00002']])
  assert.deepEqual(report.shortfalls, [{ component: 'TDX module', found: 2, needed: 4, short: 2 }])
  assert.deepEqual(report.parts.at(-1)?.part, 'TDX module')
})

test('a TD of TDX 1.5 whose module has been updated since it started is advised to relaunch', async () => {
  const old = svns(2, 1, 2)
  const status = async (teeTcbSvn2: Buffer, teeTcbSvn = old) =>
    verify(td({ version: 5, td: { teeTcbSvn, teeTcbSvn2 } }), await collateral()).status
  assert.equal(await status(svns(4, 1, 2)), 'TDRelaunchAdvised')
  assert.equal(await status(svns(4, 0, 2)), 'TDRelaunchAdvised')
  assert.equal(await status(svns(3, 1, 2)), 'OutOfDate')
  assert.equal(await status(svns(4, 1, 1)), 'OutOfDate')
  assert.equal(await status(svns(4, 9, 2)), 'OutOfDate')
  assert.equal(await status(svns(4, 1, 2), svns(4, 1, 2)), 'UpToDate')
})

test('relaunching is advised with configuration where the platform needs that too', async () => {
  const report = verify(
    td({ version: 5, td: { teeTcbSvn: svns(2, 1, 2), teeTcbSvn2: svns(4, 1, 2) } }),
    await collateral({
      documents: ({ tcbInfo }) => ({
        tcbInfo: { ...tcbInfo, tcbLevels: [{ ...tcbInfo.tcbLevels[0]!, tcbStatus: 'ConfigurationNeeded' }] },
      }),
    }),
  )
  assert.equal(report.status, 'TDRelaunchAdvisedConfigurationNeeded')
})
