// The parts of the agent, put together from a configuration.
import { Collector } from './collector.ts'
import type { Config } from './config.ts'
import type { Log } from './log.ts'
import type { Runtime } from './runtime.ts'
import { connectServer } from './server-client.ts'
import type { ServerClient } from './server-client.ts'
import { Tokens } from './tokens.ts'

export interface Agent {
  config: Config
  server: ServerClient
  collector: Collector
  tokens: Tokens
}

/** Reads the files for TLS and the API key; nothing is connected yet. */
export async function createAgent(config: Config, log: Log, { now }: Runtime): Promise<Agent> {
  const server = await connectServer(config.server)
  const collector = new Collector(config, log, now)
  return { config, server, collector, tokens: new Tokens({ collector, server, now }) }
}
