/**
 * `node tools/node26.mjs packages/rego/test/recorded/record.ts OPA COUNT FILE`: has OPA, whose program is given, answer the random modules 0 … COUNT-1 and writes the
 * answers, gzipped, for recorded.test.ts. `go install github.com/open-policy-agent/opa@v1.22.4` makes the program.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import { randomCase } from '../support/random-module.ts'

const TRIES = 100

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

async function untilReady(url: string): Promise<void> {
  for (let i = 0; i < TRIES; i++) {
    const answer = await fetch(`${url}/health`).catch(() => undefined)
    if (answer?.ok) return
    await setTimeout(100)
  }
  throw new Error('OPA does not answer')
}

interface Failure {
  code: string
  errors?: { code: string }[]
}

async function answerOf(url: string, number: number): Promise<unknown> {
  const { module, input } = randomCase(number)
  const put = await fetch(`${url}/v1/policies/p`, { method: 'PUT', body: module })
  if (!put.ok) return codeOf((await put.json()) as Failure)
  await put.text()
  const got = await fetch(`${url}/v1/data/p/x`, { method: 'POST', body: JSON.stringify({ input }) })
  return got.ok ? (((await got.json()) as { result?: unknown }).result ?? null) : codeOf((await got.json()) as Failure)
}

function codeOf({ code, errors }: Failure): string {
  return errors?.[0]?.code ?? code
}

const [program, count, file] = process.argv.slice(2)
if (program === undefined || count === undefined || file === undefined) {
  console.error('usage: record.ts OPA COUNT FILE')
  process.exitCode = 2
} else {
  const port = await freePort()
  const opa = spawn(program, ['run', '--server', '--addr', `127.0.0.1:${port}`, '--log-level', 'error'], { stdio: 'ignore' })
  try {
    const url = `http://127.0.0.1:${port}`
    await untilReady(url)
    const answers: unknown[] = []
    for (let i = 0; i < Number(count); i++) answers.push(await answerOf(url, i))
    await writeFile(file, gzipSync(JSON.stringify(answers), { level: 9 }))
  } finally {
    opa.kill()
  }
}
