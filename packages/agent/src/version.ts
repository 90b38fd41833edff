import { readFileSync } from 'node:fs'

/** Of this package, such as `0.1.0`. */
export const AGENT_VERSION = (JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }).version
