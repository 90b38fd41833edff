/** Programs that tests and benchmarks call: what is missing is installed when that is possible, and named when it is not; never skipped. */
import { spawnSync } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

/** A program, the Debian package that it comes with, and whether it is there. */
export type Service = readonly [name: string, debianPackage: string, isThere: () => boolean]

export function isInPath(program: string): boolean {
  const directories = (process.env.PATH ?? '').split(delimiter).filter((directory) => directory !== '')
  return directories.some((directory) => {
    try {
      accessSync(join(directory, program), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

/** Installs what is missing; says in `caller`'s name what to do, and ends, when it cannot. */
export function requireServices(services: readonly Service[], caller: string): void {
  const missingServices = () => services.filter(([, , isThere]) => !isThere())
  const packages = missingServices().map(([, debianPackage]) => debianPackage)
  if (packages.length === 0) return
  const isRoot = process.getuid?.() === 0
  if (isRoot && isInPath('apt-get')) {
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
    console.error(`${caller}: installing ${packages.join(', ')}`)
    spawnSync('apt-get', ['update', '-q'], { stdio: 'inherit', env })
    spawnSync('apt-get', ['install', '-y', '-q', '--no-install-recommends', ...packages], { stdio: 'inherit', env })
  }
  const missing = missingServices()
  if (missing.length === 0) return
  const command = `apt-get update && apt-get install -y ${missing.map(([, debianPackage]) => debianPackage).join(' ')}`
  console.error(`${caller}: missing: ${missing.map(([name]) => name).join(', ')}. Install with: ${isRoot ? '' : 'sudo sh -c '}'${command}'`)
  process.exit(1)
}
