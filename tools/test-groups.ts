import { mkdir, writeFile } from 'node:fs/promises'
import { join, resolve, sep } from 'node:path'
import { pathToFileURL } from 'node:url'

const FILES_IN_GROUP = 8

/**
 * Test files of the same folder of packages/ share a process, a few at a time, since loading the server's modules takes longer than many a file's
 * tests. Each is a suite of its own, so that its hooks are its own; one runs after the other. Writes a module for each group into `folder`, and returns
 * their paths, which sort as `files` do.
 */
export async function writeGroups(files: readonly string[], folder: string): Promise<string[]> {
  await mkdir(folder)
  const byPackage = Map.groupBy(files, (file) =>
    file
      .split(sep)
      .slice(0, 2)
      .join(sep)
      .replace(/[^/\\]+\.test\.ts$/, ''),
  )
  const groups = [...byPackage.values()].flatMap((together) => {
    const count = Math.ceil(together.length / FILES_IN_GROUP)
    // Dealt out, since neighbours are alike in how long they take.
    return Array.from({ length: count }, (_, group) => together.filter((_, i) => i % count === group))
  })
  return await Promise.all(
    groups.map(async (group, i) => {
      const path = join(folder, `${String(i).padStart(3, '0')}.test.mjs`)
      await writeFile(path, ["import { describe } from 'node:test'", ...group.map(suite)].join('\n'))
      return path
    }),
  )
}

function suite(file: string): string {
  return `describe(${JSON.stringify(file)}, () => import(${JSON.stringify(pathToFileURL(resolve(file)).href)}))`
}
