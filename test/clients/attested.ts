// A server of the test's own, and a token that it has issued for evidence of an emulated host.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { giveSigningKeys } from '@vouchsafe/testkit/authority-keys'
import { attest, attestBody, bootEvidence, storeCertificate, testNode } from '@vouchsafe/testkit/evidence'
import { pkiAt } from '@vouchsafe/testkit/pki'
import type { TestServer } from '@vouchsafe/testkit/server'

/** The name of the node, which the token says in `ueid`. */
export const NODE = 'node-1'

/** A token for a host whose attestation key a stored CA vouches for. */
export async function issueToken({ url, server }: TestServer): Promise<string> {
  await giveSigningKeys(server.context.signingKeys)
  const pki = pkiAt(Date.now())
  const root = await pki.root()
  await storeCertificate(url, 'one', root.pem)
  const { status, body } = await attest(url, attestBody(NODE, bootEvidence(await testNode(pki, root, NODE))))
  assert.equal(status, 200, body.message)
  return body.tokens[0]!.token
}

/** Runs a client's program, which must succeed, while the server goes on in this process. Returns what it printed. */
export async function run(program: string, args: readonly string[], env: Record<string, string> = {}): Promise<string> {
  const { stdout } = await promisify(execFile)(program, args, { env: { ...process.env, ...env } })
  return stdout
}
