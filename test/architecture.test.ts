// The rules of the house: who may import whom, no cycles, no long files. See ARCHITECTURE.md.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { dirname, join, relative, resolve } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '..')
const SERVER = 'packages/server/src'
const MAX_LINES = 500

/** Packages of ours that each package may use. */
const MAY_USE: Record<string, string[]> = {
  launch: [],
  checks: [],
  der: [],
  service: [],
  'audit-log': [],
  command: [],
  operations: [],
  client: ['operations'],
  crypto: ['der'],
  rego: ['der'],
  tpm: ['der', 'checks'],
  x509: ['der', 'checks'],
  dcap: ['der', 'checks', 'x509'],
  server: ['audit-log', 'crypto', 'operations', 'client', 'rego', 'tpm', 'x509', 'dcap', 'der', 'checks', 'service'],
  agent: ['launch', 'service', 'command', 'client', 'tpm', 'x509'],
  cli: ['launch', 'audit-log', 'checks', 'command', 'client', 'rego', 'tpm', 'x509', 'dcap', 'server'],
  testkit: ['audit-log', 'cli', 'client', 'server', 'tpm', 'x509'],
}

/** Only for tests: the shared support, and what it starts servers with. */
const TESTKIT = '@vouchsafe/testkit'
const TESTING_ENTRY = '@vouchsafe/server/testing'

/**
 * The server's rooms and what each may import, through the other's `index.ts` alone. Arrows go down only: a wire's words never leave its edge,
 * a domain knows no edge and no HTTP, storage knows no rules. A room without a row fails, and so does an arrow that isn't here.
 */
const ROOMS: Record<string, readonly string[]> = {
  // What everything stands on.
  foundation: [],
  access: ['foundation'],
  storage: ['foundation'],
  'root-key': ['foundation'],
  trail: ['access', 'foundation', 'storage'],
  envelope: ['access', 'foundation', 'root-key', 'storage', 'trail'],
  // Domains.
  'signing-keys': ['access', 'envelope', 'foundation', 'root-key', 'storage', 'trail'],
  config: ['root-key', 'signing-keys'],
  keys: ['access', 'envelope', 'foundation', 'storage', 'trail'],
  secrets: ['access', 'envelope', 'foundation', 'keys', 'root-key', 'storage', 'trail'],
  outbound: ['config', 'secrets'],
  tenants: ['access', 'envelope', 'foundation', 'keys', 'root-key', 'storage', 'trail'],
  quotes: ['access', 'config', 'envelope', 'foundation', 'storage', 'trail'],
  attestation: ['access', 'envelope', 'foundation', 'root-key', 'signing-keys', 'storage', 'trail'],
  replay: ['foundation', 'storage'],
  backup: ['access', 'envelope', 'foundation', 'replay', 'root-key', 'storage', 'trail'],
  // Edges.
  edge: ['access', 'foundation', 'trail'],
  ehsm: ['access', 'edge', 'foundation', 'keys', 'quotes', 'replay', 'secrets', 'storage', 'tenants', 'trail'],
  gta: ['access', 'attestation', 'edge', 'foundation', 'signing-keys', 'storage', 'tenants', 'trail'],
  operator: [
    'access',
    'attestation',
    'backup',
    'edge',
    'envelope',
    'foundation',
    'keys',
    'quotes',
    'root-key',
    'secrets',
    'signing-keys',
    'tenants',
    'trail',
  ],
  // What runs them.
  serving: [
    'attestation',
    'config',
    'edge',
    'ehsm',
    'envelope',
    'foundation',
    'gta',
    'keys',
    'outbound',
    'quotes',
    'replay',
    'secrets',
    'signing-keys',
    'storage',
    'tenants',
    'trail',
  ],
  process: [
    'access',
    'attestation',
    'backup',
    'config',
    'ehsm',
    'envelope',
    'foundation',
    'gta',
    'keys',
    'operator',
    'quotes',
    'replay',
    'root-key',
    'secrets',
    'serving',
    'signing-keys',
    'storage',
    'trail',
  ],
}

/** The one file beside the rooms: the package's public entry. */
const ROOT_FILES: Record<string, readonly string[]> = { 'index.ts': ['operator', 'process', 'trail'] }

/** Only these know that requests come over HTTP. */
const HTTP_ROOMS = ['edge', 'ehsm', 'gta', 'operator', 'serving', 'process']

interface SourceFile {
  path: string
  text: string
  imports: string[]
}

const files = sourceFiles()

test('a package imports only what its manifest lists and the house allows', () => {
  assert.deepEqual(files.flatMap(packageProblems), [])
})

test('forbidden imports of packages are refused, in their tests too', () => {
  const planted: [path: string, specifier: string][] = [
    ['tpm/src/pcr.ts', '../../x509/src/index.ts'],
    ['tpm/src/pcr.ts', '@vouchsafe/x509'],
    ['tpm/src/pcr.ts', '@vouchsafe/testkit/swtpm'],
    ['tpm/src/pcr.ts', '../test/support/mutations.ts'],
    ['server/src/index.ts', '@vouchsafe/testkit/server'],
    ['server/src/index.ts', '@vouchsafe/cli'],
    ['cli/src/run.ts', '@vouchsafe/server/testing'],
    ['agent/src/main.ts', '@vouchsafe/server'],
    ['client/src/index.ts', 'fast-check'],
    ['testkit/src/swtpm.ts', '../../tpm/src/index.ts'],
    ['testkit/src/swtpm.ts', '../../tpm/test/support/mutations.ts'],
    ['testkit/src/swtpm.ts', '@vouchsafe/agent'],
    ['testkit/src/swtpm.ts', 'fast-check'],
    ['tpm/test/quote.test.ts', '../../x509/src/index.ts'],
    ['tpm/test/quote.test.ts', '../../testkit/src/swtpm.ts'],
    ['tpm/test/quote.test.ts', '@vouchsafe/x509'],
    ['agent/test/support/host.ts', '../../../tpm/test/support/mutations.ts'],
    ['agent/test/tls.test.ts', '@vouchsafe/server/testing'],
    ['cli/test/keys.test.ts', '../../server/src/process/server.ts'],
    ['cli/test/keys.test.ts', '../../../tools/test.ts'],
    ['client/test/client.test.ts', 'jose'],
    ['x509/test/der.test.ts', 'fs'],
  ]
  for (const [path, specifier] of planted)
    assert.equal(packageProblems({ path: `packages/${path}`, text: '', imports: [specifier] }).length, 1, `${path} may import ${specifier}`)
  const allowed: [path: string, specifier: string][] = [
    ['tpm/test/quote.test.ts', '../src/index.ts'],
    ['tpm/test/quote.test.ts', '@vouchsafe/tpm'],
    ['tpm/test/quote.test.ts', '@vouchsafe/testkit/swtpm'],
    ['server/test/gta/attest.test.ts', 'jose'],
    ['testkit/src/server.ts', '@vouchsafe/server/testing'],
  ]
  for (const [path, specifier] of allowed)
    assert.deepEqual(packageProblems({ path: `packages/${path}`, text: '', imports: [specifier] }), [])
})

test('files of other packages are not found by path either', () => {
  const problems = files.flatMap(({ path, text }) =>
    [...text.matchAll(/new URL\('(\.[^']*)', import\.meta\.url\)/g)]
      .map((match) => relative(ROOT, resolve(ROOT, dirname(path), match[1]!)))
      .filter((target) => /^(packages|tools|test|bench)\//.test(target) && !target.startsWith(packageOf(path)))
      .map((target) => `${path}: ${target}`),
  )
  assert.deepEqual(problems, [])
})

test('nothing but tests, benchmarks and tools depends on the testkit', () => {
  for (const [name, uses] of Object.entries(MAY_USE)) assert.ok(!uses.includes('testkit'), name)
  for (const name of Object.keys(MAY_USE)) {
    const { dependencies = {}, optionalDependencies = {}, peerDependencies = {} } = manifestOf(name)
    assert.ok(![dependencies, optionalDependencies, peerDependencies].some((listed) => TESTKIT in listed), name)
  }
})

test("tests, benchmarks and tools outside the packages take nothing from a package's tests", () => {
  const outside = ['test', 'bench', 'tools'].flatMap((folder) => typeScriptIn(folder))
  const targets = outside.flatMap(({ path, imports }) =>
    imports.map((specifier) => relative(ROOT, resolve(ROOT, dirname(path), specifier))),
  )
  assert.deepEqual(
    targets.filter((target) => /^packages\/[^/]+\/test\//.test(target)),
    [],
  )
})

test('imports are found, over several lines too', () => {
  const edge = files.find(({ path }) => path === 'packages/server/src/storage/port.ts')
  for (const name of ['./ports/keys.ts', './ports/secrets.ts']) assert.ok(edge?.imports.includes(name), name)
})

test('every package is in the table of who may use whom', () => {
  assert.deepEqual(readdirSync(join(ROOT, 'packages')).sort(), Object.keys(MAY_USE).sort())
})

test("the server's rooms import only what the table allows, through the other room's index.ts", () => {
  assert.deepEqual(files.flatMap(roomProblems), [])
})

test('every room has a row in the table, and every row a room', () => {
  const entries = readdirSync(join(ROOT, SERVER), { withFileTypes: true })
  const names = (isRoom: boolean) => entries.filter((entry) => entry.isDirectory() === isRoom).map(({ name }) => name)
  assert.deepEqual(names(true).sort(), Object.keys(ROOMS).sort())
  assert.deepEqual(names(false).sort(), Object.keys(ROOT_FILES).sort())
})

test('the table of rooms has no loops, and no arrow that nothing uses', () => {
  const level = (room: string, trail: readonly string[] = []): void => {
    assert.ok(!trail.includes(room), `${[...trail, room].join(' -> ')} is a loop`)
    for (const next of ROOMS[room] ?? []) level(next, [...trail, room])
  }
  for (const room of Object.keys(ROOMS)) level(room)
  const used = new Set(files.flatMap(({ path, imports }) => imports.map((specifier) => arrowOf(path, specifier))))
  const unused = Object.entries({ ...ROOMS, ...ROOT_FILES }).flatMap(([room, others]) =>
    others.map((other) => `${room} -> ${other}`).filter((arrow) => !used.has(arrow)),
  )
  assert.deepEqual(unused, [])
})

test('folders inside a room have no loops among them', () => {
  const arrows = new Map<string, Set<string>>()
  for (const { path, imports } of files) {
    const from = folderOf(path)
    if (from === undefined) continue
    for (const specifier of imports.filter((text) => text.startsWith('.'))) {
      const to = folderOf(relative(ROOT, resolve(ROOT, dirname(path), specifier)))
      if (to !== undefined && to !== from) arrows.set(from, (arrows.get(from) ?? new Set()).add(to))
    }
  }
  const visit = (folder: string, trail: readonly string[]): void => {
    assert.ok(!trail.includes(folder), `${[...trail, folder].join(' -> ')} is a loop`)
    for (const next of arrows.get(folder) ?? []) visit(next, [...trail, folder])
  }
  for (const folder of arrows.keys()) visit(folder, [])
})

test('only edges and what runs them know HTTP', () => {
  const offenders = files.filter(
    ({ path, imports }) =>
      roomOf(path) !== undefined && !HTTP_ROOMS.includes(roomOf(path)!) && imports.some((name) => /^(fastify|node:https?)$/.test(name)),
  )
  assert.deepEqual(
    offenders.map(({ path }) => path),
    // The webhook's client.
    ['packages/server/src/outbound/post.ts'],
  )
})

test('forbidden imports are refused, planted in every room and beside them', () => {
  const planted: [path: string, specifier: string][] = [
    ['storage/port.ts', '../process/index.ts'],
    ['storage/port.ts', '../backup/index.ts'],
    ['storage/operations/keys.ts', '../../keys/index.ts'],
    ['keys/key-row.ts', '../process/index.ts'],
    ['keys/key-row.ts', '../ehsm/index.ts'],
    ['secrets/secrets.ts', '../tenants/index.ts'],
    ['secrets/secrets.ts', '../keys/key-row.ts'],
    ['tenants/apps.ts', '../gta/index.ts'],
    ['quotes/quotes.ts', '../attestation/index.ts'],
    ['attestation/nonces.ts', '../quotes/index.ts'],
    ['attestation/verifiers/tpm-boot.ts', '../../gta/index.ts'],
    ['signing-keys/signature.ts', '../attestation/index.ts'],
    ['config/config.ts', '../process/index.ts'],
    ['root-key/root-key-store.ts', '../envelope/index.ts'],
    ['envelope/envelope.ts', '../keys/index.ts'],
    ['trail/change-record.ts', '../tenants/index.ts'],
    ['access/authorise.ts', '../tenants/index.ts'],
    ['replay/replay-guard.ts', '../ehsm/index.ts'],
    ['outbound/post.ts', '../storage/index.ts'],
    ['backup/write-backup.ts', '../operator/index.ts'],
    ['edge/direct-request.ts', '../ehsm/index.ts'],
    ['ehsm/edge.ts', '../gta/index.ts'],
    ['gta/edge.ts', '../keys/index.ts'],
    ['operator/edge.ts', '../process/index.ts'],
    ['serving/app.ts', '../process/index.ts'],
    ['process/main.ts', '../keys/key-row.ts'],
    ['foundation/errors.ts', '../storage/index.ts'],
    ['index.ts', './keys/index.ts'],
    ['index.ts', './process/main.ts'],
    ['loose.ts', './foundation/index.ts'],
    ['attic/new-room.ts', '../foundation/index.ts'],
    ['keys/key-row.ts', '../index.ts'],
  ]
  const rooms = new Set(planted.map(([path]) => roomOf(`${SERVER}/${path}`)))
  for (const room of Object.keys(ROOMS)) assert.ok(rooms.has(room), `nothing is planted in ${room}`)
  for (const [path, specifier] of planted)
    assert.equal(roomProblems({ path: `${SERVER}/${path}`, text: '', imports: [specifier] }).length, 1, `${path} may import ${specifier}`)
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

/** What is wrong with the imports of one file between packages: tests keep to their package, what its manifest lists, and the testkit. */
function packageProblems({ path, imports }: SourceFile): string[] {
  const [, name = '', area] = path.split('/')
  const { dependencies, devDependencies } = manifestOf(name)
  const listed = new Set([
    `@vouchsafe/${name}`,
    ...Object.keys(dependencies ?? {}),
    ...(area === 'test' ? ['fast-check', TESTKIT, ...Object.keys(devDependencies ?? {})] : []),
  ])
  return imports.flatMap((specifier) => {
    if (specifier.startsWith('.')) {
      const target = relative(ROOT, resolve(ROOT, dirname(path), specifier))
      const home = area === 'test' ? packageOf(path) : `${packageOf(path)}${area}/`
      return target.startsWith(home) ? [] : [`${path}: reaches into ${target}`]
    }
    if (specifier.startsWith('node:')) return []
    const dependency = specifier.startsWith('@') ? specifier.split('/').slice(0, 2).join('/') : specifier.split('/')[0]!
    if (builtinModules.includes(dependency)) return [`${path}: ${specifier} without node:`]
    if (!listed.has(dependency)) return [`${path}: ${dependency} is not in the package's manifest`]
    if (specifier === TESTING_ENTRY && name !== 'testkit') return [`${path}: ${specifier} is for the testkit`]
    const ours = /^@vouchsafe\/(.+)$/.exec(dependency)?.[1]
    const isForbidden = area === 'src' && ours !== undefined && ours !== name && !MAY_USE[name]?.includes(ours)
    return isForbidden ? [`${path}: ${name} may not use ${ours}`] : []
  })
}

/** The folder of a file's package, with its slash. */
function packageOf(path: string): string {
  return `${path.split('/', 2).join('/')}/`
}

function manifestOf(name: string): Record<string, Record<string, string> | undefined> {
  return JSON.parse(readFileSync(join(ROOT, 'packages', name, 'package.json'), 'utf8'))
}

/** The room that a file of the server is in, the file's own name for one beside the rooms, undefined for other files. */
function roomOf(path: string): string | undefined {
  return /^packages\/server\/src\/([^/]+)/.exec(path)?.[1]
}

/** The folder within a room that a file is in. */
function folderOf(path: string): string | undefined {
  return /^packages\/server\/src\/([^/]+\/[^/]+)\//.exec(path)?.[1]
}

/** The arrow between rooms that an import is; undefined for one within a room, or of a package. */
function arrowOf(path: string, specifier: string): string | undefined {
  const from = roomOf(path)
  const to = specifier.startsWith('.') ? roomOf(relative(ROOT, resolve(ROOT, dirname(path), specifier))) : undefined
  return from === undefined || to === undefined || from === to ? undefined : `${from} -> ${to}`
}

/** What is wrong with the imports of one file. */
function roomProblems({ path, imports }: SourceFile): string[] {
  const room = roomOf(path)
  if (room === undefined) return []
  const allowed = ROOMS[room] ?? ROOT_FILES[room]
  if (allowed === undefined) return [`${path}: ${room} has no row in the table of rooms`]
  return imports.flatMap((specifier) => {
    const arrow = arrowOf(path, specifier)
    if (arrow === undefined) return []
    const target = relative(ROOT, resolve(ROOT, dirname(path), specifier))
    const to = roomOf(target)!
    if (!allowed.includes(to)) return [`${path}: ${room} may not import ${to}`]
    return target === `${SERVER}/${to}/index.ts` ? [] : [`${path}: ${specifier} is not the entry of ${to}`]
  })
}

function sourceFiles(): SourceFile[] {
  return typeScriptIn('packages').filter(({ path }) => /^packages\/[^/]+\/(src|test)\//.test(path))
}

/** The TypeScript files under a folder of the repository, at any depth. */
function typeScriptIn(folder: string): SourceFile[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts') && !path.includes('node_modules'))
    .map((path) => {
      const text = readFileSync(join(ROOT, folder, path), 'utf8')
      return {
        path: `${folder}/${path}`,
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
