#!/usr/bin/env node
import { fileURLToPath } from 'node:url'
import { launch } from '@vouchsafe/launch'

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url))

launch(['--disable-warning=ExperimentalWarning', '--max-semi-space-size=4', '--max-old-space-size=512', main, ...process.argv.slice(2)], {
  name: 'vouchsafe-agent',
})
