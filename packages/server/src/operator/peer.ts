/**
 * Who is at the other end of the operator socket. Node.js has no SO_PEERCRED, so the kernel is asked by way of a file: the client makes an empty
 * one beside the socket, in a folder that only its owner and root can write to, and names it; its owner is the client's user.
 */
import { lstat, readFile, unlink } from 'node:fs/promises'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { OPERATOR, operatorPrincipal, type Principal } from '../access/index.ts'

/** Names the file, without its folder and prefix. */
export const PEER_HEADER = 'vouchsafe-peer'
const FILE_PREFIX = '.peer-'
const NAME = /^[0-9a-f-]{36}$/

/** The operator who made the file that a request names, which is removed; an unnamed operator if it names none. */
export async function peerOf(folder: string, name: string | string[] | undefined): Promise<Principal> {
  if (typeof name !== 'string' || !NAME.test(name)) return OPERATOR
  const path = join(folder, `${FILE_PREFIX}${name}`)
  try {
    const file = await lstat(path)
    await unlink(path)
    // A second link could be to a file that someone else made.
    if (!file.isFile() || file.nlink !== 1 || file.size !== 0) return OPERATOR
    return operatorPrincipal(file.uid, await accountOf(file.uid))
  } catch {
    return OPERATOR
  }
}

/** The operator whose process this is. */
export function ownPrincipal(): Principal {
  const { uid, username } = userInfo()
  return operatorPrincipal(uid, username)
}

/** The account of a user, as /etc/passwd has it; undefined for one that only another directory knows. */
async function accountOf(uid: number): Promise<string | undefined> {
  const lines = (await readFile('/etc/passwd', 'utf8').catch(() => '')).split('\n')
  return lines.map((line) => line.split(':')).find((fields) => fields[2] === String(uid))?.[0]
}
