/** The server's structured log. Only its type: the writer is created in process/log.ts, so that worker threads don't load pino. */
export type { Logger as Log } from 'pino'
