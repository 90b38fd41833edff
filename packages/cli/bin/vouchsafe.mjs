#!/usr/bin/env node
import { fileURLToPath } from 'node:url'
import { launch } from '@vouchsafe/launch'

// A server's live data is a few tens of megabytes. Left alone, V8 and the allocator let garbage grow to several times that before they look. But a young
// generation that is too small is collected while requests are under way, and copies what they hold: with 4 MB that cost a seventh of the processor's time.
const HEAP = ['--min-semi-space-size=16', '--max-semi-space-size=16', '--max-old-space-size=1024']
const ALLOCATOR = { MALLOC_ARENA_MAX: '1', MALLOC_TRIM_THRESHOLD_: '65536' }
const args = process.argv.slice(2)

launch(
  ['--disable-warning=ExperimentalWarning', ...HEAP, fileURLToPath(new URL('../src/main.ts', import.meta.url)), ...args],
  // Only for the server: other commands may start programs of the user's, with the user's environment.
  { env: args[0] === 'server' ? ALLOCATOR : {} },
)
