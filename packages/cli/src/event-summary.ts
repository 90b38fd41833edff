import type { DecodedEvent, LoggedCertificate, VariableValue } from '@vouchsafe/tpm'

/** What a boot event says, on one line. */
export function eventSummary(event: DecodedEvent): string {
  switch (event.kind) {
    case 'spec-id':
      return `${event.signature}, ${event.algorithms.map(({ name }) => name).join(', ') || 'sha1'}`
    case 'startup-locality':
      return `startup at locality ${event.locality}`
    case 'platform-id':
      return `platform ${[event.platformManufacturer, event.platformModel, event.firmwareVersion].filter(Boolean).join(' ') || event.manufacturerId}`
    case 'hcrtm-component':
      return `H-CRTM component ${event.description}`
    case 'nv-index-instance':
      return 'certificates of a device'
    case 'nv-index-dynamic':
      return event.description
    case 'separator':
      return event.meaning === 'normal' ? 'separator' : `separator ${event.value} (${event.meaning})`
    case 'text':
      return event.text
    case 'guid':
      return event.guid.name ?? event.guid.guid
    case 'firmware-blob':
      return `${event.description ?? 'code'} at 0x${event.base.toString(16)}, ${event.length} bytes`
    case 'tagged':
      return event.tags.map(({ id, name, text }) => name ?? text ?? `tag 0x${id.toString(16)}`).join('; ')
    case 'variable':
      return `${event.name}: ${valueSummary(event.value)}`
    case 'image-load':
      return event.devicePath || `image at 0x${event.location.toString(16)}`
    case 'gpt':
      return `disk ${event.diskGuid}: ${event.partitions.map(({ name, guid }) => name || guid).join(', ')}`
    case 'handoff-tables':
      return event.tables.map(({ table }) => table.name ?? table.guid).join(', ')
    case 'spdm':
      return `device ${event.event.devicePath ?? event.event.device.type}, ${event.event.measurements?.length ?? 0} measurements`
    case 'bytes':
      return bytesSummary(event.bytes)
    case 'malformed':
      return `malformed: ${event.reason}`
  }
}

function valueSummary(value: VariableValue): string {
  switch (value.kind) {
    case 'boolean':
      return value.value ? 'yes' : 'no'
    case 'signature-lists':
      return (
        value.lists
          .flatMap(({ type, signatures }) => signatures.map((one) => certificateName(one.certificate) ?? type.name ?? type.guid))
          .reduce(counted, [])
          .map(([name, count]) => (count === 1 ? name : `${count} × ${name}`))
          .join('; ') || 'empty'
      )
    case 'signature':
      return certificateName(value.certificate) ?? bytesSummary(value.data)
    case 'sbat':
      return value.entries.map(({ component, generation }) => `${component} ${generation}`).join(', ')
    case 'boot-order':
      return value.order.join(', ')
    case 'load-option':
      return `${value.description}, ${value.filePaths.join('; ')}${value.optionalText === undefined ? '' : ` (${value.optionalText})`}`
    case 'bytes':
      return bytesSummary(value.bytes)
  }
}

/** Equal names that follow each other, counted. */
function counted(rows: [name: string, count: number][], name: string): [name: string, count: number][] {
  const last = rows.at(-1)
  if (last?.[0] === name) last[1]++
  else rows.push([name, 1])
  return rows
}

function certificateName(certificate: LoggedCertificate | undefined): string | undefined {
  return certificate && (/(?:^|, )CN=(.*)$/.exec(certificate.subject)?.[1] ?? certificate.subject)
}

const SHOWN = 24

function bytesSummary(bytes: Uint8Array): string {
  const hex = bytes.subarray(0, SHOWN).toHex()
  return bytes.length === 0 ? 'empty' : bytes.length > SHOWN ? `${hex}… (${bytes.length} bytes)` : hex
}
