import { command } from '../command.ts'
import { passphrasePrompt } from '../operator.ts'

export const serverCommands = [
  command({
    name: 'server',
    args: [],
    summary: "Run the server ('vouchsafe server --help' lists its options)",
    options: {},
    verbatim: true,
    async run(host, args) {
      // Loaded on demand: no other command should pay for it.
      const { runServer } = await import('@vouchsafe/server')
      return { json: {}, text: '', exitCode: await runServer(args, host.env, passphrasePrompt(host)) }
    },
  }),
]
