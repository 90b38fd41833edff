/** Runs real and sample DCAP quotes with their collateral: `sgx-dcap/` and `tdx-dcap/`, of which any part may be absent. */
import { existsSync, readFileSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { certificatesFromPem, parseCertificate, parseCrl, validateChain } from '@vouchsafe/x509'
import { INTEL_SGX_ROOT, parseQuote, readCollateral, readCollateralFiles, readCollateralJson, verifyQuote } from '@vouchsafe/dcap'
import type { QuoteReport, TcbStatus } from '@vouchsafe/dcap'
import { acceptedFlips } from './dcap-flips.ts'
import type { Tally } from './tally.ts'

/** A quote with collateral in one JSON text, and what is known of it. */
interface Sample {
  quote: string
  collateral: string
  status: TcbStatus
  advisories: readonly string[]
  /** The last second at which all of the collateral holds, and one in the middle. */
  lastValid: string
  inside: string
}

const SAMPLES = new Map<string, Sample>([
  [
    'phala-sgx-v3',
    {
      quote: 'sgx_quote',
      collateral: 'sgx_quote_collateral.json',
      status: 'ConfigurationAndSWHardeningNeeded',
      advisories: ['INTEL-SA-00289', 'INTEL-SA-00615'],
      lastValid: '2025-07-19T10:01:17Z',
      inside: '2025-07-01T00:00:00Z',
    },
  ],
  [
    'phala-tdx-uptodate',
    {
      quote: 'tdx_quote',
      collateral: 'tdx_quote_collateral.json',
      status: 'UpToDate',
      advisories: [],
      lastValid: '2025-07-19T10:00:35Z',
      inside: '2025-07-01T00:00:00Z',
    },
  ],
])

export async function runDcap(folder: string, tally: Tally): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (!entry.isDirectory()) continue
    const path = join(folder, entry.name)
    const sample = SAMPLES.get(entry.name)
    if (sample) runSample(path, entry.name, sample, tally)
    else if (entry.name === 'intel-qvl-sample') await runSamplePki(path, tally)
    else if (entry.name === 'intel-ca') runIntelCa(path, tally)
    else tally.skip(entry.name, 'nothing is known of it', 1)
  }
}

function checker(name: string, tally: Tally) {
  return (what: string, holds: () => boolean | string): void => {
    try {
      const result = holds()
      if (result === true) tally.pass()
      else tally.fail(name, what, result === false ? 'it is not so' : result)
    } catch (error) {
      tally.fail(name, what, String(error))
    }
  }
}

function runSample(folder: string, name: string, sample: Sample, tally: Tally): void {
  const check = checker(name, tally)
  const bytes = readFileSync(join(folder, sample.quote))
  const json = JSON.parse(readFileSync(join(folder, sample.collateral), 'utf8')) as Record<string, string>
  const quote = parseQuote(bytes)
  const collateral = readCollateralJson(JSON.stringify(json))
  const at = (time: string | Date, accept: readonly TcbStatus[] = [sample.status]) =>
    verifyQuote(quote, { collateral, at: new Date(time), accept })

  for (const time of [sample.inside, sample.lastValid]) {
    check(`accepted at ${time} where ${sample.status} is`, () => verdict(at(time), true))
    check(`status at ${time}`, () => at(time).status === sample.status || `found ${String(at(time).status)}`)
    check(`advisories at ${time}`, () => at(time).advisories.join() === sample.advisories.join() || `found ${at(time).advisories.join()}`)
  }
  check('the default accepts UpToDate only', () => at(sample.inside, ['UpToDate']).accepted === (sample.status === 'UpToDate'))
  const after = new Date(Date.parse(sample.lastValid) + 2000)
  check('refused once the collateral has expired', () => verdict(at(after), false, /-dates/))
  check('refused today, for collateral that has expired', () => verdict(at(new Date()), false, /-dates/))
  check('the status can still be read today', () => at(new Date()).status === sample.status)
  check('refused before the collateral was issued', () => verdict(at('2025-06-01T00:00:00Z'), false, /-dates/))
  check('refused under another root', () => verdict(verifyQuote(quote, { collateral, at: new Date(sample.inside), roots: [] }), false))
  for (const { part, accepted, tried } of acceptedFlips(bytes, json, { at: new Date(sample.inside), accept: [sample.status] }))
    check(`every change of ${part} is refused`, () =>
      accepted.length === 0 && tried > 0 ? true : `${accepted.length} of ${tried} accepted, the first at ${String(accepted[0])}`,
    )
}

async function runSamplePki(folder: string, tally: Tally): Promise<void> {
  const check = checker('intel-qvl-sample', tally)
  const quote = parseQuote(readFileSync(join(folder, 'quote.dat')))
  const roots = certificatesFromPem(readFileSync(join(folder, 'trustedRootCaCert.pem'), 'utf8'))
  const parts = await readCollateralFiles(folder)
  const at = new Date('2021-01-01T00:00:00Z')
  const without = (name: string, instead?: (bytes: Buffer) => Buffer) =>
    verifyQuote(quote, {
      collateral: readCollateral(
        parts.flatMap((part) => (part.name !== name ? [part] : instead ? [{ name, bytes: instead(Buffer.from(part.bytes)) }] : [])),
      ),
      at,
      roots,
    })
  check('accepted under its own root', () => verdict(without(''), true))
  check('refused under Intel’s root', () => verdict(verifyQuote(quote, { collateral: readCollateral(parts), at }), false, /chain-anchor/))
  check('refused when it was not valid yet', () =>
    verdict(verifyQuote(quote, { collateral: readCollateral(parts), at: new Date('2019-01-01'), roots }), false),
  )
  for (const name of ['rootCaCrl.der', 'intermediateCaCrl.der', 'tcbInfo.json', 'qeIdentity.json', 'pckCert.pem', 'tcbSignChain.pem']) {
    check(`refused without ${name}`, () => verdict(without(name), false))
    check(`refused with ${name} empty`, () =>
      verdict(
        without(name, () => Buffer.alloc(0)),
        false,
      ),
    )
    check(`refused with ${name} altered`, () => verdict(without(name, altered), false))
  }
  check('the other enclave’s identity is not taken for the quoting enclave’s', () => {
    const qve = parts.find(({ name }) => name === 'qveIdentity.json')
    return (
      qve === undefined ||
      verdict(
        without('qeIdentity.json', () => Buffer.from(qve.bytes)),
        false,
        /qe-identity-present/,
      )
    )
  })
}

/** One bit in the middle, where base64 and JSON stay what they are. */
function altered(bytes: Buffer): Buffer {
  const changed = Buffer.from(bytes)
  let i = Math.floor(changed.length / 2)
  while (!/[A-Za-z0-9]/.test(String.fromCharCode(changed[i]!))) i++
  changed[i]! ^= 1
  return changed
}

function runIntelCa(folder: string, tally: Tally): void {
  const check = checker('intel-ca', tally)
  const read = (name: string) => readFileSync(join(folder, name))
  check('the root built in is Intel’s', () => read('root.der').equals(INTEL_SGX_ROOT.der))
  const candidates = ['platform.der', 'root.der'].filter((name) => existsSync(join(folder, name)))
  const crls = ['pck_platform_crl.der', 'intel_root_ca_crl.der'].filter((name) => existsSync(join(folder, name)))
  const { notBefore } = parseCertificate(read('pck.der'))
  for (const leaf of ['pck.der', 'signing.der'])
    check(`${leaf} leads to it`, () => {
      const certificate = parseCertificate(read(leaf))
      const at = new Date(Math.max(notBefore.getTime(), certificate.notBefore.getTime()) + 1000)
      const input = { leaf: certificate, candidates: candidates.map((name) => parseCertificate(read(name))), anchors: [INTEL_SGX_ROOT], at }
      return validateChain({ ...input, policy: { requireCrl: 'never' } }).valid
    })
  for (const name of crls) check(`${name} is read`, () => parseCrl(read(name)).nextUpdate !== undefined)
}

function verdict(report: QuoteReport, accepted: boolean, reason = /(?:)/): true | string {
  if (report.accepted !== accepted) return accepted ? report.reasons.join('; ').slice(0, 300) : 'it was accepted'
  return accepted || report.reasons.some((text) => reason.test(text)) || `for another reason: ${report.reasons[0]!}`
}
