import { open, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { CollateralPart } from '../collateral/collateral.ts'
import { CollateralError } from '../errors.ts'

const MAX_FILES = 200
const MAX_FILE_LENGTH = 16 * 1024 * 1024

/**
 * Reads the parts in a file, or in the files of a folder. Throws CollateralError if there are too many parts or parts that are too long,
 * and the system's errors.
 *
 * @example
 * const parts = await readCollateralFiles(folder)
 * readCollateral(parts).tcbInfos.length // → 1
 */
export async function readCollateralFiles(path: string): Promise<CollateralPart[]> {
  if (!(await stat(path)).isDirectory()) return [await readPart(path, path)]
  const entries = await readdir(path, { withFileTypes: true })
  const names = entries.filter((entry) => entry.isFile() || entry.isSymbolicLink()).map(({ name }) => name)
  if (names.length > MAX_FILES) throw new CollateralError(path, `${names.length} files, at most ${MAX_FILES} are read`)
  // Links to folders are ignored, like folders: a volume of Kubernetes has one beside its files.
  const isFile = await Promise.all(names.map(async (name) => (await stat(join(path, name))).isFile()))
  const files = names.filter((_name, i) => isFile[i]).sort()
  return Promise.all(files.map((name) => readPart(join(path, name), name)))
}

async function readPart(path: string, name: string): Promise<CollateralPart> {
  await using file = await open(path)
  const { size } = await file.stat()
  if (size > MAX_FILE_LENGTH) throw new CollateralError(name, `longer than ${MAX_FILE_LENGTH} bytes`)
  return { name, bytes: await file.readFile() }
}
