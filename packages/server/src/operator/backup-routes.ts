import { changeRecord } from '../trail/index.ts'
import { writeBackup } from '../backup/index.ts'
import { invalidParameter } from '../foundation/index.ts'
import { ByteStream, optionalPassphrase, type Handler, type OperatorOperation } from './input.ts'

const backup: Handler = async (input, context, call) => {
  const passphrase = optionalPassphrase(input, 'passphrase')
  if (passphrase === undefined) throw invalidParameter('passphrase is missing')
  const chunks = await writeBackup(context, passphrase)
  const audit = changeRecord(call, '', context.runtime.now())
  await context.storage.appendAudit({ rows: [audit] })
  return new ByteStream(chunks)
}

export const backupOperations: readonly OperatorOperation[] = [
  { name: 'Backup', method: 'POST', path: '/v1/backup', right: 'server:manage', handle: backup },
]
