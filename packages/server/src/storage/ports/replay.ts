import type { Fence } from '../tables/fences.ts'
import type { ReplayRecord } from '../tables/replay-records.ts'
import type { SavedWindow } from '../tables/replay-windows.ts'
import type { ServerRow } from '../tables/servers.ts'

/**
 * The durable part of the replay guard. A server that is alone keeps accepted stamps in memory and accepts one only at or below its
 * durable fence, or once it has a record here. A server that registers raises the epoch and reads every fence in the same transaction, and refuses stamps at or
 * below them; the first one learns of the epoch when it next raises a fence. From then on each inserts what it accepts here.
 */
export interface ReplayOperations {
  /**
   * Enters a server with heartbeat 0 and raises the epoch. `peers` are the other servers by id, `records` those above their app's fence, null
   * if they are more than `recordLimit`, and `windows` what servers saved when they stopped.
   */
  registerServer(args: {
    id: string
    at: number
    recordLimit: number
  }): Promise<{ epoch: number; peers: ServerRow[]; fences: Fence[]; records: ReplayRecord[] | null; windows: SavedWindow[] }>
  /**
   * Adds one to the server's count of heartbeats, if it is registered, and notes the revision of the domain keys that it works with.
   * `servers` are all that are, by id, this one included.
   */
  heartbeat(args: { id: string; domainRevision?: number }): Promise<{ registered: boolean; epoch: number; servers: ServerRow[] }>
  /** Removes a server that has had no heartbeat since, and raises the epoch; false when it has, or is not there. */
  expelServer(args: { id: string; heartbeat: number }): Promise<boolean>
  /** Removes a server that stops. If it was registered, and alone, these fences are set exactly, even to a lower stamp. */
  unregisterServer(args: { id: string; fences: Fence[] }): Promise<void>
  /** Sets each fence to the larger of the old and the new stamp. Refused when the server is not registered or the epoch has moved. */
  raiseFences(args: { serverId: string; epoch: number; fences: Fence[] }): Promise<'ok' | 'epoch' | 'expelled'>
  /** Records accepted requests; per record, in order, whether it is new. Refused when the server is not registered. */
  insertReplayRecords(args: { serverId: string; records: ReplayRecord[] }): Promise<'expelled' | boolean[]>
  /** Keeps windows for the server's successor, each in the place of the app's last one. Refused when the server is not registered. */
  saveReplayWindows(args: { serverId: string; windows: SavedWindow[] }): Promise<'ok' | 'expelled'>
  /** Removes at most `limit` records with a stamp smaller than `before`, and windows without a newer one; returns how many records. */
  purgeReplayRecords(args: { before: number; limit: number }): Promise<number>
}
