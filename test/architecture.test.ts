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
  crypto: [],
  client: [],
  rego: [],
  tpm: [],
  x509: [],
  dcap: ['x509'],
  server: ['crypto', 'client', 'rego', 'tpm', 'x509', 'dcap'],
  agent: ['launch', 'client', 'tpm', 'x509'],
  cli: ['launch', 'client', 'rego', 'tpm', 'x509', 'dcap', 'server'],
}

/**
 * The server's rooms and what each may import, through the other's `index.ts` alone. Arrows go down only: a wire's words never leave its edge,
 * a domain knows no edge and no HTTP, storage knows no rules. A room without a row fails, and so does an arrow that isn't here.
 */
const ROOMS: Record<string, readonly string[]> = {
  // What everything stands on.
  foundation: [],
  storage: ['foundation'],
  'root-key': ['foundation'],
  envelope: ['foundation', 'root-key', 'storage'],
  trail: ['foundation', 'storage'],
  // Domains.
  'signing-keys': ['envelope', 'foundation', 'storage', 'trail'],
  config: ['root-key', 'signing-keys'],
  keys: ['envelope', 'foundation', 'storage', 'trail'],
  secrets: ['envelope', 'foundation', 'keys', 'root-key', 'storage', 'trail'],
  outbound: ['config', 'secrets'],
  tenants: ['envelope', 'foundation', 'keys', 'root-key', 'storage', 'trail'],
  quotes: ['config', 'envelope', 'foundation', 'storage', 'trail'],
  attestation: ['envelope', 'foundation', 'root-key', 'signing-keys', 'storage', 'trail'],
  replay: ['foundation', 'storage'],
  backup: ['envelope', 'foundation', 'replay', 'root-key', 'storage'],
  // Edges.
  edge: ['config', 'foundation'],
  ehsm: ['edge', 'foundation', 'keys', 'quotes', 'replay', 'secrets', 'storage', 'tenants', 'trail'],
  gta: ['attestation', 'edge', 'foundation', 'signing-keys', 'storage', 'tenants', 'trail'],
  operator: [
    'attestation',
    'backup',
    'config',
    'envelope',
    'foundation',
    'keys',
    'quotes',
    'root-key',
    'secrets',
    'signing-keys',
    'storage',
    'tenants',
    'trail',
  ],
  // What runs them.
  serving: ['config', 'ehsm', 'foundation', 'gta'],
  process: [
    'attestation',
    'backup',
    'config',
    'edge',
    'ehsm',
    'envelope',
    'foundation',
    'gta',
    'keys',
    'operator',
    'outbound',
    'quotes',
    'replay',
    'root-key',
    'secrets',
    'serving',
    'signing-keys',
    'storage',
    'tenants',
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
    ['root-key/seal.ts', '../envelope/index.ts'],
    ['envelope/envelope.ts', '../keys/index.ts'],
    ['trail/management.ts', '../tenants/index.ts'],
    ['replay/replay-guard.ts', '../ehsm/index.ts'],
    ['outbound/post.ts', '../storage/index.ts'],
    ['backup/write-backup.ts', '../operator/index.ts'],
    ['edge/direct-request.ts', '../ehsm/index.ts'],
    ['ehsm/edge.ts', '../gta/index.ts'],
    ['gta/edge.ts', '../keys/index.ts'],
    ['operator/api.ts', '../process/index.ts'],
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
