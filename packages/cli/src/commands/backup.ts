import { open, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { randomUUID } from 'node:crypto'
import { CommandError, timeText } from '@vouchsafe/command'
import { OPERATOR_OPTIONS, command } from '../command.ts'
import { readPassphrase } from '../new-passphrase.ts'
import { operateForBytes, passphrasePrompt } from '../operator.ts'
import { openProgress } from '../progress.ts'

const PASSPHRASE_OPTION = {
  'passphrase-file': {
    type: 'string',
    value: 'FILE',
    summary: "the backup's own passphrase (default $VOUCHSAFE_BACKUP_PASSPHRASE, or a prompt on the terminal)",
  },
} as const

const source = (file: string | undefined) => ({
  file,
  option: 'passphrase-file',
  variable: 'VOUCHSAFE_BACKUP_PASSPHRASE',
  what: 'the backup',
})

export const backupCommands = [
  command({
    name: 'backup',
    args: ['FILE'],
    summary: 'Write every key, secret and app to an encrypted file, whether or not the server is running (operators)',
    options: { ...PASSPHRASE_OPTION, force: { type: 'boolean', summary: 'replace the file if it exists' }, ...OPERATOR_OPTIONS },
    async run(host, [file], values) {
      if (!values.force && (await stat(file!).catch(() => undefined))) throw new CommandError(`${file} exists; replace it with --force`)
      const passphrase = await readPassphrase(host, source(values['passphrase-file']), true)
      const bytes = await operateForBytes(host, values, '/v1/backup', { passphrase }, (chunks) => writeWhole(file!, chunks))
      return { json: { file, bytes }, text: `${file}: ${bytes} bytes\n` }
    },
  }),
  command({
    name: 'restore',
    args: ['FILE'],
    summary: 'Restore a backup into an empty store on which no server runs (operators)',
    options: {
      ...PASSPHRASE_OPTION,
      check: { type: 'boolean', summary: 'only read the backup to the end; change nothing' },
      ...OPERATOR_OPTIONS,
    },
    async run(host, [file], values) {
      await stat(file!)
      const passphrase = await readPassphrase(host, source(values['passphrase-file']), false)
      const { checkBackupFile, restore } = await import('@vouchsafe/server')
      const dataDir = values['data-dir'] ?? (host.env['VOUCHSAFE_DATA_DIR'] || './data')
      using bar = openProgress(host)
      const options = { file: file!, passphrase, report: bar.show }
      const contents = values.check
        ? await checkBackupFile(options)
        : await restore({ ...options, dataDir, env: host.env, askPassphrase: passphrasePrompt(host) })
      const { apps = 0, keys = 0, secrets = 0 } = contents.tables
      const what = `the backup of ${timeText(contents.createdAt)} with ${apps} apps, ${keys} keys and ${secrets} secrets`
      return { json: contents, text: `${what} ${values.check ? 'is whole' : 'is restored'}\n` }
    },
  }),
]

/** Writes what comes to a file (mode 0600), which appears whole or not at all; returns the number of bytes. */
async function writeWhole(path: string, chunks: AsyncIterable<Uint8Array>): Promise<number> {
  const temporary = join(dirname(path), `.${randomUUID()}.tmp`)
  const file = await open(temporary, 'wx', 0o600)
  try {
    let size = 0
    try {
      for await (const chunk of chunks) {
        await file.writeFile(chunk)
        size += chunk.length
      }
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(temporary, path)
    return size
  } catch (error) {
    await rm(temporary, { force: true })
    const { code } = error as NodeJS.ErrnoException
    throw code === 'ECONNRESET' ? new CommandError('the server could not finish the backup; its log says why') : error
  }
}
