/** URIs, taken apart as Go's net/url does. */
import { isIPv6 } from 'node:net'
import { allocateText, spend } from '../run/budget.ts'
import { makeObject } from '../values/operations.ts'
import type { Value } from '../values/value.ts'
import { builtin, failure } from './types.ts'
import type { BuiltinSpec } from './types.ts'

export const uriBuiltins: readonly BuiltinSpec[] = [
  builtin('uri.parse', ['string'], 'object', (text: string) => {
    const { scheme, hostname, port, path, rawPath, query, fragment } = parseUri(text)
    const fields: [string, string][] = [
      ['scheme', scheme],
      ['hostname', hostname],
      ['port', port],
      ['path', path],
      ['raw_path', path === '' ? '' : rawPath || path],
      ['raw_query', query],
      ['fragment', fragment],
    ]
    return makeObject(fields.filter(([, value]) => value !== ''))
  }),
  builtin('uri.is_valid', ['any'], 'boolean', (text: Value) => typeof text === 'string' && text !== '' && isUri(text)),
]

interface Uri {
  scheme: string
  hostname: string
  port: string
  path: string
  /** The path as it was written, where that is not the usual way. */
  rawPath: string
  query: string
  fragment: string
}

type Part = 'host' | 'zone' | 'path' | 'userinfo' | 'fragment'

/** Characters besides letters, digits and those from beyond ASCII that stand for themselves in a part. */
const PLAIN: Readonly<Record<Part, string>> = {
  host: '-_.~!$&\'()*+,;=:[]<>"',
  zone: '-_.~!$&\'()*+,;=:[]<>"% ',
  path: '-_.~$&+,/:;=@',
  userinfo: '-_.~',
  fragment: '',
}
const USERINFO = /^[A-Za-z0-9\-._:~!$&'()*+,;=%@]*$/

function isUri(text: string): boolean {
  try {
    parseUri(text)
    return true
  } catch (error) {
    if ((error as Error).name === 'LimitError') throw error
    return false
  }
}

function parseUri(text: string): Uri {
  spend(text.length)
  allocateText(6 * text.length, text)
  const uri: Uri = { scheme: '', hostname: '', port: '', path: '', rawPath: '', query: '', fragment: '' }
  const fail = (why: string): Error => failure(`parse ${JSON.stringify(text.slice(0, 200))}: ${why}`)
  const [whole, fragment] = cut(text, '#')
  if (/[\x00-\x1f\x7f]/.test(whole)) throw fail('net/url: invalid control character in URL')
  uri.fragment = unescape(fragment, 'fragment', fail)
  if (whole === '' || whole === '*') return { ...uri, path: whole }
  let rest = whole
  const [, scheme] = /^([A-Za-z][A-Za-z0-9+\-.]*):/.exec(rest) ?? []
  if (rest.startsWith(':')) throw fail('missing protocol scheme')
  if (scheme !== undefined) {
    uri.scheme = scheme.toLowerCase()
    rest = rest.slice(scheme.length + 1)
  }
  ;[rest, uri.query] = cut(rest, '?')
  if (!rest.startsWith('/')) {
    // Opaque, as in mailto:.
    if (uri.scheme !== '') return uri
    if (cut(rest, '/')[0].includes(':')) throw fail('first path segment in URL cannot contain colon')
  }
  if ((uri.scheme !== '' || !rest.startsWith('///')) && rest.startsWith('//')) {
    const slash = rest.indexOf('/', 2)
    const authority = rest.slice(2, slash < 0 ? undefined : slash)
    rest = slash < 0 ? '' : rest.slice(slash)
    const at = authority.lastIndexOf('@')
    const user = authority.slice(0, Math.max(0, at))
    if (!USERINFO.test(user)) throw fail('net/url: invalid userinfo')
    unescape(user, 'userinfo', fail)
    ;[uri.hostname, uri.port] = parseHost(uri.scheme, authority.slice(at + 1), fail)
  }
  uri.path = unescape(rest, 'path', fail)
  if (escapePath(uri.path) !== rest) uri.rawPath = rest
  return uri
}

function cut(text: string, mark: string): [string, string] {
  const at = text.indexOf(mark)
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)]
}

/** The host's name and its port. */
function parseHost(scheme: string, host: string, fail: (why: string) => Error): [string, string] {
  const open = host.lastIndexOf('[')
  if (open > 0) throw fail('invalid IP-literal')
  if (open === 0) {
    const close = host.lastIndexOf(']')
    if (close < 0) throw fail("missing ']' in host")
    const name = host.slice(1, close)
    const zoneAt = name.indexOf('%25')
    const [address, zone] = zoneAt < 0 ? [name, ''] : [name.slice(0, zoneAt), name.slice(zoneAt)]
    if (!isIPv6(address)) throw fail('invalid host')
    return [unescape(address, 'host', fail) + unescape(zone, 'zone', fail), portOf(host.slice(close + 1), fail)]
  }
  const first = host.indexOf(':')
  const colon = scheme === 'http' || scheme === 'https' ? first : host.lastIndexOf(':')
  const port = colon < 0 ? '' : portOf(host.slice(colon), fail)
  return [unescape(colon < 0 ? host : host.slice(0, colon), 'host', fail), port]
}

function portOf(text: string, fail: (why: string) => Error): string {
  if (!/^(?::[0-9]*)?$/.test(text)) throw fail(`invalid port ${JSON.stringify(text)} after host`)
  return text.slice(1)
}

/** A part without its percent signs. */
function unescape(text: string, part: Part, fail: (why: string) => Error): string {
  const bytes: Buffer[] = []
  let last = 0
  for (const { 0: sequence, index } of text.matchAll(/%.{0,2}/gs)) {
    const isHex = /^%[0-9a-fA-F]{2}$/.test(sequence)
    // In a host, only what is not ASCII may be written so, and the percent sign before a zone.
    if (!isHex || (part === 'host' && /^%[0-7]/.test(sequence) && sequence !== '%25'))
      throw fail(`invalid URL escape ${JSON.stringify(sequence)}`)
    bytes.push(Buffer.from(text.slice(last, index)), Buffer.from(sequence.slice(1), 'hex'))
    last = index + sequence.length
  }
  if (part === 'host' || part === 'zone')
    for (const char of text)
      if (char < '\x80' && char !== '%' && !isPlain(char, part)) throw fail(`invalid character ${JSON.stringify(char)} in host name`)
  if (bytes.length === 0) return text
  return Buffer.concat([...bytes, Buffer.from(text.slice(last))]).toString('utf8')
}

function isPlain(char: string, part: Part): boolean {
  return /[A-Za-z0-9]/.test(char) || PLAIN[part].includes(char)
}

function escapePath(path: string): string {
  return path.replace(/[^A-Za-z0-9\-_.~$&+,/:;=@]/gu, (char) =>
    [...Buffer.from(char)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join(''),
  )
}
