// Verification of an exported trail, or of a proof, without a server.
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import {
  leafHash,
  parseCheckpoint,
  parseLeaf,
  parseLogProof,
  parseNote,
  parsePolicy,
  verifyCheckpoint,
  verifyExport,
  verifyInclusion,
  verifyNote,
  type ExportReport,
  type Fault,
  type Leaf,
  type Policy,
  type TrustedCheckpoint,
} from '@vouchsafe/audit-log'
import { verifyRaw } from '@vouchsafe/x509'
import { UsageError, columns, printable, timeText, type Outcome } from '@vouchsafe/command'
import { command } from '../command.ts'
import { beginningOf, optionalFile, readKey, sha256 } from '../trail-log.ts'
import { LoggedBatches, verifyRecords, type RecordFault, type RecordsReport } from '../trail-records.ts'

export const verifyCommand = command({
  name: 'trail verify',
  args: ['FOLDER'],
  summary:
    'Verify an exported log and the records beside it, or a proof file, without a server: what was truncated, edited, reordered or forked is named; exit code 1 then',
  options: {
    key: {
      type: 'string',
      value: 'KEY',
      summary: "the log's verifier key, as 'trail checkpoint --key-only' printed it when you began to follow the log (default FOLDER/key)",
    },
    checkpoint: {
      type: 'string',
      multiple: true,
      value: 'FILE',
      summary: 'an older checkpoint that you kept, which the log must continue; may be given several times',
    },
    policy: {
      type: 'string',
      value: 'FILE',
      summary: 'a C2SP tlog-policy: the checkpoint must be of a log that it names, and cosigned by the witnesses that it demands',
    },
  },
  async run(_host, [path], values) {
    const policy = await readPolicy(values.policy)
    if ((await stat(path!)).isDirectory()) return verifyFolder(path!, values.key, values.checkpoint ?? [], policy)
    if (values.checkpoint !== undefined) throw new UsageError('--checkpoint is for a folder: a proof brings its own checkpoint')
    return verifyProof(await readFile(path!), values.key, policy)
  },
})

async function readPolicy(path: string | undefined): Promise<Policy | undefined> {
  if (path === undefined) return undefined
  try {
    return parsePolicy(sha256, await readFile(path))
  } catch (error) {
    throw new UsageError(`--policy: ${(error as Error).message}`)
  }
}

async function verifyFolder(
  folder: string,
  givenKey: string | undefined,
  checkpointFiles: readonly string[],
  policy: Policy | undefined,
): Promise<Outcome> {
  let trusted: TrustedCheckpoint | undefined
  try {
    if (policy !== undefined) trusted = await verifyCheckpoint(parseNote(await readFile(join(folder, 'checkpoint'))), policy, verifyRaw)
  } catch (error) {
    const reason = (error as Error).message
    return { json: { ok: false, reason }, text: `not trusted: ${printable(reason)}\n`, exitCode: 1 }
  }
  const text = givenKey ?? (trusted === undefined ? (await optionalFile(join(folder, 'key')))?.toString() : undefined)
  if (text === undefined && trusted === undefined)
    throw new UsageError(`there is no key in ${folder}: if it is an exported log, give the log's verifier key with --key`)
  const key = text === undefined ? trusted!.log : readKey(text)
  const checkpoints = await Promise.all(checkpointFiles.map((file) => readFile(file)))
  const minimum = await beginningOf(folder)
  const batches = new LoggedBatches(minimum > 0)
  let removedUntil = 0
  let newest: number | undefined
  const log = await verifyExport({
    hash: sha256,
    check: verifyRaw,
    read: (file) => optionalFile(join(folder, file)),
    origin: key.name,
    keys: [key],
    checkpoints,
    minimum,
    onLeaf(leaf, index) {
      batches.add(leaf, index)
      removedUntil = Math.max(removedUntil, removedBy(leaf, key.name))
      newest = leaf.time
    },
  })
  // Of a log that is not believed no batch is.
  const records = log.checkpoint === undefined ? undefined : await verifyRecords(folder, batches, log.ok)
  // Whoever removed them from the folder alone could say so there, but not in the log.
  if (log.ok && log.from > removedUntil) {
    const detail = 'they are not in the folder, and no entry of the log says that they were removed'
    log.faults.push({ code: 'missing', index: removedUntil, until: log.from, detail })
  }
  const faults = [...log.faults.map((fault) => namedCheckpoint(fault, checkpointFiles)), ...(records?.faults ?? [])]
  const moreFaults = log.moreFaults + (records?.moreFaults ?? 0)
  const ok = faults.length === 0
  const { checkpoint, from, entries } = log
  const { faults: _, moreFaults: __, ...counts } = records ?? { faults: [], moreFaults: 0 }
  return {
    json: {
      ok,
      origin: key.name,
      isKeyGiven: givenKey !== undefined,
      ...(trusted && { witnesses: trusted.witnesses }),
      ...(checkpoint && { checkpoint: { ...checkpoint, root: checkpoint.root.toBase64() } }),
      from,
      entries,
      records: records === undefined ? null : counts,
      faults,
      moreFaults,
    },
    text: ok
      ? soundText(key.name, log, newest, records, givenKey !== undefined || trusted !== undefined) + witnessText(trusted)
      : faultsText(faults, moreFaults),
    exitCode: ok ? 0 : 1,
  }
}

/** Up to where an entry says that the entries of this log were removed. */
function removedBy(leaf: Leaf, origin: string): number {
  if (leaf.kind !== undefined || leaf.action !== 'PruneTrail') return 0
  const { epoch, first } = (leaf.detail ?? {}) as { epoch?: unknown; first?: unknown }
  return typeof first === 'number' && origin.endsWith(`/${String(epoch)}`) ? first : 0
}

/** The fault with the file's name in place of its number. */
function namedCheckpoint(fault: Fault, files: readonly string[]): Fault {
  const number = /^older checkpoint (\d+)$/.exec(fault.path ?? '')?.[1]
  return number === undefined ? fault : { ...fault, path: files[Number(number)]! }
}

function soundText(
  origin: string,
  { entries, from }: ExportReport,
  newest: number | undefined,
  records: RecordsReport | undefined,
  isKeyGiven: boolean,
): string {
  const lines = [
    `${entries} entries of ${origin} are as they were signed${newest === undefined ? '' : `; the newest is of ${timeText(newest)}`}.`,
  ]
  if (from > 0) lines.push(`They begin with entry ${from}: the server removed older ones, of which the hashes are verified.`)
  if (records !== undefined) {
    if (records.batches > 0) lines.push(`${records.records} records of calls in ${records.batches} batches are as they were logged.`)
    if (records.unproven > 0)
      lines.push(`${records.unproven} records are not in this log: newer than it, of another epoch, or lost to it in a crash.`)
  }
  const without = records?.batchesWithout ?? 0
  if (without > 0) lines.push(`${without} batches have no records here: they are other servers', or were removed.`)
  if (!isKeyGiven) lines.push('The key is the one in the folder: give the one that you know with --key.')
  return `${lines.join('\n')}\n`
}

function faultsText(faults: readonly (Fault | RecordFault)[], more: number): string {
  const rows = faults.map((fault) => [fault.code, placeOf(fault), printable(fault.detail)])
  return `${columns([['FAULT', 'WHERE', 'WHAT'], ...rows])}${more > 0 ? `and ${more} more\n` : ''}`
}

function placeOf(fault: Fault | RecordFault): string {
  if ('line' in fault) return `${printable(fault.path)}:${fault.line}${fault.until === undefined ? '' : `-${fault.until}`}`
  if (fault.path !== undefined) return printable(fault.path)
  const { index, until } = fault as Fault
  if (index === undefined) return ''
  return until === undefined || until === index + 1 ? `entry ${index}` : `entries ${index} to ${until - 1}`
}

/** Which witnesses have seen the checkpoint, and when they said so. */
function witnessText(trusted: TrustedCheckpoint | undefined): string {
  return (trusted?.witnesses ?? [])
    .map(({ name, timestamp }) => `cosigned by ${printable(name)}${timestamp === 0 ? '' : ` at ${timeText(timestamp * 1000)}`}\n`)
    .join('')
}

async function verifyProof(file: Uint8Array, givenKey: string | undefined, policy: Policy | undefined): Promise<Outcome> {
  if (givenKey === undefined && policy === undefined)
    throw new UsageError("give the log's verifier key with --key, or a policy with --policy: a proof does not bring one")
  const known = givenKey === undefined ? undefined : readKey(givenKey)
  let name: string
  let trusted: TrustedCheckpoint | undefined
  let leaf: Leaf
  let index: number
  try {
    const proof = parseLogProof(file)
    if (proof.extra === undefined) throw new Error('the proof holds no entry')
    const note = parseNote(proof.checkpoint)
    if (policy !== undefined) trusted = await verifyCheckpoint(note, policy, verifyRaw)
    const key = known ?? trusted!.log
    name = key.name
    const { origin, size, root } = parseCheckpoint(note.text)
    if (origin !== key.name) throw new Error(`the checkpoint is of ${origin}`)
    await verifyNote(note, [key], verifyRaw)
    const claim = { index: proof.index, leafHash: leafHash(sha256, proof.extra), proof: proof.proof, size, root }
    if (!verifyInclusion(sha256, claim)) throw new Error('the entry is not in the log, or not there')
    leaf = parseLeaf(proof.extra)
    index = proof.index
  } catch (error) {
    const reason = (error as Error).message
    return { json: { ok: false, reason }, text: `not proven: ${printable(reason)}\n`, exitCode: 1 }
  }
  return {
    json: { ok: true, origin: name, index, entry: leaf, ...(trusted && { witnesses: trusted.witnesses }) },
    text: `entry ${index} of ${name}: ${timeText(leaf.time)} ${printable(describe(leaf))}\n${witnessText(trusted)}`,
    exitCode: 0,
  }
}

function describe(leaf: Leaf): string {
  if (leaf.kind === 'batch') return `${leaf.count} calls`
  if (leaf.kind !== undefined) return leaf.kind
  return `${leaf.actor} ${leaf.action} ${leaf.object}`.trim()
}
