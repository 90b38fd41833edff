/** Formats of JSON Schema. Those that are not known pass, as the standard says. */
import { isIPv4, isIPv6 } from 'node:net'
import { compilePattern } from './regex.ts'

const HOST_LABEL = /^(?!-)[A-Za-z0-9-]{1,63}(?<!-)$/

const FORMATS: ReadonlyMap<string, (text: string) => boolean> = new Map<string, (text: string) => boolean>([
  ['date', (text) => /^\d{4}-\d{2}-\d{2}$/.test(text) && isDate(text)],
  ['time', (text) => /^\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$/i.test(text)],
  ['date-time', (text) => /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$/i.test(text) && isDate(text.slice(0, 10))],
  ['hostname', (text) => text.length <= 253 && text.split('.').every((part) => HOST_LABEL.test(part))],
  ['email', (text) => /^[^\s@]+@[^\s@]+$/.test(text)],
  ['idn-email', (text) => /^[^\s@]+@[^\s@]+$/.test(text)],
  ['ipv4', isIPv4],
  ['ipv6', isIPv6],
  ['uri', (text) => /^[a-z][a-z0-9+.-]*:/i.test(text) && URL.canParse(text)],
  ['uri-reference', (text) => URL.canParse(text, 'http://example.com')],
  ['uuid', (text) => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text)],
  ['regex', isRegex],
  ['json-pointer', (text) => /^(\/([^/~]|~[01])*)*$/.test(text)],
])

function isDate(text: string): boolean {
  const time = Date.parse(`${text}T00:00:00Z`)
  return !Number.isNaN(time) && new Date(time).toISOString().startsWith(text)
}

function isRegex(text: string): boolean {
  try {
    compilePattern(text)
    return true
  } catch (error) {
    if ((error as Error).name === 'LimitError') throw error
    return false
  }
}

export function isFormat(name: string, text: string): boolean {
  return FORMATS.get(name)?.(text) ?? true
}
