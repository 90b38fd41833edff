import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { createSimulatedPki, simulatedCollateralJson, simulatedEnclave, type TcbStatus } from '@vouchsafe/dcap'
import { toPem } from '@vouchsafe/x509'
import { eachDatabase, testStore, type TestStore } from '@vouchsafe/testkit/databases'
import { Appraiser } from '../../src/attestation/appraisal/appraiser.ts'
import { ConfigError } from '../../src/config/config.ts'
import type { QuoteSettings } from '../../src/quotes/assemble.ts'
import { Quotes } from '../../src/quotes/quotes.ts'
import { rootKeyFile } from '../../src/root-key/key-file.ts'
import { openEnvelope } from '../../src/envelope/envelope.ts'
import { collectedLog } from '../support/collected-log.ts'
import { pinnedRuntime } from '../support/runtime.ts'
import { refusal } from '../support/refusal.ts'
import { asApp } from '@vouchsafe/testkit/callers'

const START = Date.UTC(2026, 2, 1)
const DAY_MS = 86_400_000
/** A platform outside, whose quotes are "real" here: its root is given as the one to trust. */
const pki = await createSimulatedPki(new Date(START))
const enclave = simulatedEnclave({ pki })
const foreignPki = await createSimulatedPki(new Date(START))
const foreign = simulatedEnclave({ pki: foreignPki })
const quoteOf = async ({ quote }: typeof enclave) => (await quote(Buffer.alloc(64))).bytes
const quote = await quoteOf(enclave)

/** A list by another PKI of the same names. */
async function foreignCrl(at: Date): Promise<string> {
  const json = JSON.parse(await simulatedCollateralJson(foreignPki, at)) as Record<string, string>
  return json['pck_crl']!
}

/** A PCCS for that platform, which can be made to fail, to wait, or to answer with something else. */
function pccs(runtime: { now(): number }) {
  const state = {
    requests: 0,
    mode: 'well' as 'well' | 'down' | 'expired' | 'incomplete' | 'forged' | 'foreign',
    gate: Promise.resolve(),
    async fetch(input: URL): Promise<Response> {
      state.requests++
      await state.gate
      if (state.mode === 'down') throw new TypeError('fetch failed')
      const issued = state.mode === 'expired' ? runtime.now() - 40 * DAY_MS : runtime.now()
      const json = JSON.parse(await simulatedCollateralJson(pki, new Date(issued))) as Record<string, string>
      if (state.mode === 'forged') json['tcb_info_signature'] = json['qe_identity_signature']!
      if (state.mode === 'foreign') json['pck_crl'] = json['root_ca_crl'] = await foreignCrl(new Date(issued))
      const chain = (header: string, name: string) => ({ headers: { [header]: encodeURIComponent(json[name]!) } })
      const signed = (name: string, member: string) => `{"${name}":${json[member]!},"signature":"${json[`${member}_signature`]!}"}`
      if (input.pathname.endsWith('/rootcacrl')) return new Response(json['root_ca_crl'])
      if (input.pathname.endsWith('/pckcrl'))
        return new Response(Buffer.from(json['pck_crl']!, 'hex'), chain('SGX-PCK-CRL-Issuer-Chain', 'pck_crl_issuer_chain'))
      if (input.pathname.endsWith('/tcb') && state.mode !== 'incomplete')
        return new Response(signed('tcbInfo', 'tcb_info'), chain('TCB-Info-Issuer-Chain', 'tcb_info_issuer_chain'))
      return new Response(signed('enclaveIdentity', 'qe_identity'), chain('SGX-Enclave-Identity-Issuer-Chain', 'qe_identity_issuer_chain'))
    },
  }
  return state
}

const appraiser = new Appraiser({ workers: 1 })
after(() => appraiser[Symbol.asyncDispose]())

/** Rounds of four requests. */
const ROUND = 4

async function setUp(store: TestStore, settings: Partial<QuoteSettings> = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'vouchsafe-quotes-'))
  await writeFile(join(folder, 'root.pem'), toPem('CERTIFICATE', enclave.root.der))
  const runtime = pinnedRuntime(START)
  const { log, text } = collectedLog('warn')
  const service = pccs(runtime)
  const open = async () => {
    const storage = await store.open()
    const envelope = await openEnvelope(storage, rootKeyFile({ dataDir: store.location.dataDir, runtime }), runtime)
    return Quotes.open(
      {
        storage,
        envelope,
        runtime,
        log,
        policies: { find: async () => null },
        tlsKeyHash: () => undefined,
        fetch: service.fetch as unknown as typeof fetch,
        verifyAside: (owner, task) => appraiser.verifyQuote(owner, task),
      },
      {
        provider: 'none',
        providerPath: undefined,
        collateral: 'https://pccs.test',
        roots: join(folder, 'root.pem'),
        trustBoth: false,
        accept: ['UpToDate'] as readonly TcbStatus[],
        mrEnclave: '00'.repeat(32),
        mrSigner: '00'.repeat(32),
        ...settings,
      },
    )
  }
  return { folder, runtime, service, log: text, open, [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) }
}

eachDatabase('collateral is asked for once, however many quotes wait, and found in the store after a restart', async (store) => {
  await using set = await setUp(store)
  {
    await using quotes = await set.open()
    const reports = await Promise.all(Array.from({ length: 5 }, () => quotes.verify(quote)))
    assert.ok(reports.every(({ report }) => report.accepted))
    await quotes.verify(quote)
    assert.equal(set.service.requests, ROUND)
    assert.ok(Math.abs(quotes.collateralDaysLeft - 30) < 0.001)
  }
  await using again = await set.open()
  assert.ok((await again.verify(quote)).report.accepted)
  assert.equal(set.service.requests, ROUND)
})

test('what is held is used at once while it is renewed in the background', async () => {
  await using store = await testStore('sqlite')
  await using set = await setUp(store)
  await using quotes = await set.open()
  await quotes.verify(quote)
  set.runtime.advance(2 * DAY_MS)
  const { promise, resolve } = Promise.withResolvers<void>()
  set.service.gate = promise
  // The source does not answer, and the verification does not wait for it.
  assert.ok((await quotes.verify(quote)).report.accepted)
  assert.equal(set.service.requests, 2 * ROUND)
  resolve()
  await quotes.refresh()
  assert.ok(Math.abs(quotes.collateralDaysLeft - 30) < 0.001 || quotes.collateralDaysLeft > 27)
})

test('while the source is down, what is held serves as long as it is valid, and no longer', async () => {
  await using store = await testStore('sqlite')
  await using set = await setUp(store)
  await using quotes = await set.open()
  await quotes.verify(quote)
  for (const mode of ['down', 'expired', 'incomplete', 'forged', 'foreign'] as const) {
    set.service.mode = mode
    set.runtime.advance(5 * DAY_MS)
    await quotes.refresh()
    assert.ok((await quotes.verify(quote)).report.accepted, mode)
  }
  set.runtime.advance(6 * DAY_MS)
  await assert.rejects(quotes.verify(quote), refusal('quote_collateral_unavailable'))
  assert.match(set.log(), /cannot fetch collateral/)
  // Not asked again by every request.
  const { requests } = set.service
  await assert.rejects(quotes.verify(quote), refusal('quote_collateral_unavailable'))
  assert.equal(set.service.requests, requests)
  set.service.mode = 'well'
  set.runtime.advance(2 * 60_000)
  assert.ok((await quotes.verify(quote)).report.accepted)
})

test('what the store has and does not verify is asked for anew', async () => {
  await using store = await testStore('sqlite')
  await using set = await setUp(store)
  const storage = await store.open()
  const row = { platform: 'SGX 53494d554c41 platform', parts: Buffer.from('[]'), fetchedAt: START, expiresAt: START + 30 * DAY_MS }
  await storage.putCollateral({ row, limit: 10 })
  await using quotes = await set.open()
  assert.ok((await quotes.verify(quote)).report.accepted)
  assert.equal(set.service.requests, ROUND)
})

test('a source is not asked about platforms that no trusted root vouches for', async () => {
  await using store = await testStore('sqlite')
  await using set = await setUp(store)
  await using quotes = await set.open()
  await assert.rejects(quotes.verify(await quoteOf(foreign)), refusal('quote_collateral_missing'))
  assert.equal(set.service.requests, 0)
})

test('a server without a source asks for collateral with the call', async () => {
  await using store = await testStore('sqlite')
  await using set = await setUp(store, { collateral: undefined })
  await using quotes = await set.open()
  await assert.rejects(quotes.verify(quote), refusal('quote_collateral_missing'))
  const collateral = await simulatedCollateralJson(pki, new Date(START))
  assert.ok((await quotes.verify(quote, collateral)).report.accepted)
  assert.ok(Number.isNaN(quotes.collateralDaysLeft))
})

test('files are read at start, again when they change, and kept while they cannot be read', async () => {
  await using store = await testStore('sqlite')
  await using set = await setUp(store)
  const path = join(set.folder, 'collateral.json')
  await assert.rejects(
    (await setUp(store, { collateral: path })).open(),
    (error) => error instanceof ConfigError && /^quote-collateral: /.test(error.message),
  )
  await writeFile(path, await simulatedCollateralJson(pki, new Date(START)))
  await using own = await setUp(store, { collateral: path })
  await using quotes = await own.open()
  assert.ok((await quotes.verify(quote)).report.accepted)
  own.runtime.advance(20 * DAY_MS)
  const half = { ...(JSON.parse(await simulatedCollateralJson(pki, new Date(START))) as object), tcb_info: '{' }
  for (const broken of ['broken', JSON.stringify(half)]) {
    await writeFile(path, broken)
    await quotes.refresh()
    assert.ok((await quotes.verify(quote)).report.accepted)
    assert.match(own.log(), /the last one stays in use/)
  }
  own.runtime.advance(20 * DAY_MS)
  assert.equal((await quotes.verify(quote)).report.accepted, false)
  await writeFile(path, await simulatedCollateralJson(pki, new Date(own.runtime.now())))
  await quotes.refresh()
  assert.ok((await quotes.verify(quote)).report.accepted)
})

test('roots that are no certificates, and addresses that are none, stop the start', async () => {
  await using store = await testStore('sqlite')
  await using set = await setUp(store, { roots: '/dev/null' })
  await assert.rejects(set.open(), (error) => error instanceof ConfigError && /^quote-roots: /.test(error.message))
  await using other = await setUp(store, { collateral: 'https://' })
  await assert.rejects(other.open(), (error) => error instanceof ConfigError && /^quote-collateral: /.test(error.message))
})

test('the simulated root is trusted with the simulated provider alone, and beside real ones only when both are asked for', async () => {
  await using store = await testStore('sqlite')
  const verdict = async (settings: Partial<QuoteSettings>, own?: Buffer) => {
    await using set = await setUp(store, settings)
    await using quotes = await set.open()
    const given = own ?? (await quotes.generate(asApp('app'), Buffer.from('x')))
    return [given, (await quotes.verify(given)).report.accepted] as const
  }
  const [simulated, accepted] = await verdict({ provider: 'simulated' })
  assert.ok(accepted)
  assert.equal((await verdict({ provider: 'simulated' }, quote))[1], false)
  assert.ok((await verdict({ provider: 'simulated', trustBoth: true }, quote))[1])
  assert.ok((await verdict({ provider: 'simulated', trustBoth: true }, simulated))[1])
  assert.equal((await verdict({ provider: 'none' }, simulated))[1], false)
})

test('quotes are made one after the other, and an app waits for sixteen at most', async () => {
  await using store = await testStore('sqlite')
  await using set = await setUp(store, { provider: 'gramine', providerPath: '/nonexistent' })
  await using quotes = await set.open()
  const outcomes = await Promise.allSettled(Array.from({ length: 20 }, () => quotes.generate(asApp('app'), Buffer.from('x'))))
  const codes = outcomes.map((outcome) => outcome.status === 'rejected' && (outcome.reason as { code: string }).code)
  assert.deepEqual(codes, [...Array<string>(16).fill('quote_provider_failed'), ...Array<string>(4).fill('app_busy')])
  await assert.rejects(quotes.generate(asApp('app'), Buffer.from('x')), refusal('quote_provider_failed'))
})

test('a provider whose interface is missing fails with its reason in the log’s detail only', async () => {
  await using store = await testStore('sqlite')
  for (const provider of ['gramine', 'configfs-tsm'] as const) {
    await using set = await setUp(store, { provider, providerPath: '/nonexistent' })
    await using quotes = await set.open()
    await assert.rejects(quotes.generate(asApp('app'), Buffer.from('x')), (error: Error & { detail?: string }) => {
      assert.ok(refusal('quote_provider_failed')(error))
      assert.equal(error.message, 'The quote could not be produced.')
      return /nonexistent/.test(error.detail!)
    })
  }
})
