import { blob, integer, text } from '../column.ts'
import { table } from '../table.ts'

/** What a server that stopped cleanly had accepted above the fences that it left, so that its successor goes on where it ended. */
export const replayWindows = table(
  'replay_windows',
  { appId: text(), newest: integer(), pages: blob() },
  {
    primaryKey: ['appId'],
    statements: ['create index replay_windows_by_newest on replay_windows (newest)'],
    authenticated: { by: 'nothing', because: 'not yet: as the fences' },
    backup: { held: false, because: 'as the fences' },
  },
)

/** An app's replay window: its newest stamp, and its pages as `ReplayWindow.save` writes them. */
export interface SavedWindow {
  appId: string
  newest: number
  pages: Uint8Array
}
