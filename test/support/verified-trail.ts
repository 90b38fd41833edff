// The trail, verified as an auditor does: the store compared with it, the log exported and verified offline against every earlier export.
import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { copyFile, readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { parseVerifierKey, verifyExport } from '@vouchsafe/audit-log'
import type { Leaf, RecordLeaf } from '@vouchsafe/audit-log'
import { verifyRaw } from '@vouchsafe/x509'
import type { Commands } from './installation.ts'

/** Characters of a server's name that its process gives. */
const PROCESS_CHARS = 36

/** What a verified trail says. */
export interface VerifiedTrail {
  /** The process of each server that began to serve, in their order. */
  started: string[]
  /** Those that said that they ended. */
  stopped: Set<string>
  /** How many batches of plain uses each writer has in the log. */
  batches: Map<string, number>
  /** From which of a writer's batches on some may be missing. */
  gaps: Map<string, number>
  /** Changes that were made: actor, action and object (its id, and its name too if it has one), each with the process that made it. */
  changes: Map<string, string>
  /** How many plain uses have a batch, by actor and action. */
  uses: Map<string, number>
}

const sha256 = (bytes: Uint8Array): Uint8Array => hash('sha256', bytes, 'buffer')

/** Verifies everything; throws if anything is wrong. It may be called again after more was done. */
export async function verifyTrail(place: Commands): Promise<VerifiedTrail> {
  const compared = JSON.parse(await place.done(['trail', 'check', '--json'])) as { ok: boolean; faults: unknown[] }
  assert.deepEqual([compared.ok, compared.faults], [true, []])
  const [folder, kept, key] = [place.path('export'), place.path('kept-checkpoint'), place.path('kept-key')]
  const isFirst = !existsSync(folder)
  if (!isFirst) await copyFile(join(folder, 'checkpoint'), kept)
  await place.done(['trail', 'export', folder])
  if (isFirst) await copyFile(join(folder, 'key'), key)
  const known = ['--key', (await readFile(key, 'utf8')).trim(), ...(isFirst ? [] : ['--checkpoint', kept])]
  const verified = JSON.parse(await place.done(['trail', 'verify', folder, ...known, '--json'])) as { ok: boolean; faults: unknown[] }
  assert.deepEqual([verified.ok, verified.faults], [true, []])
  return readExport(folder)
}

async function readExport(folder: string): Promise<VerifiedTrail> {
  const key = parseVerifierKey(sha256, (await readFile(join(folder, 'key'), 'utf8')).trim())
  const leaves: Leaf[] = []
  const options = { hash: sha256, check: verifyRaw, origin: key.name, keys: [key], onLeaf: (leaf: Leaf) => void leaves.push(leaf) }
  const { ok } = await verifyExport({ ...options, read: (path) => readFile(join(folder, path)).catch(() => undefined) })
  assert.ok(ok)
  const trail: VerifiedTrail = {
    started: [],
    stopped: new Set(),
    batches: new Map(),
    gaps: new Map(),
    changes: new Map(),
    uses: new Map(),
  }
  for (const leaf of leaves) {
    const process = leaf.server.slice(0, PROCESS_CHARS)
    if (leaf.kind === 'batch') trail.batches.set(leaf.server, (trail.batches.get(leaf.server) ?? 0) + 1)
    else if (leaf.kind === 'gap') trail.gaps.set(leaf.missing.server, leaf.missing.from)
    else if (leaf.kind === undefined && leaf.action === 'StartServer') trail.started.push(process)
    else if (leaf.kind === undefined && leaf.action === 'StopServer') trail.stopped.add(process)
    else if (leaf.kind === undefined && leaf.outcome === 'ok')
      for (const object of [leaf.object, leaf.detail?.['name']])
        if (typeof object === 'string') trail.changes.set(`${leaf.actor} ${leaf.action} ${object}`, process)
  }
  for (const { server, seq, actor, action, outcome } of await recordsOf(folder)) {
    const isLogged = seq < (trail.batches.get(server) ?? 0)
    if (isLogged && outcome === 'ok') trail.uses.set(`${actor} ${action}`, (trail.uses.get(`${actor} ${action}`) ?? 0) + 1)
  }
  return trail
}

async function recordsOf(folder: string): Promise<RecordLeaf[]> {
  const records = join(folder, 'records')
  const files = existsSync(records) ? await readdir(records) : []
  const texts = await Promise.all(files.map((name) => readFile(join(records, name), 'utf8')))
  // What follows the last newline was torn off by a crash.
  return texts.flatMap((text) =>
    text
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as RecordLeaf),
  )
}

/** A gap is recorded of each server that ended without saying so, from the first batch that the log does not have, and of no other. */
export function assertGaps({ started, stopped, batches, gaps }: VerifiedTrail, running: number): void {
  const killed = started.slice(0, started.length - running).filter((process) => !stopped.has(process))
  const expected = killed.map((process) => [`${process}/calls`, batches.get(`${process}/calls`) ?? 0] as const)
  assert.deepEqual(new Map([...gaps].toSorted()), new Map(expected.toSorted()))
}
