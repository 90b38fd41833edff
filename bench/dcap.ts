/**
 * What verifying a quote costs, as ratios to ten bare P-256 verifications in the same run, since machines differ. Part of `npm run bench`;
 * alone with `npm run bench -- --only dcap`.
 */
import { generateKeyPairSync, sign, verify } from 'node:crypto'
import {
  createPlatformCache,
  createSimulatedPki,
  parseQuote,
  readCollateralJson,
  simulatedCollateralJson,
  simulatedEnclave,
  verifyQuote,
} from '@vouchsafe/dcap'
import type { Report } from './figures.ts'
import { median } from './statistics.ts'

const ROUNDS = 40
const CALLS = 25

/** Milliseconds of one call of each, round by round: the works take turns, so that a noisy moment hits all of them. */
function milliseconds(works: readonly (() => unknown)[]): number[][] {
  const rounds = Array.from({ length: ROUNDS + 1 }, () =>
    works.map((work) => {
      const started = performance.now()
      for (let i = 0; i < CALLS; i++) work()
      return (performance.now() - started) / CALLS
    }),
  )
  // The first warms up.
  return rounds.slice(1)
}

export async function benchDcap(report: Report): Promise<void> {
  const at = new Date()
  const pki = await createSimulatedPki(at)
  const enclave = simulatedEnclave({ pki })
  const { bytes } = await enclave.quote(Buffer.alloc(64))
  const json = await simulatedCollateralJson(pki, at)
  const collateral = readCollateralJson(json)
  const options = { at, roots: [enclave.root] }
  const cache = createPlatformCache()

  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const data = Buffer.alloc(432)
  const signature = sign('sha256', data, privateKey)
  const tenVerifications = () => {
    for (let i = 0; i < 10; i++) verify('sha256', data, publicKey, signature)
  }
  const accepted = (report: { accepted: boolean }) => {
    if (!report.accepted) throw new Error('the simulated quote was refused')
  }
  const rows: [name: string, work: () => void][] = [
    [
      'verify, collateral read for it',
      () => accepted(verifyQuote(parseQuote(bytes), { ...options, collateral: readCollateralJson(json) })),
    ],
    ['verify, warm collateral', () => accepted(verifyQuote(parseQuote(bytes), { ...options, collateral }))],
    ['verify, cached chain', () => accepted(verifyQuote(parseQuote(bytes), { ...options, collateral, cache }))],
  ]
  const rounds = milliseconds([tenVerifications, ...rows.map(([, work]) => work)])
  for (const [i, [name]] of rows.entries())
    report.row(`quote: ${name}`, {
      ms: median(rounds.map((times) => times[i + 1]!)),
      'of ten P-256 verifications': median(rounds.map((times) => times[i + 1]! / times[0]!)),
    })
}
