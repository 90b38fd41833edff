import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { TLSSocket } from 'node:tls'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { GTA, type GtaDescriptor } from '@vouchsafe/operations'
import { pkiAt } from '@vouchsafe/testkit/pki'
import { AuthorityClient, VouchsafeConnectionError, VouchsafeError } from '../src/index.ts'
import type { AuthorityOptions } from '../src/index.ts'

/** Of the two methods of register, one is enough. */
const ROUTES = Object.values<GtaDescriptor>(GTA)
  .filter(({ name }) => name !== 'RegisterByGet')
  .map(({ method, paths: [path], repeatable }) => ({ method, path, repeatable }))
const PREFIX = '/global-trust-authority/v1/service'
const AK = '/v1/attestation'
const DIGEST = 'ab'.repeat(32)
const STORED = { id: 'x', name: 'n', version: 2 }
const NONCE = { iat: 1747646103, value: 'alTQ', signature: 'UTeR' }
const bytes = (text: string) => new TextEncoder().encode(text)

interface Seen {
  method: string
  path: string
  query: Record<string, string>
  headers: IncomingMessage['headers']
  body: unknown
}

interface StandIn extends AsyncDisposable {
  url: string
  seen: Seen[]
}

type Reply = { status?: number; body?: object | string } | ((response: ServerResponse) => void)

/** Answers each request with what `reply` gives for it; `count` is how many came before. */
async function startStandIn(reply: (request: Seen, count: number) => Reply): Promise<StandIn> {
  const seen: Seen[] = []
  const server = createServer(async (request, response) => {
    let text = ''
    for await (const chunk of request) text += String(chunk)
    const { pathname, searchParams } = new URL(request.url!, 'http://host')
    const { method = '', headers } = request
    const one = {
      method,
      path: pathname,
      query: Object.fromEntries(searchParams),
      headers,
      body: text === '' ? undefined : JSON.parse(text),
    }
    seen.push(one)
    const answer = reply(one, seen.length - 1)
    if (typeof answer === 'function') return answer(response)
    const { status = 200, body = {} } = answer
    response.writeHead(status).end(typeof body === 'string' ? body : JSON.stringify(body))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function clientOf(baseUrl: string, options: Partial<AuthorityOptions> = {}): AuthorityClient {
  return new AuthorityClient({ baseUrl, user: 'payroll', sleep: () => Promise.resolve(), ...options })
}

interface Row {
  call: (client: AuthorityClient) => Promise<unknown>
  method: string
  path: string
  query?: Record<string, string>
  body?: object
  answer?: object | string
  gives?: unknown
}

const EVIDENCE = { agent_version: '1.0', measurements: [{ node_id: 'n', evidences: [{ attester_type: 'tpm_boot', evidence: {} }] }] }
const POLICY = { name: 'n', attester_type: ['tpm_ima'], content_type: 'text', content: 'cGFja2FnZQ==' } as const
const BASELINE = { name: 'n', attester_type: 'tpm_ima', content: 'a.b.c' }
const VERDICT = { verification_pass: false, token_body: null, token_header: null, message: 'Token is expired.', checks: [] }
const ISSUED = { node_id: 'n', serial_number: '0a', not_after: 5, certificate: 'PEM', authority: 'CA' }

/** One row per method: what must reach the server, its answer, and what the caller must get. */
const ROWS: Row[] = [
  {
    call: (c) => c.challenge(['tpm_boot']),
    method: 'POST',
    path: `${PREFIX}/challenge`,
    body: { agent_version: '1.0', attester_type: ['tpm_boot'] },
    answer: { service_version: '1.0', nonce: NONCE },
    gives: NONCE,
  },
  {
    call: (c) => c.attest(EVIDENCE),
    method: 'POST',
    path: `${PREFIX}/attest`,
    body: EVIDENCE,
    answer: { service_version: '1.0', tokens: [{ node_id: 'n', token: 't' }], errors: [] },
    gives: { service_version: '1.0', tokens: [{ node_id: 'n', token: 't' }], errors: [] },
  },
  {
    call: (c) => c.verifyToken('a.b.c'),
    method: 'POST',
    path: `${PREFIX}/token/verify`,
    body: { token: 'a.b.c' },
    answer: VERDICT,
    gives: VERDICT,
  },
  {
    call: (c) => c.jsonWebKeySet(),
    method: 'GET',
    path: '/.well-known/jwks.json',
    answer: { keys: [{ kid: 'k' }] },
    gives: { keys: [{ kid: 'k' }] },
  },
  {
    call: (c) => c.replaceApiKey(),
    method: 'POST',
    path: `${PREFIX}/register`,
    answer: { 'User-Id': 'payroll', 'API-Key': 'k' },
    gives: { user: 'payroll', apiKey: 'k' },
  },
  {
    call: (c) => c.addCertificate({ name: 'n', type: ['tpm_boot'], content: 'PEM', is_default: true }),
    method: 'POST',
    path: `${PREFIX}/cert`,
    body: { name: 'n', type: ['tpm_boot'], content: 'PEM', is_default: true },
    answer: { cert: { cert_id: 'x', cert_name: 'n', version: 2 } },
    gives: STORED,
  },
  {
    call: (c) => c.updateCertificate('x', { description: 'd' }),
    method: 'PUT',
    path: `${PREFIX}/cert`,
    body: { id: 'x', description: 'd' },
    answer: { cert: { cert_id: 'x', version: 2 } },
    gives: { id: 'x', version: 2 },
  },
  {
    call: (c) => c.listCertificates(),
    method: 'GET',
    path: `${PREFIX}/cert`,
    answer: { certs: [{ cert_id: 'x' }] },
    gives: [{ cert_id: 'x' }],
  },
  {
    call: (c) => c.listCertificates('policy'),
    method: 'GET',
    path: `${PREFIX}/cert`,
    query: { cert_type: 'policy' },
    answer: { certs: [] },
    gives: [],
  },
  {
    call: (c) => c.getCertificates(['x', 'y']),
    method: 'GET',
    path: `${PREFIX}/cert`,
    query: { ids: 'x,y' },
    answer: { certs: [] },
    gives: [],
  },
  {
    call: (c) => c.deleteCertificates({ ids: ['x'] }),
    method: 'DELETE',
    path: `${PREFIX}/cert`,
    body: { delete_type: 'id', ids: ['x'] },
    answer: '',
  },
  {
    call: (c) => c.deleteCertificates({ type: 'policy' }),
    method: 'DELETE',
    path: `${PREFIX}/cert`,
    body: { delete_type: 'type', type: 'policy' },
    answer: '',
  },
  { call: (c) => c.deleteCertificates({ all: true }), method: 'DELETE', path: `${PREFIX}/cert`, body: { delete_type: 'all' }, answer: '' },
  {
    call: (c) => c.putCrl('n', 'PEM'),
    method: 'POST',
    path: `${PREFIX}/cert`,
    body: { name: 'n', type: ['crl'], crl_content: 'PEM' },
    answer: { crl: { crl_id: 'x', crl_name: 'n' } },
    gives: { id: 'x', name: 'n' },
  },
  {
    call: (c) => c.listCrls(['x']),
    method: 'GET',
    path: `${PREFIX}/cert`,
    query: { cert_type: 'crl', ids: 'x' },
    answer: { crls: [] },
    gives: [],
  },
  { call: (c) => c.deleteCrls({ ids: ['x'] }), method: 'DELETE', path: `${PREFIX}/cert`, body: { type: 'crl', ids: ['x'] }, answer: '' },
  { call: (c) => c.deleteCrls({ all: true }), method: 'DELETE', path: `${PREFIX}/cert`, body: { type: 'crl' }, answer: '' },
  { call: (c) => c.addPolicy(POLICY), method: 'POST', path: `${PREFIX}/policy`, body: POLICY, answer: { policy: STORED }, gives: STORED },
  {
    call: (c) => c.updatePolicy('x', { name: 'm' }),
    method: 'PUT',
    path: `${PREFIX}/policy`,
    body: { id: 'x', name: 'm' },
    answer: { policy: STORED },
    gives: STORED,
  },
  {
    call: (c) => c.listPolicies('tpm_ima'),
    method: 'GET',
    path: `${PREFIX}/policy`,
    query: { attester_type: 'tpm_ima' },
    answer: { policies: [{ id: 'x' }] },
    gives: [{ id: 'x' }],
  },
  { call: (c) => c.getPolicies(['x']), method: 'GET', path: `${PREFIX}/policy`, query: { ids: 'x' }, answer: { policies: [] }, gives: [] },
  {
    call: (c) => c.deletePolicies({ type: 'tpm_ima' }),
    method: 'DELETE',
    path: `${PREFIX}/policy`,
    body: { delete_type: 'attester_type', attester_type: 'tpm_ima' },
    answer: '',
  },
  {
    call: (c) => c.addBaseline(BASELINE),
    method: 'POST',
    path: `${PREFIX}/ref_value`,
    body: BASELINE,
    answer: { refvalue: { ...STORED, version: '2' } },
    gives: STORED,
  },
  {
    call: (c) => c.updateBaseline('x', { is_default: false }),
    method: 'PUT',
    path: `${PREFIX}/ref_value`,
    body: { id: 'x', is_default: false },
    answer: { refvalue: { ...STORED, version: '2' } },
    gives: STORED,
  },
  { call: (c) => c.listBaselines(), method: 'GET', path: `${PREFIX}/ref_value`, answer: { refvalue: [{ id: 'x' }] }, gives: [{ id: 'x' }] },
  {
    call: (c) => c.getBaselines(['x']),
    method: 'GET',
    path: `${PREFIX}/ref_value`,
    query: { ids: 'x' },
    answer: { refvalue: [] },
    gives: [],
  },
  {
    call: (c) => c.deleteBaselines({ type: 'tpm_ima' }),
    method: 'DELETE',
    path: `${PREFIX}/ref_value`,
    body: { delete_type: 'type', attester_type: 'tpm_ima' },
    answer: '',
  },
  {
    call: (c) => c.challengeAk({ ek_certificate: 'PEM', ek_public: bytes('e'), ak_public: bytes('a') }),
    method: 'POST',
    path: `${AK}/ak-certificates/challenges`,
    body: { ek_certificate: 'PEM', ek_public: 'ZQ==', ak_public: 'YQ==' },
    answer: { challenge_id: 'c', node_id: 'n', credential_blob: 'YQ==', encrypted_secret: 'ZQ==' },
    gives: { challenge_id: 'c', node_id: 'n', credential_blob: bytes('a'), encrypted_secret: bytes('e') },
  },
  {
    call: (c) => c.issueAkCertificate('c', bytes('s')),
    method: 'POST',
    path: `${AK}/ak-certificates`,
    body: { challenge_id: 'c', secret: 'cw==' },
    answer: ISSUED,
    gives: ISSUED,
  },
  {
    call: (c) => c.listAkCertificates('n'),
    method: 'GET',
    path: `${AK}/ak-certificates`,
    query: { node_id: 'n' },
    answer: { certificates: [] },
    gives: [],
  },
  {
    call: (c) => c.revokeAkCertificates({ node_id: 'n' }, 'keyCompromise'),
    method: 'POST',
    path: `${AK}/ak-certificates/revocations`,
    body: { node_id: 'n', reason: 'keyCompromise' },
    answer: { revoked: ['0a'] },
    gives: ['0a'],
  },
  { call: (c) => c.listAkAuthorities(), method: 'GET', path: `${AK}/ak-certificates/authority`, answer: { authorities: [] }, gives: [] },
  {
    call: (c) => c.addAkEnrolment('n', { ek_digest: DIGEST }),
    method: 'POST',
    path: `${AK}/ak-enrolments`,
    body: { node_id: 'n', ek_digest: DIGEST },
    answer: { ek_digest: DIGEST, node_id: 'n', created_at: 5 },
    gives: { ek_digest: DIGEST, node_id: 'n', created_at: 5 },
  },
  { call: (c) => c.listAkEnrolments(), method: 'GET', path: `${AK}/ak-enrolments`, answer: { enrolments: [] }, gives: [] },
  {
    call: (c) => c.deleteAkEnrolment(DIGEST),
    method: 'DELETE',
    path: `${AK}/ak-enrolments`,
    body: { ek_digest: DIGEST },
    answer: { deleted: true },
    gives: true,
  },
]

for (const { call, method, path, query = {}, body, answer = {}, gives } of ROWS) {
  test(`${method} ${path} ${JSON.stringify(body ?? query).slice(0, 60)}: what is sent and what is given`, async () => {
    await using server = await startStandIn(() => ({ body: answer }))
    assert.deepEqual(await call(clientOf(server.url)), gives)
    assert.equal(server.seen.length, 1)
    const { headers, ...sent } = server.seen[0]!
    assert.deepEqual(sent, { method, path, query, body })
    assert.deepEqual([headers['user-id'], headers['api-key']], ['payroll', undefined])
    assert.equal(headers['content-type'], body === undefined ? undefined : 'application/json')
  })
}

test('every route is called by a method', () => {
  const covered = new Set(ROWS.map(({ method, path }) => `${method} ${path}`))
  for (const { method, path } of ROUTES)
    assert.ok(covered.has(`${method} ${path.startsWith('/') ? path : `${PREFIX}/${path}`}`), `${method} ${path}`)
})

test('the API key is sent in its header, and never shown', async () => {
  await using server = await startStandIn(() => ({ body: { certs: [] } }))
  const client = clientOf(`${server.url}/behind/a/path/`, { apiKey: 'SeCrEt' })
  await client.listCertificates()
  assert.equal(server.seen[0]!.path, `/behind/a/path${PREFIX}/cert`)
  assert.equal(server.seen[0]!.headers['api-key'], 'SeCrEt')
  assert.doesNotMatch(inspect(client, { depth: 9 }), /SeCrEt/)
})

test('a new user is made without an identity', async () => {
  await using server = await startStandIn(() => ({ body: { 'User-Id': 'u', 'API-Key': 'k' } }))
  assert.deepEqual(await AuthorityClient.register({ baseUrl: server.url }), { user: 'u', apiKey: 'k' })
  assert.deepEqual([server.seen[0]!.headers['user-id'], server.seen[0]!.headers['api-key']], [undefined, undefined])
})

test('a refusal is a VouchsafeError with the status and the message of the authority', async () => {
  for (const status of [400, 401, 403, 409, 429, 500, 503]) {
    await using server = await startStandIn(() => ({ status, body: { service_version: '1.0', message: 'name is required' } }))
    await assert.rejects(clientOf(server.url).listPolicies(), (error) => {
      assert.ok(error instanceof VouchsafeError)
      assert.deepEqual([error.code, error.message, error.action], [status, 'name is required', 'QueryPolicies'])
      return true
    })
    assert.equal(server.seen.length, 1)
  }
})

test('what is no answer of the API is a VouchsafeConnectionError', async () => {
  for (const [reply, message] of [
    [{ body: '<html>' }, /not a JSON object/],
    [{ body: '[]' }, /not a JSON object/],
    [{ body: { certs: 'x' } }, /the result has no certs/],
    [{ status: 404, body: '<html>' }, /HTTP status 404/],
    [{ status: 302, body: '' }, /HTTP status 302 \(redirects are not followed\)/],
  ] as const) {
    await using server = await startStandIn(() => reply)
    await assert.rejects(
      clientOf(server.url).listCertificates(),
      (error) => error instanceof VouchsafeConnectionError && message.test(error.message),
    )
  }
})

test('after a lost answer only what is safe to repeat is sent again', async () => {
  for (const { call, method, path } of ROWS) {
    await using server = await startStandIn(() => (response) => void response.socket!.destroy())
    await assert.rejects(call(clientOf(server.url, { retries: 2 })), VouchsafeConnectionError)
    const routes = ROUTES.filter((route) => route.method === method && path.endsWith(route.path))
    const route = routes.sort((a, b) => b.path.length - a.path.length)[0]!
    assert.equal(server.seen.length, route.repeatable ? 3 : 1, `${method} ${path}`)
  }
})

test('lists that come in pages are given whole, and never end in a circle', async () => {
  const pages: Record<string, object> = { '': { enrolments: [{ node_id: 'a' }], next: '1' }, 1: { enrolments: [{ node_id: 'b' }] } }
  await using server = await startStandIn(({ query }) => ({ body: pages[query['after'] ?? '']! }))
  assert.deepEqual(await clientOf(server.url).listAkEnrolments(), [{ node_id: 'a' }, { node_id: 'b' }])
  await using endless = await startStandIn(() => ({ body: { enrolments: [], next: 'x' } }))
  await assert.rejects(clientOf(endless.url).listAkEnrolments(), /do not end/)
})

test('options and inputs that cannot work are TypeErrors, and nothing is sent', async () => {
  await using server = await startStandIn(() => ({}))
  for (const options of [
    { user: '' },
    { user: 'x'.repeat(37) },
    { user: 'line\nbreak' },
    { apiKey: 'with blank' },
    { baseUrl: 'kms.example.org' },
    { tls: { ca: 'PEM' } },
    { baseUrl: 'https://127.0.0.1', tls: {}, fetch },
    { baseUrl: 'https://127.0.0.1', tls: { ca: '' } },
    { baseUrl: 'https://127.0.0.1', tls: { ca: 'no PEM' } },
    { timeoutMs: 0 },
  ] as Partial<AuthorityOptions>[])
    assert.throws(() => clientOf(server.url, options), TypeError)
  const client = clientOf(server.url)
  await assert.rejects(client.getCertificates([]), TypeError)
  await assert.rejects(client.getPolicies(['a,b']), TypeError)
  await assert.rejects(client.issueAkCertificate('c', 'text' as never), TypeError)
  assert.equal(server.seen.length, 0)
})

test('with tls, the client shows its certificate and trusts the given authority alone', async () => {
  const pki = pkiAt(Date.now())
  const root = await pki.root()
  const pem = (key: { export(options: { format: 'pem'; type: 'pkcs8' }): string | Buffer }) =>
    String(key.export({ format: 'pem', type: 'pkcs8' }))
  const [own, other] = [await pki.leaf(root, 'CN=agent'), await pki.root('CN=Other')]
  const host = await pki.leaf(root, 'CN=host', { subjectAltName: [{ type: 'ip', value: '127.0.0.1' }] })
  const seen: (string | undefined)[] = []
  const server = createTlsServer(
    { key: pem(host.privateKey), cert: host.pem, ca: root.pem, requestCert: true, rejectUnauthorized: false },
    (request, response) => {
      const { socket } = request
      seen.push(socket instanceof TLSSocket && socket.authorized ? String(socket.getPeerCertificate().subject.CN) : undefined)
      // A POST waits for ever.
      if (request.method === 'POST') return
      if (request.method === 'DELETE') response.writeHead(204).end()
      else response.end(JSON.stringify({ certs: [{ cert_id: 'x'.repeat(100_000) }] }))
    },
  )
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  try {
    const baseUrl = `https://127.0.0.1:${(server.address() as AddressInfo).port}`
    const tls = { cert: own.pem, key: pem(own.privateKey), ca: root.pem }
    assert.equal((await clientOf(baseUrl, { tls }).listCertificates())[0]!.cert_id.length, 100_000)
    await clientOf(baseUrl, { tls: { ca: root.pem } }).listCertificates()
    await assert.rejects(clientOf(baseUrl, { tls }).deleteCertificates({ all: true }), /HTTP status 204/)
    await assert.rejects(clientOf(baseUrl, { tls: { ...tls, ca: other.pem }, retries: 0 }).listCertificates(), VouchsafeConnectionError)
    assert.deepEqual(seen, ['agent', undefined, 'agent'])
    await assert.rejects(clientOf(baseUrl, { tls, timeoutMs: 300, retries: 0 }).verifyToken('t'), /no answer within 300 ms/)
  } finally {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
})

test('an answer that does not come is a time-out', async () => {
  await using silent = await startStandIn(() => () => {})
  await assert.rejects(clientOf(silent.url, { timeoutMs: 20, retries: 0 }).listPolicies(), /no answer within 20 ms/)
})
