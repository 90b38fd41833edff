import type { Db, Dialect } from '../operation.ts'
import { addMarksManifestsAndBeginnings } from './012-marks-manifests-beginnings.ts'

export interface Migration {
  version: number
  name: string
  up(db: Db, dialect: Dialect): Promise<void>
}

/** The oldest format that can be read. Version 0.1 of Vouchsafe had ten, which no release reads any more. */
export const OLDEST_SCHEMA_VERSION = 11

/**
 * What brings a store to the next format, by ascending version from {@link OLDEST_SCHEMA_VERSION} + 1. A new store is made from the table files
 * instead, at the newest version. A migration that was released is never changed.
 */
export const migrations: readonly Migration[] = [
  { version: 12, name: 'marks, manifests and beginnings', up: addMarksManifestsAndBeginnings },
]

/** The newest format, which new stores have. */
export const SCHEMA_VERSION = migrations.at(-1)?.version ?? OLDEST_SCHEMA_VERSION
