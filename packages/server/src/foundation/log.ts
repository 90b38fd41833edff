/** The server's structured log. Its type alone: what writes one is made in process/log.ts, so that worker threads don't load pino. */
export type { Logger as Log } from 'pino'
