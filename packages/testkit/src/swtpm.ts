// A TPM emulator for one test: swtpm in a folder of its own, at a UNIX socket or TCP ports of its own, ended with the test.
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createConnection, createServer } from 'node:net'
import type { NetConnectOpts } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface SwtpmOptions {
  /** How clients reach it; a UNIX socket unless told. */
  socket?: 'unix' | 'tcp'
  /** Send TPM2_Startup(CLEAR) at the start, as firmware does; true unless told. */
  startup?: boolean
}

export interface Swtpm extends AsyncDisposable {
  /** Where TPM commands go. */
  readonly data: NetConnectOpts
  /** Where swtpm's own control commands go. */
  readonly control: NetConnectOpts
  /** The address in the words of `vouchsafe tpm --tpm`: `swtpm:/path` or `swtpm:host:port`. */
  readonly address: string
  /** The address in the words of tpm2-tools (`-T` or TPM2TOOLS_TCTI). swtpm serves one client at a time: close others first. */
  readonly tctiString: string
  /** Its folder, for files of the test too. */
  readonly dir: string
  path(name: string): string
  /** Power off and on again with TPM2_Startup(CLEAR): PCRs, sessions and transient objects are as new; what is persistent stays. Close clients first. */
  reset(): Promise<void>
  /** Ends it at once, as when the device fails; its folder stays until `stop`. */
  kill(): Promise<void>
  /** Ends it and removes its folder. */
  stop(): Promise<void>
}

const PORT_TRIES = 10
const CMD_INIT = Buffer.from([0, 0, 0, 2, 0, 0, 0, 0])
const STARTUP_CLEAR = Buffer.from('80010000000c000001440000', 'hex')

/** Starts swtpm; a TPM without keys, with all its PCR banks active. */
export async function startSwtpm({ socket = 'unix', startup = true }: SwtpmOptions = {}): Promise<Swtpm> {
  const dir = mkdtempSync(join(tmpdir(), 'swtpm-'))
  let child: ChildProcess | undefined

  const kill = async (): Promise<void> => {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const exited = once(child, 'exit')
    child.ref()
    child.kill('SIGKILL')
    await exited
  }
  // A process that ends without having stopped its TPM ends it at once.
  const abandon = () => {
    child?.kill('SIGKILL')
    rmSync(dir, { recursive: true, force: true })
  }
  const stop = async (): Promise<void> => {
    await kill()
    process.removeListener('exit', abandon)
    rmSync(dir, { recursive: true, force: true })
  }
  process.once('exit', abandon)

  try {
    for (let tries = 1; ; tries++) {
      const place = await choosePlace(socket, dir)
      child = spawn('swtpm', swtpmArguments(dir, place, startup), { stdio: 'ignore' })
      child.unref()
      try {
        await listening(child, [place.data, place.control], join(dir, 'log'))
      } catch (error) {
        // Another process may have taken the port meanwhile.
        if (socket === 'unix' || tries === PORT_TRIES) throw error
        continue
      }
      const reset = async () => {
        await converse(place.control, CMD_INIT, 4)
        await converse(place.data, STARTUP_CLEAR, 10)
      }
      return { ...place, dir, path: (name) => join(dir, name), reset, kill, stop, [Symbol.asyncDispose]: stop }
    }
  } catch (error) {
    await stop()
    throw error
  }
}

type Place = Pick<Swtpm, 'data' | 'control' | 'address' | 'tctiString'> & { serverOption: string; controlOption: string }

/** tpm2-tools expect the control channel at the data channel's path with `.ctrl`, or at the next port. */
async function choosePlace(socket: 'unix' | 'tcp', dir: string): Promise<Place> {
  if (socket === 'unix') {
    const path = join(dir, 'tpm')
    return {
      data: { path },
      control: { path: `${path}.ctrl` },
      address: `swtpm:${path}`,
      tctiString: `swtpm:path=${path}`,
      serverOption: `type=unixio,path=${path}`,
      controlOption: `type=unixio,path=${path}.ctrl`,
    }
  }
  const host = '127.0.0.1'
  const port = await freePort()
  return {
    data: { host, port },
    control: { host, port: port + 1 },
    address: `swtpm:${host}:${port}`,
    tctiString: `swtpm:host=${host},port=${port}`,
    serverOption: `type=tcp,port=${port},bindaddr=${host}`,
    controlOption: `type=tcp,port=${port + 1},bindaddr=${host}`,
  }
}

function swtpmArguments(dir: string, { serverOption, controlOption }: Place, startup: boolean): string[] {
  const flags = startup ? 'not-need-init,startup-clear' : 'not-need-init'
  const log = `file=${join(dir, 'log')},level=1`
  return ['socket', '--tpm2', '--tpmstate', `dir=${dir}`, '--server', serverOption, '--ctrl', controlOption, '--flags', flags, '--log', log]
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string' || address.port === 0xffff) throw new Error('no TCP port')
  return address.port
}

/** Waits until the emulator accepts connections; it says so nowhere, so it is asked again and again. Throws what it logged when it ends instead. */
async function listening(child: ChildProcess, sockets: NetConnectOpts[], log: string): Promise<void> {
  let failure: Error | undefined
  child.once('error', (error) => (failure = error))
  for (const socket of sockets) {
    while (!(await accepts(socket))) {
      if (failure !== undefined) throw new Error(`swtpm did not start (apt-get install swtpm swtpm-tools tpm2-tools): ${failure.message}`)
      if (child.exitCode !== null || child.signalCode !== null) throw new Error(`swtpm ended: ${logged(log)}`)
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  }
  if (child.exitCode !== null) throw new Error(`swtpm ended: ${logged(log)}`)
}

function logged(log: string): string {
  try {
    return readFileSync(log, 'utf8')
  } catch {
    return 'it logged nothing'
  }
}

async function accepts(socket: NetConnectOpts): Promise<boolean> {
  const connection = createConnection(socket)
  try {
    await once(connection, 'connect')
    return true
  } catch {
    return false
  } finally {
    connection.destroy()
  }
}

/** Sends one message and waits for an answer of so many bytes, whose last four are a result code that must be zero. */
async function converse(socket: NetConnectOpts, message: Uint8Array, length: number): Promise<void> {
  const connection = createConnection(socket)
  try {
    connection.write(message)
    let answer = Buffer.alloc(0)
    for await (const chunk of connection) {
      answer = Buffer.concat([answer, chunk as Buffer])
      if (answer.length >= length) break
    }
    if (answer.length < length || answer.readUInt32BE(length - 4) !== 0) throw new Error(`swtpm answered ${answer.toString('hex')}`)
  } finally {
    connection.destroy()
  }
}
