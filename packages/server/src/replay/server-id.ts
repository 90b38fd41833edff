import { createHash } from 'node:crypto'
import { readFileSync, readlinkSync } from 'node:fs'
import { hostname } from 'node:os'
import type { Runtime } from '../foundation/index.ts'

/**
 * `<where>:<pid>:<random>:<name>`: distinguishes servers, and lets a successor on the same machine see that this one's process is gone.
 * @param name of the process, in the trail
 */
export function newServerId(runtime: Runtime, name: string): string {
  return `${place()}:${process.pid}:${runtime.uuid()}:${name}`
}

/** Whether the process of a server id is certainly gone: it ran in this boot and process namespace, and its pid is free. */
export function isGone(serverId: string): boolean {
  const [where, pid] = serverId.split(':')
  if (where !== place() || !pid || !/^\d+$/.test(pid)) return false
  try {
    process.kill(Number(pid), 0)
    return false
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH'
  }
}

let known: string | undefined

/** Identifies this machine, boot and process namespace. */
function place(): string {
  const parts = [
    hostname(),
    read(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8')),
    read(() => readlinkSync('/proc/self/ns/pid')),
  ]
  known ??= createHash('sha256').update(parts.join('\n')).digest('hex').slice(0, 16)
  return known
}

function read(source: () => string): string {
  try {
    return source()
  } catch {
    return ''
  }
}
