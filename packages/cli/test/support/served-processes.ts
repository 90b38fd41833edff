// The command as processes of their own, with a server in miniature.
import { commandProcesses, type CommandProcesses } from '@vouchsafe/testkit/command-process'
import { openTerminal, type Terminal } from '@vouchsafe/testkit/terminal'
import { startService, type Service } from './service.ts'

export interface ServedProcesses extends AsyncDisposable, Pick<CommandProcesses, 'env' | 'start'> {
  service: Service
  /** The same command in this process. */
  terminal: Terminal
}

/** Processes with the credentials of an app of the server in miniature. */
export async function openServedProcesses(): Promise<ServedProcesses> {
  const service = await startService()
  const terminal = await openTerminal(service.url)
  const { appid, apikey } = (await terminal.vouchsafe(['enroll', '--show', '--json'])).json() as { appid: string; apikey: string }
  const processes = commandProcesses({ VOUCHSAFE_URL: service.url, VOUCHSAFE_APPID: appid, VOUCHSAFE_APIKEY: apikey })
  return {
    service,
    terminal,
    env: processes.env,
    start: processes.start,
    async [Symbol.asyncDispose]() {
      processes[Symbol.dispose]()
      await terminal[Symbol.asyncDispose]()
      await service[Symbol.asyncDispose]()
    },
  }
}
