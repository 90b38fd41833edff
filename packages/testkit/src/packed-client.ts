import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)
const ROOT = fileURLToPath(new URL('../../..', import.meta.url))

/** The `node` that a stranger's shell finds, not the one that the workspace brings. */
export const STRANGERS_PATH = process.env['PATH']!.split(delimiter)
  .filter((folder) => !folder.includes('node_modules'))
  .join(delimiter)

export interface PackedClient extends AsyncDisposable {
  /** A copy of the workspace that was packed. */
  workspace: string
  /** An empty project with the tarball installed. */
  project: string
  packed: { filename: string; files: { path: string }[] }
}

/**
 * Packs the client as `npm pack -w packages/client` does and installs the tarball, offline. Packs a copy, so that whatever else uses the
 * workspace meanwhile never sees the manifest of the tarball.
 */
export async function packAndInstall(): Promise<PackedClient> {
  const folder = await mkdtemp(join(tmpdir(), 'vouchsafe-pack-'))
  const workspace = join(folder, 'workspace')
  const project = join(folder, 'project')
  await mkdir(join(workspace, 'packages'), { recursive: true })
  await mkdir(project)
  for (const file of ['package.json', 'tsconfig.json', 'LICENSE']) await cp(join(ROOT, file), join(workspace, file))
  for (const name of ['client', 'operations'])
    await cp(join(ROOT, 'packages', name), join(workspace, 'packages', name), { recursive: true })
  await symlink(join(ROOT, 'node_modules'), join(workspace, 'node_modules'))
  const { stdout } = await run('npm', ['pack', '-w', 'packages/client', '--json', '--offline'], { cwd: workspace })
  const packed = (JSON.parse(stdout) as [PackedClient['packed']])[0]
  await writeFile(join(project, 'package.json'), '{"type":"module"}')
  await run('npm', ['install', join(workspace, packed.filename), '--offline', '--no-audit', '--no-fund'], { cwd: project })
  return { workspace, project, packed, [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) }
}
