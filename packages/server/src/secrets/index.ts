export { DEFAULT_ROTATION_INTERVAL, ROTATION_INTERVAL_PATTERN } from './rotation-interval.ts'
export { MAX_VALUE, OutboundError, WEBHOOK_COLUMN, type Outbound } from './rotation-webhook.ts'
export { DATA_KEY_COLUMN, VALUE_COLUMN } from './secret-record.ts'
export { createSecrets, type Secrets } from './secrets.ts'
