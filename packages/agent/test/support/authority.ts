// A real server of this repository, and what its user stores there.
import { AuthorityClient } from '@vouchsafe/client'
import { giveSigningKeys } from '@vouchsafe/testkit/authority-keys'
import { startTestServer } from '@vouchsafe/testkit/server'
import type { TestServerOptions } from '@vouchsafe/testkit/server'

export const USER = 'fleet'

export interface Authority extends AsyncDisposable {
  url: string
  client: AuthorityClient
  /** Stores a policy that holds while the log of its kind of evidence is valid, and `condition`; gives its id. */
  addPolicy(type: string, condition?: string, isDefault?: boolean): Promise<string>
}

let policies = 0

export async function startAuthority(options: TestServerOptions = {}): Promise<Authority> {
  const server = await startTestServer(options)
  await giveSigningKeys(server.server.context.signingKeys)
  const client = new AuthorityClient({ baseUrl: server.url, user: USER })
  return {
    url: server.url,
    client,
    async addPolicy(type, condition = 'input.evidence.logs[0].log_status == "replay_success"', isDefault = false) {
      const rego = `package verification\n\nimport rego.v1\n\ndefault matched := false\n\nmatched if ${condition}\n\nresult := {"policy_matched": matched}\n`
      const content = Buffer.from(rego).toString('base64')
      const policy = { name: `policy ${++policies}`, attester_type: [type], content_type: 'text', content, is_default: isDefault } as const
      return (await client.addPolicy(policy)).id
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  }
}
