// A character device with an emulated TPM behind it: a pseudo-terminal, joined with swtpm's socket by a small program.
import { spawn } from 'node:child_process'
import { once } from 'node:events'

const JOIN = `
import os, socket, sys, threading, tty
master, slave = os.openpty()
tty.setraw(slave)
tpm = socket.socket(socket.AF_UNIX)
tpm.connect(sys.argv[1])
print(os.ttyname(slave), flush=True)
def copy_responses():
    while data := tpm.recv(100):
        os.write(master, data)
threading.Thread(target=copy_responses, daemon=True).start()
while data := os.read(master, 4096):
    tpm.sendall(data)
`

export interface PtyTpm extends AsyncDisposable {
  device: string
}

/** Responses come in pieces of at most 100 bytes. */
export async function startPtyTpm(socketPath: string): Promise<PtyTpm> {
  const child = spawn('python3', ['-c', JOIN, socketPath], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  return {
    device: line.toString().trim(),
    async [Symbol.asyncDispose]() {
      const exited = once(child, 'exit')
      child.kill()
      await exited
    },
  }
}
