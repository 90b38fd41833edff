import { open } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { TpmError } from '../error.ts'
import { MAX_MESSAGE, ResponseCollector } from './transport.ts'
import type { TpmTransport } from './transport.ts'

/**
 * A TPM at a character device: /dev/tpmrm0, or /dev/tpm0, which only one process can have open. The command is one write, which the kernel carries out
 * before it returns; the response may be read in pieces. Throws TpmError.
 */
export async function openDeviceTransport(path: string): Promise<TpmTransport> {
  let file: FileHandle
  try {
    file = await open(path, 'r+')
  } catch (error) {
    throw new TpmError(openProblem(path, error as NodeJS.ErrnoException), { field: 'device', cause: error })
  }
  try {
    if (!(await file.stat()).isCharacterDevice()) throw new TpmError(`${path} is not a character device`, { field: 'device' })
  } catch (error) {
    await file.close()
    throw error
  }
  return {
    async exchange(command) {
      try {
        const { bytesWritten } = await file.write(command)
        if (bytesWritten !== command.length)
          throw new TpmError(`${path} took ${bytesWritten} of ${command.length} bytes`, { field: 'device' })
        return await readResponse(file, path)
      } catch (error) {
        if (error instanceof TpmError) throw error
        throw new TpmError(`${path}: ${(error as Error).message}`, { field: 'device', cause: error })
      }
    },
    close: () => file.close(),
  }
}

async function readResponse(file: FileHandle, path: string): Promise<Uint8Array> {
  const collector = new ResponseCollector()
  const buffer = new Uint8Array(MAX_MESSAGE)
  for (;;) {
    const { bytesRead } = await file.read(buffer, 0, buffer.length, null)
    if (bytesRead === 0) throw new TpmError(`${path}: the response ended after ${collector.received} bytes`, { field: 'device' })
    const response = collector.add(buffer.subarray(0, bytesRead))
    if (response !== undefined) return response
  }
}

function openProblem(path: string, { code, message }: NodeJS.ErrnoException): string {
  if (code === 'ENOENT') return `${path}: there is no such device; has this machine a TPM 2.0?`
  if (code === 'EACCES' || code === 'EPERM') return `${path}: no permission (the device usually belongs to the group tss)`
  if (code === 'EBUSY') return `${path}: another program has it open`
  return message
}
