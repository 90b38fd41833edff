/**
 * What verifying a quote costs, as ratios to ten bare P-256 verifications in the same run, since machines differ. Part of `npm run bench`;
 * alone with `npm run bench -- --only dcap`. Prints; judges nothing.
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

const ROUNDS = 40
const CALLS = 25

/** Milliseconds of one call, the best of many rounds; the works take turns, so that a noisy moment hits all of them. */
function milliseconds(works: readonly (() => unknown)[]): number[] {
  const best = works.map(() => Infinity)
  for (let round = 0; round < ROUNDS; round++)
    for (const [n, work] of works.entries()) {
      const started = performance.now()
      for (let i = 0; i < CALLS; i++) work()
      best[n] = Math.min(best[n]!, (performance.now() - started) / CALLS)
    }
  return best
}

export async function benchDcap(): Promise<void> {
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
  const [ten, ...times] = milliseconds([tenVerifications, ...rows.map(([, work]) => work)])
  console.log(`${'quotes'.padEnd(34)} ${'ms'.padStart(8)} ${'of ten P-256 verifications'.padStart(28)}`)
  for (const [i, [name]] of rows.entries())
    console.log(`${name.padEnd(34)} ${times[i]!.toFixed(3).padStart(8)} ${(times[i]! / ten!).toFixed(2).padStart(28)}`)
}
