import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { carriesTrustedPck, fetchCollateral, parseQuote, platformIdOf, QuoteError, readCollateral, serviceUrl } from '../src/index.ts'
import { pemOf } from '../src/providers/simulated/collateral.ts'
import { createSimulatedPki, SIMULATED_PCK } from '../src/providers/simulated/pki.ts'
import { AT, foreignPki, makeCollateralJson, makeQuote, pki, verify } from './support/simulation.ts'
import type { CollateralJson } from './support/simulation.ts'

async function pccs(respond: (request: IncomingMessage, response: ServerResponse) => void) {
  const requests: string[] = []
  const server = createServer((request, response) => {
    requests.push(request.url!)
    respond(request, response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    requests,
    baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** What a PCCS answers for the simulated platform. */
function answers(json: CollateralJson) {
  const send = (response: ServerResponse, body: string | Buffer, header?: string, chain?: string) =>
    response.writeHead(200, header === undefined ? {} : { [header]: encodeURIComponent(json[chain!]!) }).end(body)
  return (request: IncomingMessage, response: ServerResponse) => {
    const path = request.url!.replace(/\?.*/, '')
    if (path.endsWith('/rootcacrl')) send(response, json['root_ca_crl']!)
    else if (path.endsWith('/pckcrl'))
      send(response, Buffer.from(json['pck_crl']!, 'hex'), 'SGX-PCK-CRL-Issuer-Chain', 'pck_crl_issuer_chain')
    else if (path.endsWith('/tcb'))
      send(
        response,
        `{"tcbInfo":${json['tcb_info']!},"signature":"${json['tcb_info_signature']!}"}`,
        'TCB-Info-Issuer-Chain',
        'tcb_info_issuer_chain',
      )
    else
      send(
        response,
        `{"enclaveIdentity":${json['qe_identity']!},"signature":"${json['qe_identity_signature']!}"}`,
        'SGX-Enclave-Identity-Issuer-Chain',
        'qe_identity_issuer_chain',
      )
  }
}

for (const [tee, quote] of [
  ['SGX', makeQuote()],
  ['TDX', makeQuote({ version: 4, tee: 'TDX' })],
] as const)
  test(`collateral for an ${tee} quote is fetched from a PCCS by what the quote says of its platform`, async () => {
    await using server = await pccs(answers(await makeCollateralJson({ tee })))
    const platform = platformIdOf(parseQuote(quote))
    assert.deepEqual(platform, { tee, fmspc: Buffer.from('SIMULA').toString('hex'), ca: 'platform' })
    const collateral = readCollateral(await fetchCollateral({ baseUrl: server.baseUrl, platform }))
    assert.deepEqual(verify(quote, collateral).reasons, [])
    const folder = tee.toLowerCase()
    assert.deepEqual(
      server.requests.sort(),
      [
        '/sgx/certification/v4/pckcrl?ca=platform&encoding=der',
        '/sgx/certification/v4/rootcacrl',
        `/${folder}/certification/v4/qe/identity`,
        `/${folder}/certification/v4/tcb?fmspc=53494D554C41`,
      ].sort(),
    )
  })

test('Intel’s own service is asked for the root’s CRL where Intel publishes it', async () => {
  const asked: string[] = []
  const fetch = (async (url: URL) => {
    asked.push(url.href)
    return new Response('{}')
  }) as typeof globalThis.fetch
  const platform = { tee: 'SGX', fmspc: '00a067110000', ca: 'processor' } as const
  await fetchCollateral({ baseUrl: 'https://api.trustedservices.intel.com', platform, fetch })
  assert.deepEqual(asked.sort(), [
    'https://api.trustedservices.intel.com/sgx/certification/v4/pckcrl?ca=processor&encoding=der',
    'https://api.trustedservices.intel.com/sgx/certification/v4/qe/identity',
    'https://api.trustedservices.intel.com/sgx/certification/v4/tcb?fmspc=00A067110000',
    'https://certificates.trustedservices.intel.com/IntelSGXRootCA.der',
  ])
})

const PLATFORM = { tee: 'SGX', fmspc: '53494d554c41', ca: 'platform' } as const

for (const [what, respond, message] of [
  ['answers 404', (_request: IncomingMessage, response: ServerResponse) => response.writeHead(404).end(), /answered 404/],
  [
    'redirects',
    (_request: IncomingMessage, response: ServerResponse) => response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end(),
    /cannot be reached/,
  ],
  [
    'sends a malformed header',
    (_request: IncomingMessage, response: ServerResponse) =>
      response.writeHead(200, { 'TCB-Info-Issuer-Chain': '%zz', 'SGX-PCK-CRL-Issuer-Chain': '%zz' }).end('{}'),
    /header with its issuers is malformed/,
  ],
] as const)
  test(`a source that ${what} is an error that names the part`, async () => {
    await using server = await pccs(respond)
    await assert.rejects(fetchCollateral({ baseUrl: server.baseUrl, platform: PLATFORM }), { name: 'CollateralError', message })
  })

test('a source that never answers is given up', async () => {
  await using server = await pccs(() => undefined)
  await assert.rejects(fetchCollateral({ baseUrl: server.baseUrl, platform: PLATFORM, timeoutMs: 50 }), /timed out/)
})

test('a source that sends without end is cut off', async () => {
  const fetch = (async () =>
    new Response(
      new ReadableStream({
        pull: (controller) => controller.enqueue(new Uint8Array(1024 * 1024)),
      }),
    )) as typeof globalThis.fetch
  await assert.rejects(fetchCollateral({ baseUrl: 'http://127.0.0.1', platform: PLATFORM, fetch }), /longer than 16777216 bytes/)
})

test('a quote is worth asking for only if its PCK certificate leads to a trusted root', () => {
  const roots = [pki.root.certificate]
  assert.ok(carriesTrustedPck(parseQuote(makeQuote()), roots, AT))
  assert.ok(!carriesTrustedPck(parseQuote(makeQuote()), [], AT))
  assert.ok(!carriesTrustedPck(parseQuote(makeQuote({ pki: foreignPki })), roots, AT))
  const without = (type: number, data: Buffer) => parseQuote(makeQuote({ fields: { certification: { type, data } } }))
  assert.ok(!carriesTrustedPck(without(1, Buffer.alloc(36)), roots, AT))
  assert.ok(!carriesTrustedPck(without(5, Buffer.from('-----BEGIN X-----')), roots, AT))
})

test('what is asked for is the platform of the very certificate that is trusted, whatever labels the others have', async () => {
  const other = await createSimulatedPki(AT, { ...SIMULATED_PCK, fmspc: Buffer.from('OTHERS') })
  const first = pemOf(other.pck.certificate).replaceAll('CERTIFICATE', 'X509 CERTIFICATE')
  for (const label of [first, first.replaceAll('X509 CERTIFICATE', 'SOMETHING')]) {
    const data = Buffer.from(label + pemOf(pki.pck.certificate, pki.pckCa.certificate, pki.root.certificate))
    const quote = parseQuote(makeQuote({ fields: { certification: { type: 5, data } } }))
    assert.equal(platformIdOf(quote).fmspc, Buffer.from('OTHERS').toString('hex'))
    assert.ok(!carriesTrustedPck(quote, [pki.root.certificate], AT))
  }
})

test('a service may be given with the path of its API', () => {
  for (const path of ['', '/', '/sgx/certification/v4', '/sgx/certification/v3/'])
    assert.equal(serviceUrl(`https://localhost:8081${path}`).href, 'https://localhost:8081/')
  assert.equal(serviceUrl('https://proxy/pccs').href, 'https://proxy/pccs/')
})

test('other URLs, and quotes without a PCK certificate, are refused before anything is asked', async () => {
  for (const baseUrl of ['file:///etc', 'https://', 'https://user:word@localhost'])
    await assert.rejects(fetchCollateral({ baseUrl, platform: PLATFORM }), { field: 'collateral URL' })
  const bare = parseQuote(makeQuote({ fields: { certification: { type: 1, data: Buffer.alloc(36) } } }))
  assert.throws(() => platformIdOf(bare), QuoteError)
  const broken = parseQuote(makeQuote({ fields: { certification: { type: 5, data: Buffer.from('-----BEGIN X-----') } } }))
  assert.throws(() => platformIdOf(broken), QuoteError)
})
