/** Vector files: JSON, plain or gzipped, in one folder. */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'

const MAX_BYTES = 256 * 1024 * 1024

export type Json = { readonly [name: string]: unknown }

/** The folder's JSON files by name, sorted. */
export async function listVectorFiles(folder: string): Promise<string[]> {
  return (await readdir(folder)).filter((name) => /\.json(\.gz)?$/.test(name)).sort()
}

/** The object in a JSON file. Throws where it is not JSON or not an object. */
export async function readVectorFile(folder: string, name: string): Promise<Json> {
  const bytes = await readFile(join(folder, name))
  const text = name.endsWith('.gz') ? gunzipSync(bytes, { maxOutputLength: MAX_BYTES }) : bytes
  const value: unknown = JSON.parse(text.toString('utf8'))
  if (!isObject(value)) throw new Error('not a JSON object')
  return value
}

export function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The objects in the array `parent[name]`; none where it is absent. */
export function objects(parent: Json, name: string): Json[] {
  const value = parent[name]
  return Array.isArray(value) ? value.filter(isObject) : []
}

/** The string `parent[name]`. Throws where it is not one. */
export function text(parent: Json, name: string): string {
  const value = parent[name]
  if (typeof value !== 'string') throw new Error(`${name} is not a string`)
  return value
}

/** The bytes of the hex string `parent[name]`. Throws where it is not one. */
export function hex(parent: Json, name: string): Buffer {
  const value = text(parent, name)
  if (!/^([0-9a-f]{2})*$/i.test(value)) throw new Error(`${name} is not hex`)
  return Buffer.from(value, 'hex')
}
