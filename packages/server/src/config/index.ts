export {
  ConfigError,
  configHelp,
  formatEndpoint,
  isLoopback,
  quoteProviderOf,
  readConfig,
  type Config,
  type Endpoint,
  type QuoteProviderName,
  type WebhookNetworks,
} from './config.ts'
