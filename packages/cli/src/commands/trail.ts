// The trail: its checkpoints, proofs and export, and their verification without a server.
import { hash } from 'node:crypto'
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import {
  leafHash,
  newTiles,
  parseCheckpoint,
  parseLeaf,
  parseLogProof,
  parseNote,
  parsePolicy,
  parseVerifierKey,
  tilePath,
  verifyCheckpoint,
  verifyExport,
  verifyInclusion,
  verifyNote,
  type Leaf,
  type Policy,
  type TrustedCheckpoint,
  type VerifierKey,
} from '@vouchsafe/audit-log'
import { verifyRaw } from '@vouchsafe/x509'
import { CommandError, UsageError, columns, printable, timeText, wholeNumber } from '@vouchsafe/command'
import { OPERATOR_OPTIONS, command } from '../command.ts'
import type { Host } from '../command.ts'
import { operate } from '../operator.ts'

const EPOCH_OPTION = { epoch: { type: 'string', value: 'N', summary: 'an epoch of the log (default the newest)' } } as const
const COSIGNED_OPTION = {
  cosigned: { type: 'boolean', summary: 'the newest checkpoint that witnesses cosigned, instead of the newest' },
} as const
const KEY_OPTION = {
  key: {
    type: 'string',
    value: 'KEY',
    summary: "the log's verifier key, as 'trail checkpoint --key-only' printed it when you began to follow the log",
  },
} as const

interface Published {
  epoch: number
  origin: string
  key: string
  size: number
  note: string
}

const sha256 = (data: Uint8Array): Uint8Array => hash('sha256', data, 'buffer')

function checkpointQuery({ epoch, cosigned }: { epoch?: string; cosigned?: boolean }): URLSearchParams {
  const query = new URLSearchParams()
  if (epoch !== undefined) query.set('epoch', String(wholeNumber('epoch', epoch, 1, Number.MAX_SAFE_INTEGER)))
  if (cosigned) query.set('checkpoint', 'cosigned')
  return query
}

async function published(host: Host, values: { 'data-dir'?: string; epoch?: string; cosigned?: boolean }): Promise<Published> {
  return (await operate(host, values, 'GET', `/v1/trail/checkpoint?${checkpointQuery(values)}`)) as unknown as Published
}

function readKey(text: string): VerifierKey {
  try {
    return parseVerifierKey(sha256, text.trim())
  } catch (error) {
    throw new UsageError(`--key: ${(error as Error).message}`)
  }
}

async function readPolicy(path: string | undefined): Promise<Policy | undefined> {
  if (path === undefined) return undefined
  try {
    return parsePolicy(sha256, await readFile(path))
  } catch (error) {
    throw new UsageError(`--policy: ${(error as Error).message}`)
  }
}

async function optionalFile(path: string): Promise<Buffer | undefined> {
  return readFile(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
}

export const trailCommands = [
  command({
    name: 'trail checkpoint',
    args: [],
    summary: "Print the trail's newest signed checkpoint: keep it elsewhere, and a trail that was changed since is noticed (operators)",
    options: {
      'key-only': { type: 'boolean', summary: "print the log's verifier key instead" },
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
    summary: 'Write the log to a folder as C2SP tlog-tiles; a folder that holds an earlier export gets what is new (operators)',
    options: { ...COSIGNED_OPTION, ...EPOCH_OPTION, ...OPERATOR_OPTIONS },
    async run(host, [folder], values) {
      const { epoch, note, key, size } = await published(host, values)
      const known = await optionalFile(join(folder!, 'checkpoint'))
      let from = 0
      if (known !== undefined) {
        const [text, own] = [parseCheckpoint(parseNote(known).text), parseCheckpoint(parseNote(note).text)]
        if (text.origin !== own.origin) throw new CommandError(`${folder} holds the log ${text.origin}, not ${own.origin}`)
        from = text.size
        if (from > size) throw new CommandError(`${folder} holds ${from} entries, and the checkpoint covers only ${size}`)
      }
      const tiles = newTiles(from, size)
      for (const tile of tiles) {
        const path = tilePath(tile)
        const query = new URLSearchParams({ epoch: String(epoch), path })
        const { bytes } = (await operate(host, values, 'GET', `/v1/trail/file?${query}`)) as { bytes: string }
        await mkdir(dirname(join(folder!, path)), { recursive: true })
        await writeFile(join(folder!, path), Buffer.from(bytes, 'base64'))
      }
      await mkdir(folder!, { recursive: true })
      await writeFile(join(folder!, 'key'), `${key}\n`)
      await writeFile(join(folder!, 'checkpoint'), note)
      return {
        json: { folder, epoch, size, files: tiles.length },
        text: `${folder}: ${size} entries of epoch ${epoch}, ${tiles.length} files written\n`,
      }
    },
  }),

  command({
    name: 'trail verify',
    args: ['FOLDER'],
    summary: 'Verify an exported log, or a proof file, without a server: truncation, edits, reordering and forks are each named',
    options: {
      ...KEY_OPTION,
      checkpoint: {
        type: 'string',
        multiple: true,
        value: 'FILE',
        summary: 'an older checkpoint that the log must continue; may be given several times',
      },
      policy: {
        type: 'string',
        value: 'FILE',
        summary: 'a C2SP tlog-policy: the checkpoint must be of a log that it names, and cosigned by the witnesses that it demands',
      },
    },
    async run(_host, [path], values) {
      const policy = await readPolicy(values.policy)
      const isFolder = (await stat(path!)).isDirectory()
      if (!isFolder) return verifyProof(await readFile(path!), values.key, policy)
      let trusted: TrustedCheckpoint | undefined
      try {
        if (policy !== undefined) trusted = await verifyCheckpoint(parseNote(await readFile(join(path!, 'checkpoint'))), policy, verifyRaw)
      } catch (error) {
        const reason = (error as Error).message
        return { json: { ok: false, reason }, text: `not trusted: ${reason}\n`, exitCode: 1 }
      }
      const given = values.key ?? (trusted === undefined ? (await optionalFile(join(path!, 'key')))?.toString() : undefined)
      if (given === undefined && trusted === undefined) throw new UsageError("give the log's verifier key with --key")
      const key = given === undefined ? trusted!.log : readKey(given)
      const checkpoints = await Promise.all((values.checkpoint ?? []).map((file) => readFile(file, 'utf8')))
      const report = await verifyExport({
        hash: sha256,
        check: verifyRaw,
        read: (file) => optionalFile(join(path!, file)),
        origin: key.name,
        keys: [key],
        checkpoints,
      })
      const faults = report.faults.map(({ code, index, until, path: file, detail }) => [
        code,
        file ??
          (index === undefined ? '' : until === undefined || until === index + 1 ? `entry ${index}` : `entries ${index} to ${until - 1}`),
        detail,
      ])
      const trust =
        values.key === undefined && trusted === undefined
          ? '\nThe key is the one in the folder: give the one that you know with --key.'
          : ''
      const text = report.ok
        ? `${report.entries} entries of ${key.name} are as they were signed.${trust}\n${witnessText(trusted)}`
        : `${columns([['FAULT', 'WHERE', 'WHAT'], ...faults])}${report.moreFaults > 0 ? `and ${report.moreFaults} more\n` : ''}`
      return { json: { ...report, ...(trusted && { witnesses: trusted.witnesses }) }, text, exitCode: report.ok ? 0 : 1 }
    },
  }),

  command({
    name: 'trail prove',
    args: ['POSITION'],
    summary: 'Print a proof (C2SP tlog-proof) that an entry is in the log, with the entry itself in its `extra` line (operators)',
    options: { ...COSIGNED_OPTION, ...EPOCH_OPTION, ...OPERATOR_OPTIONS },
    async run(host, [position], values) {
      const query = checkpointQuery(values)
      query.set('position', String(wholeNumber('POSITION', position!, 0, Number.MAX_SAFE_INTEGER)))
      const { proof } = (await operate(host, values, 'GET', `/v1/trail/proof?${query}`)) as { proof: string }
      return { json: { proof }, text: proof }
    },
  }),

  command({
    name: 'trail check',
    args: [],
    summary: 'Compare the store with the trail now, as every start and every hour does (operators)',
    options: { ...OPERATOR_OPTIONS },
    async run(host, _args, values) {
      const report = (await operate(host, values, 'POST', '/v1/trail/check', {})) as unknown as {
        faults: { fault: string; table: string; id: string }[]
        more: number
        entries: number
        rows: number
      }
      const isSound = report.faults.length === 0
      const table = report.faults.map(({ fault, table: name, id }) => [fault, name, printable(id)])
      const text = isSound
        ? `${report.rows} rows are as the trail's ${report.entries} entries say.\n`
        : `${columns([['FAULT', 'TABLE', 'ID'], ...table])}${report.more > 0 ? `and ${report.more} more\n` : ''}`
      return { json: report, text, exitCode: isSound ? 0 : 1 }
    },
  }),
]

async function verifyProof(file: Buffer, given: string | undefined, policy: Policy | undefined) {
  if (given === undefined && policy === undefined) throw new UsageError("give the log's verifier key with --key, or a policy with --policy")
  const known = given === undefined ? undefined : readKey(given)
  let leaf: Leaf
  let index: number
  let name: string
  let trusted: TrustedCheckpoint | undefined
  try {
    const proof = parseLogProof(file)
    if (proof.extra === undefined) throw new Error('the proof holds no entry')
    const note = parseNote(proof.checkpoint)
    if (policy !== undefined) trusted = await verifyCheckpoint(note, policy, verifyRaw)
    const key = known ?? trusted!.log
    await verifyNote(note, [key], verifyRaw)
    const { origin, size, root } = parseCheckpoint(note.text)
    if (origin !== key.name) throw new Error(`the checkpoint is of ${origin}`)
    const isIncluded = verifyInclusion(sha256, {
      index: proof.index,
      leafHash: leafHash(sha256, proof.extra),
      proof: proof.proof,
      size,
      root,
    })
    if (!isIncluded) throw new Error('the entry is not in the log')
    leaf = parseLeaf(proof.extra)
    index = proof.index
    name = key.name
  } catch (error) {
    const reason = (error as Error).message
    return { json: { ok: false, reason }, text: `not proven: ${reason}\n`, exitCode: 1 }
  }
  const what = leaf.kind === undefined ? `${leaf.actor} ${leaf.action} ${leaf.object}`.trim() : leaf.kind
  return {
    json: { ok: true, index, entry: leaf, ...(trusted && { witnesses: trusted.witnesses }) },
    text: `entry ${index} of ${name}: ${timeText(leaf.time)} ${printable(what)}\n${witnessText(trusted)}`,
    exitCode: 0,
  }
}

/** Which witnesses have seen the checkpoint, and when they said so. */
function witnessText(trusted: TrustedCheckpoint | undefined): string {
  return (trusted?.witnesses ?? [])
    .map(({ name, timestamp }) => `cosigned by ${printable(name)}${timestamp === 0 ? '' : ` at ${timeText(timestamp * 1000)}`}\n`)
    .join('')
}
