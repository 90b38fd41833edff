/** A tenant's manifest beside the rows that it stands for, at one moment. */
export interface ManifestState {
  /** Counts its changes from 1; 0 if the tenant has none, and needs none yet. */
  revision: number
  /**
   * - `whole`: the tenant's rows are those that it stands for
   * - `absent`: there is none, and there are such rows
   * - `altered`: its MAC fails, or the rows are others
   */
  state: 'whole' | 'absent' | 'altered'
}

export interface ManifestOperations {
  readManifest(args: { tenant: string }): Promise<ManifestState>
  /** The sum of all manifests' revisions, which only grows. */
  manifestTotal(): Promise<number>
  /**
   * Makes manifests of what the store holds now: those that are missing, as in a store from before there were any; or those that are not whole,
   * which an operator has accepted. Returns the tenants.
   */
  makeManifests(args: { which: 'missing' | 'broken'; at: number }): Promise<string[]>
}
