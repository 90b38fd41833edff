// Runs the given TypeScript file under Node 26, whatever `node` is first in the path.
import { launch } from '../packages/launch/launch.mjs'

launch(['--disable-warning=ExperimentalWarning', ...process.argv.slice(2)])
