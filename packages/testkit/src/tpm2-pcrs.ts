/** PCR values in hex: bank → index → value. */
export type PcrValues = Record<string, Record<string, string>>

/** The PCR values in what tpm2_pcrread or tpm2_eventlog print (under `pcrs:`). */
export function readTpm2Pcrs(yaml: string): PcrValues {
  const values: PcrValues = {}
  const start = yaml.indexOf('\npcrs:')
  let bank = ''
  for (const line of yaml.slice(start === -1 ? 0 : start).split('\n')) {
    bank = /^ {2}(\w+):\s*$/.exec(line)?.[1] ?? bank
    const [, pcr, value] = /^ {4}(\d+)\s*: 0x([0-9A-Fa-f]+)/.exec(line) ?? []
    if (pcr !== undefined && value !== undefined) (values[bank] ??= {})[pcr] = value.toLowerCase()
  }
  return values
}

export interface Tpm2Event {
  pcr: number
  typeName: string
  /** By algorithm, hex. */
  digests: Record<string, string>
}

/** The events in what tpm2_eventlog prints, without their data. Each begins with its PCR: those of a SHA-1 log have no number. */
export function readTpm2Events(yaml: string): Tpm2Event[] {
  const events: Tpm2Event[] = []
  let algorithm = 'sha1'
  for (const line of yaml.split('\n')) {
    const [, key, value = ''] = /^(?: {2}|- )(?:- )?(PCRIndex|EventType|AlgorithmId| {2}Digest|Digest): "?([\w-]+)"?$/.exec(line) ?? []
    if (key === 'PCRIndex') events.push({ pcr: Number(value), typeName: '', digests: {} })
    const event = events.at(-1)
    if (event === undefined) continue
    if (key === 'EventType') event.typeName = value
    if (key === 'AlgorithmId') algorithm = value
    if (key === 'Digest') event.digests['sha1'] = value
    if (key === '  Digest') event.digests[algorithm] = value
  }
  return events
}
