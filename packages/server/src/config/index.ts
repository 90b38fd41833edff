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
export { witnessesOf, type ConfiguredWitness } from './witness-options.ts'
