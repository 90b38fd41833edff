export {
  ConfigError,
  configHelp,
  formatEndpoint,
  quoteProviderOf,
  readConfig,
  type Config,
  type Endpoint,
  type QuoteProviderName,
  type WebhookNetworks,
} from './config.ts'
export { readKeep } from './keep-option.ts'
export { MARK_IN_TPM } from './mark-option.ts'
export { witnessesOf, type ConfiguredWitness } from './witness-options.ts'
