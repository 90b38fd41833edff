/** Files of a tar.gz, as vectors may come. */
import { gunzipSync } from 'node:zlib'

const BLOCK = 512
const MAX_BYTES = 256 * 1024 * 1024

export interface TarFile {
  path: string
  text: string
}

/** The regular files of a ustar archive, gzipped. Throws where it is cut off. */
export function readTarGz(bytes: Uint8Array): TarFile[] {
  const archive = gunzipSync(bytes, { maxOutputLength: MAX_BYTES })
  const files: TarFile[] = []
  let longName = ''
  for (let at = 0; at + BLOCK <= archive.length;) {
    const header = archive.subarray(at, at + BLOCK)
    if (header.every((byte) => byte === 0)) break
    const size = Number.parseInt(field(header, 124, 12), 8)
    const type = String.fromCharCode(header[156]!)
    const content = archive.subarray(at + BLOCK, at + BLOCK + size)
    if (content.length < size) throw new Error('the archive is cut off')
    const prefix = field(header, 345, 155)
    const name = longName || (prefix === '' ? '' : `${prefix}/`) + field(header, 0, 100)
    longName = type === 'L' ? content.toString('utf8').replace(/\0.*$/s, '') : type === 'x' ? paxPath(content.toString('utf8')) : ''
    if (type === '0' || type === '\0') files.push({ path: name.replace(/^\.\//, ''), text: content.toString('utf8') })
    at += BLOCK + Math.ceil(size / BLOCK) * BLOCK
  }
  return files
}

/** The path that an extended header gives to the file after it: records of `length key=value`. */
function paxPath(records: string): string {
  return /^\d+ path=(.*)$/m.exec(records)?.[1] ?? ''
}

function field(header: Buffer, at: number, length: number): string {
  return header
    .toString('utf8', at, at + length)
    .replace(/\0.*$/s, '')
    .trim()
}
