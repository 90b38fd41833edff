// The rules of the house: who may import whom, no cycles, no long files. See ARCHITECTURE.md.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { dirname, join, relative, resolve } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '..')
const MAX_LINES = 500

/** Packages of ours that each package may use. */
const MAY_USE: Record<string, string[]> = {
  launch: [],
  checks: [],
  der: [],
  service: [],
  client: [],
  crypto: ['der'],
  rego: ['der'],
  tpm: ['der', 'checks'],
  x509: ['der', 'checks'],
  dcap: ['der', 'checks', 'x509'],
  server: ['crypto', 'client', 'rego', 'tpm', 'x509', 'dcap', 'der', 'checks', 'service'],
  agent: ['launch', 'service', 'client', 'tpm', 'x509'],
  cli: ['launch', 'checks', 'client', 'rego', 'tpm', 'x509', 'dcap', 'server'],
}

/** Inside the server: what a folder may not know. An edge knows domains, a domain knows no edge and no HTTP, storage knows no rules. */
const SERVER_FORBIDDEN: Record<string, string[]> = {
  quotes: ['http', 'ehsm', 'gta', 'attestation', 'signing-keys', 'keys', 'secrets', 'tenants', 'operator', 'replay', 'outbound'],
  storage: [
    'http',
    'ehsm',
    'keys',
    'secrets',
    'quotes',
    'tenants',
    'seal',
    'audit',
    'operator',
    'replay',
    'outbound',
    'gta',
    'attestation',
    'signing-keys',
  ],
  seal: [
    'quotes',
    'http',
    'ehsm',
    'keys',
    'secrets',
    'tenants',
    'audit',
    'operator',
    'replay',
    'outbound',
    'gta',
    'attestation',
    'signing-keys',
  ],
  keys: ['quotes', 'http', 'ehsm', 'secrets', 'tenants', 'operator', 'replay', 'outbound', 'gta', 'attestation', 'signing-keys'],
  secrets: ['quotes', 'http', 'ehsm', 'tenants', 'operator', 'replay', 'outbound', 'gta', 'attestation', 'signing-keys'],
  outbound: [
    'quotes',
    'http',
    'ehsm',
    'keys',
    'tenants',
    'operator',
    'replay',
    'seal',
    'storage',
    'audit',
    'gta',
    'attestation',
    'signing-keys',
  ],
  tenants: ['quotes', 'http', 'ehsm', 'operator', 'replay', 'outbound', 'gta', 'attestation', 'signing-keys'],
  replay: ['quotes', 'http', 'ehsm', 'keys', 'secrets', 'tenants', 'operator', 'seal', 'outbound', 'gta', 'attestation', 'signing-keys'],
  audit: [
    'quotes',
    'http',
    'ehsm',
    'keys',
    'secrets',
    'tenants',
    'operator',
    'seal',
    'replay',
    'outbound',
    'gta',
    'attestation',
    'signing-keys',
  ],
  ehsm: ['http', 'gta', 'attestation', 'signing-keys', 'operator', 'outbound'],
  gta: ['http', 'ehsm', 'keys', 'secrets', 'operator', 'replay', 'seal', 'outbound'],
  attestation: ['quotes', 'http', 'ehsm', 'gta', 'keys', 'secrets', 'operator', 'replay', 'outbound'],
  'signing-keys': ['quotes', 'http', 'ehsm', 'gta', 'attestation', 'keys', 'secrets', 'tenants', 'operator', 'replay', 'outbound'],
  backup: ['quotes', 'http', 'ehsm', 'keys', 'secrets', 'tenants', 'operator', 'audit', 'outbound', 'gta', 'attestation', 'signing-keys'],
}

interface SourceFile {
  path: string
  text: string
  imports: string[]
}

const files = sourceFiles()

test('a package imports only what its manifest lists and the house allows', () => {
  const problems: string[] = []
  for (const { path, imports } of files) {
    const [, name = '', area] = path.split('/')
    const manifest = JSON.parse(readFileSync(join(ROOT, 'packages', name, 'package.json'), 'utf8'))
    const listed = new Set([
      ...Object.keys(manifest.dependencies ?? {}),
      ...(area === 'test' ? ['fast-check', ...Object.keys(manifest.devDependencies ?? {})] : []),
    ])
    for (const specifier of imports) {
      if (specifier.startsWith('.')) {
        const target = relative(ROOT, resolve(ROOT, dirname(path), specifier))
        if (area === 'src' && !target.startsWith(`packages/${name}/`)) problems.push(`${path}: reaches into ${target}`)
        continue
      }
      if (specifier.startsWith('node:')) continue
      const dependency = specifier.startsWith('@') ? specifier.split('/').slice(0, 2).join('/') : specifier.split('/')[0]!
      if (builtinModules.includes(dependency)) problems.push(`${path}: ${specifier} without node:`)
      else if (!listed.has(dependency) && dependency !== `@vouchsafe/${name}`)
        problems.push(`${path}: ${dependency} is not in the package's manifest`)
      const ours = /^@vouchsafe\/(.+)$/.exec(dependency)?.[1]
      if (area === 'src' && ours !== undefined && !MAY_USE[name]?.includes(ours)) problems.push(`${path}: ${name} may not use ${ours}`)
    }
  }
  assert.deepEqual(problems, [])
})

test('imports are found, over several lines too', () => {
  const edge = files.find(({ path }) => path === 'packages/server/src/storage/port.ts')
  for (const name of ['./rows.ts', './secret-port.ts']) assert.ok(edge?.imports.includes(name), name)
})

test('every package is in the table of who may use whom', () => {
  assert.deepEqual(readdirSync(join(ROOT, 'packages')).sort(), Object.keys(MAY_USE).sort())
})

test("the server's rooms know only what lies below them", () => {
  const problems: string[] = []
  for (const { path, imports } of files) {
    const room = /^packages\/server\/src\/([^/]+)\//.exec(path)?.[1]
    if (room === undefined) continue
    for (const specifier of imports.filter((text) => text.startsWith('.'))) {
      const target = /^packages\/server\/src\/([^/]+)\//.exec(relative(ROOT, resolve(ROOT, dirname(path), specifier)))?.[1]
      if (target !== undefined && SERVER_FORBIDDEN[room]?.includes(target)) problems.push(`${path}: ${room} may not know ${target}`)
    }
  }
  assert.deepEqual(problems, [])
})

test('no domain knows HTTP', () => {
  const domains = /^packages\/server\/src\/(keys|secrets|tenants|seal|storage|replay|audit|attestation|signing-keys)\//
  const offenders = files.filter(
    ({ path, imports }) => domains.test(path) && imports.some((name) => /^(fastify|node:http|node:https)$/.test(name)),
  )
  assert.deepEqual(
    offenders.map(({ path }) => path),
    [],
  )
})

test('there are no import cycles', () => {
  const graph = new Map(files.map(({ path, text }) => [path, valueImports(path, text)]))
  const done = new Set<string>()
  const cycles: string[] = []
  const visit = (path: string, trail: string[]): void => {
    if (trail.includes(path)) return void cycles.push([...trail.slice(trail.indexOf(path)), path].join(' -> '))
    if (done.has(path)) return
    for (const next of graph.get(path) ?? []) visit(next, [...trail, path])
    done.add(path)
  }
  for (const path of graph.keys()) visit(path, [])
  assert.deepEqual(cycles, [])
})

test(`no source file is longer than ${MAX_LINES} lines`, () => {
  const long = files.filter(({ text }) => text.split('\n').length > MAX_LINES)
  assert.deepEqual(
    long.map(({ path }) => path),
    [],
  )
})

function sourceFiles(): SourceFile[] {
  return readdirSync(join(ROOT, 'packages'), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts') && /^[^/]+\/(src|test)\//.test(path) && !path.includes('node_modules'))
    .map((path) => {
      const text = readFileSync(join(ROOT, 'packages', path), 'utf8')
      return {
        path: `packages/${path}`,
        text,
        imports: [
          ...text.matchAll(
            /(?:^|\n)(?:import|export)[^'"\n]*?(?:\{[^}]*\})?[^'"\n]*?from '([^']+)'|import\('([^']+)'\)|(?:^|\n)import '([^']+)'/g,
          ),
        ].map((match) => (match[1] ?? match[2] ?? match[3])!),
      }
    })
}

/** Files of the same package that a file needs at run time; types alone make no cycle. */
function valueImports(path: string, text: string): string[] {
  const statements = text.matchAll(/(?:^|\n)(?:import|export) (?!type )(?:[^;'"]*?from )?'(\.[^']+)'/g)
  return [...statements].map((match) => relative(ROOT, resolve(ROOT, dirname(path), match[1]!)))
}
