import { CommandError, UsageError } from '@vouchsafe/command'
import { API_OPTIONS, command } from '../command.ts'
import { runProgram } from '../child-program.ts'
import { connect } from '../connection.ts'

export const runCommands = [
  command({
    name: 'run',
    args: ['COMMAND', '[ARG…]'],
    summary: 'Run a command with secrets in its environment; exits with its exit code',
    options: {
      ...API_OPTIONS,
      secret: {
        type: 'string',
        multiple: true,
        value: 'NAME=ENVVAR',
        summary: "a secret, and the variable for its current value ('a=B' puts secret a into $B); may be repeated",
      },
    },
    afterDashes: true,
    async run(host, [program, ...args], values) {
      const wanted = assignments(values.secret ?? [])
      const client = await connect(host, values)
      const added = await Promise.all(
        [...wanted].map(async ([variable, secretName]) => {
          const { secretData } = await client.getSecretValue(secretName)
          if (secretData.includes('\0')) throw new CommandError(`secret '${secretName}' holds a NUL, which an environment variable cannot`)
          return [variable, secretData] as const
        }),
      )
      const exitCode = await runProgram(program!, args, { ...host.env, ...Object.fromEntries(added) })
      return { json: undefined, text: '', exitCode }
    },
  }),
]

/** Names of secrets by the variables that get them. Names may hold `=`, variables not. Throws UsageError. */
function assignments(texts: readonly string[]): Map<string, string> {
  if (texts.length === 0) throw new UsageError('--secret NAME=ENVVAR is missing')
  const wanted = new Map<string, string>()
  for (const text of texts) {
    const split = text.lastIndexOf('=')
    const variable = text.slice(split + 1)
    if (split < 1) throw new UsageError(`--secret '${text}' is not of the form NAME=ENVVAR`)
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(variable))
      throw new UsageError(`--secret '${text}': '${variable}' is not a name for an environment variable (letters, digits and _)`)
    if (wanted.has(variable)) throw new UsageError(`--secret: ${variable} is given twice`)
    wanted.set(variable, text.slice(0, split))
  }
  return wanted
}
