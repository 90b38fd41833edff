// The trail on this machine: its checkpoints, export and proofs, and the comparison of the store with it.
import { mkdir, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import {
  consistencyProof,
  isPrunable,
  newTiles,
  parseCheckpoint,
  parseNote,
  partialTiles,
  TILE_WIDTH,
  tilePath,
  verifyConsistency,
  verifyNote,
  type Checkpoint,
  type ReadFile,
} from '@vouchsafe/audit-log'
import { verifyRaw } from '@vouchsafe/x509'
import { CommandError, UsageError, columns, printable, wholeNumber } from '@vouchsafe/command'
import { OPERATOR_OPTIONS, command } from '../command.ts'
import type { Host } from '../command.ts'
import { confirm } from '../confirm.ts'
import { duration } from '../duration.ts'
import { dataDirectory, operate } from '../operator.ts'
import { MINIMUM_FILE, beginningOf, optionalFile, readKey, sha256 } from '../trail-log.ts'
import { copyRecords, recordsIn } from '../trail-records-copy.ts'
import { queryCommand } from './audit.ts'
import { verifyCommand } from './trail-verify.ts'

const EPOCH_OPTION = {
  epoch: { type: 'string', value: 'N', summary: 'an epoch of the log, of which a restore begins a new one (default the newest)' },
} as const

const COSIGNED_OPTION = {
  cosigned: { type: 'boolean', summary: 'the newest checkpoint that witnesses cosigned, instead of the newest' },
} as const

interface Published {
  epoch: number
  origin: string
  key: string
  size: number
  /** The first entry that is kept. */
  first: number
  note: string
}

interface TrailValues {
  'data-dir'?: string
  epoch?: string
  cosigned?: boolean
}

function checkpointQuery({ epoch, cosigned }: TrailValues): Record<string, string> {
  return {
    ...(epoch !== undefined && { epoch: String(wholeNumber('epoch', epoch, 1, Number.MAX_SAFE_INTEGER)) }),
    ...(cosigned && { checkpoint: 'cosigned' }),
  }
}

async function published(host: Host, values: TrailValues): Promise<Published> {
  const query = new URLSearchParams(checkpointQuery(values))
  return (await operate(host, values, 'GET', `/v1/trail/checkpoint?${query}`)) as unknown as Published
}

function tilesOf(host: Host, values: TrailValues, epoch: number): (path: string) => Promise<Uint8Array> {
  return async (path) => {
    const query = new URLSearchParams({ epoch: String(epoch), path })
    const { bytes } = (await operate(host, values, 'GET', `/v1/trail/file?${query}`)) as { bytes: string }
    return Buffer.from(bytes, 'base64')
  }
}

/** The checkpoint of the export that a folder holds already. Throws CommandError when it is of another log, or the server's doesn't continue it. */
async function exported(
  folder: string,
  { note, key, size }: Published,
  read: ReadFile,
  isCosigned: boolean,
): Promise<Checkpoint | undefined> {
  const [before, itsKey] = [await optionalFile(join(folder, 'checkpoint')), await optionalFile(join(folder, 'key'))]
  const now = parseCheckpoint(parseNote(note).text)
  if (before === undefined) return undefined
  let known: Checkpoint
  try {
    known = parseCheckpoint(parseNote(before).text)
    if (known.origin !== now.origin)
      throw new CommandError(`${folder} holds the log ${known.origin}, not ${now.origin}; export each into a folder of its own`)
    if (itsKey !== undefined && itsKey.toString().trim() !== key)
      throw new CommandError(`${folder} was exported under another key; the server's is ${key}`)
    await verifyNote(parseNote(before), [readKey(key)], verifyRaw)
  } catch (error) {
    if (error instanceof CommandError) throw error
    throw new CommandError(`the checkpoint in ${folder} is not one of this log: ${(error as Error).message}`)
  }
  if (known.size > size && isCosigned)
    throw new CommandError(`${folder} holds ${known.size} entries, and the cosigned checkpoint covers only ${size}`)
  if (known.size > size)
    throw new CommandError(
      `the log was set back: ${folder} holds ${known.size} entries that the server signed, and the server has ${size}. Keep the folder as it is`,
    )
  const proof = await consistencyProof(sha256, read, known.size, size)
  if (!verifyConsistency(sha256, { from: known, to: now, proof }))
    throw new CommandError(
      `the log was forked: the server's does not continue the ${known.size} entries in ${folder}. Keep the folder as it is`,
    )
  return known
}

/** `365d`, `1000000` or both. Throws UsageError. */
function readKeep(text: string): { ageMs?: number; entries?: number } {
  const [one = '', two, ...more] = text.split(',')
  const isCount = /^\d+$/.test(one)
  const count = isCount ? one : two
  if (more.length > 0 || (isCount && two !== undefined))
    throw new UsageError('--keep is an age such as 365d, a number of entries, or both: 365d,1000000')
  return {
    ...(!isCount && { ageMs: duration('keep', one) }),
    ...(count !== undefined && { entries: wholeNumber('keep', count, 0, Number.MAX_SAFE_INTEGER) }),
  }
}

export const trailCommands = [
  queryCommand('trail query'),

  command({
    name: 'trail checkpoint',
    args: [],
    summary: "Print the trail's newest signed checkpoint: kept elsewhere, it shows whether the trail was changed since (operators)",
    options: {
      'key-only': { type: 'boolean', summary: "print the log's verifier key instead: note it once, elsewhere" },
      ...COSIGNED_OPTION,
      ...EPOCH_OPTION,
      ...OPERATOR_OPTIONS,
    },
    async run(host, _args, values) {
      const checkpoint = await published(host, values)
      return { json: checkpoint, text: values['key-only'] ? `${checkpoint.key}\n` : checkpoint.note }
    },
  }),

  command({
    name: 'trail export',
    args: ['FOLDER'],
    summary:
      'Write the log to a folder (C2SP tlog-tiles), with the records of calls in this data directory; an earlier export there gets what is new (operators)',
    options: { ...COSIGNED_OPTION, ...EPOCH_OPTION, ...OPERATOR_OPTIONS },
    async run(host, [folder], values) {
      if ((await stat(folder!).catch(() => undefined))?.isDirectory() === false) throw new CommandError(`${folder} is not a folder`)
      const log = await published(host, values)
      // Now that the checkpoint is made, the records of all batches that it covers are there; what comes later it does not cover.
      const records = await recordsIn(await dataDirectory(host, values))
      const read = tilesOf(host, values, log.epoch)
      const known = await exported(folder!, log, read, values.cosigned === true)
      const from = known?.size ?? 0
      const tiles = newTiles(from, log.size).filter((tile) => tile.level !== 'entries' || !isPrunable(tile, log.first))
      // An earlier export may have what the log no longer has.
      const begins = log.first <= from ? await beginningOf(folder!) : log.first
      await mkdir(folder!, { recursive: true, mode: 0o700 })
      for (const tile of tiles) {
        const path = join(folder!, tilePath(tile))
        await mkdir(dirname(path), { recursive: true, mode: 0o700 })
        await writeFile(path, await read(tilePath(tile)), { mode: 0o600 })
      }
      const bytes = await copyRecords(records, folder!)
      await writeFile(join(folder!, 'key'), `${log.key}\n`, { mode: 0o600 })
      await writeFile(join(folder!, 'checkpoint'), log.note, { mode: 0o600 })
      if (begins > 0) await writeFile(join(folder!, MINIMUM_FILE), `${begins}\n`, { mode: 0o600 })
      const partial = new Set(partialTiles(log.size).map(tilePath))
      // But for entries that the server has no longer, which stand only there.
      const replaced = partialTiles(from).filter(
        (tile) => tile.level !== 'entries' || !isPrunable({ ...tile, width: TILE_WIDTH }, log.first),
      )
      for (const path of replaced.map(tilePath)) if (!partial.has(path)) await rm(join(folder!, path), { force: true })
      const { epoch, origin, size } = log
      return {
        json: {
          folder,
          epoch,
          origin,
          size,
          first: begins,
          new: size - from,
          files: tiles.length,
          records: { files: records.length, bytes },
        },
        text: `${folder}: ${size} entries of ${origin}, ${size - from} of them new; ${records.length} files of records of calls\n${
          begins > 0 ? `It begins with entry ${begins}: older ones were removed from the server before they were exported here.\n` : ''
        }`,
      }
    },
  }),

  verifyCommand,

  command({
    name: 'trail prove',
    args: ['POSITION'],
    summary: "Print a proof (C2SP tlog-proof) that an entry is in the log; its 'extra' line holds the entry (operators)",
    options: { ...COSIGNED_OPTION, ...EPOCH_OPTION, ...OPERATOR_OPTIONS },
    async run(host, [position], values) {
      if (!/^\d{1,15}$/.test(position!))
        throw new UsageError(
          `POSITION is an entry's place in the log, from 0 on, as 'trail query --json' shows it; not ${printable(position!)}`,
        )
      const query = new URLSearchParams({ ...checkpointQuery(values), position: position! })
      const { proof } = (await operate(host, values, 'GET', `/v1/trail/proof?${query}`)) as { proof: string }
      return { json: { proof }, text: proof }
    },
  }),

  command({
    name: 'trail prune',
    args: [],
    summary:
      'Remove older entries of the log, and records of calls that are as old, now; hashes stay, so that checkpoints and proofs of what is kept still hold (operators)',
    options: {
      keep: {
        type: 'string',
        value: 'KEEP',
        summary:
          "what stays: an age such as 365d, a number of entries, or both (365d,1000000); what the server's trail-keep says by default",
      },
      yes: { type: 'boolean', summary: 'without asking' },
      ...OPERATOR_OPTIONS,
    },
    async run(host, _args, values) {
      const keep = values.keep === undefined ? {} : readKeep(values.keep)
      const kept = values.keep ?? 'what trail-keep says'
      if (!values.yes) await confirm(host, `Remove all of the trail but ${kept}, for good? (trail export keeps a copy)`)
      const pruned = (await operate(host, values, 'POST', '/v1/trail/prune', keep)) as unknown as {
        removed: number
        files: number
        beginning: { epoch: number; first: number; firstAt: number } | null
      }
      const { removed, files, beginning } = pruned
      const begins = beginning === null ? '' : `What is kept begins with entry ${beginning.first} of epoch ${beginning.epoch}.\n`
      return { json: pruned, text: `${removed} entries and ${files} files of records of calls were removed.\n${begins}` }
    },
  }),

  command({
    name: 'trail check',
    args: [],
    summary: 'Compare the store with the trail now, as every start and every hour does; exit code 1 if they differ (operators)',
    options: { ...OPERATOR_OPTIONS },
    async run(host, _args, values) {
      const report = (await operate(host, values, 'POST', '/v1/trail/check', {})) as unknown as {
        faults: { fault: string; table: string; id: string }[]
        more: number
        entries: number
        rows: number
      }
      const isSound = report.faults.length === 0
      const table = report.faults.map(({ fault, table: name, id }) => [fault.replace('_', ' '), name, printable(id)])
      const text = isSound
        ? `The store is what the trail says: ${report.rows} rows, ${report.entries} entries.\n`
        : `${columns([['FAULT', 'TABLE', 'ID'], ...table])}${report.more > 0 ? `and ${report.more} more\n` : ''}`
      return { json: { ok: isSound, ...report }, text, exitCode: isSound ? 0 : 1 }
    },
  }),
]
