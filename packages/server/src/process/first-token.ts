import { systemCall } from '../access/index.ts'
import type { AppContext } from './context.ts'

const LIFE_MS = 60 * 60 * 1000

/**
 * A token for trying out `--enroll token` on this machine, and how to use it, as lines for the terminal. They go to standard output, not to the log.
 * @param url where the server listens
 */
export async function firstToken(tokens: AppContext['enrollTokens'], url: string): Promise<string> {
  const { token, expiresAt } = await tokens.create(systemCall('CreateEnrollToken'), { label: 'printed at start', lifeMs: LIFE_MS })
  const until = new Date(expiresAt).toISOString().replace(/\.\d+Z$/, 'Z')
  return `this token enrols one app until ${until}; more by 'vouchsafe enroll-tokens create':
  VOUCHSAFE_ENROLL_TOKEN=${token} npx vouchsafe enroll --url ${url}`
}
