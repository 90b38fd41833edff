import { Type } from 'typebox'
import { ByteStream } from '../byte-stream.ts'
import { PASSPHRASE, operation } from '../operation.ts'

export const backupOperations = [
  operation({
    name: 'Backup',
    summary: 'Writes every app, key, secret and audit record to one file, which is encrypted under the passphrase.',
    method: 'POST',
    path: '/v1/backup',
    right: 'server:manage',
    input: { passphrase: PASSPHRASE },
    result: Type.Unsafe<ByteStream>({ type: 'string', format: 'binary' }),
    async handle({ passphrase }, call, { backups }) {
      return new ByteStream(await backups.write(call, passphrase))
    },
  }),
]
