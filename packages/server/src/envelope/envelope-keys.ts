import type { Call } from '../access/index.ts'
import type { Runtime } from '../foundation/index.ts'
import { SealError, type RootKeyStore, type ProtectorKind } from '../root-key/index.ts'
import type { Storage } from '../storage/index.ts'
import { changeRecord, effectRecord } from '../trail/index.ts'
import { rotateDomainKey, type Rotation, type SealedColumns } from './domain-key-rotation.ts'
import type { Envelope } from './envelope.ts'
import { rotateRootKey } from './root-rotation.ts'

/** What protects everything else. */
export interface EnvelopeDescription {
  /** Null if the root key is missing from its place, though it is still in memory. */
  seal: ProtectorKind | null
  /** The id of the root key. */
  rootKey: string
  /** Where the root key is stored. */
  file: string
  domainKeys: { version: number; createdAt: number; active: boolean }[]
}

/** The keys above all blobs, as operators see and change them: the root key and the domain keys. */
export class EnvelopeKeys {
  readonly #services: { storage: Storage; rootKeys: RootKeyStore; envelope: Envelope; runtime: Runtime }
  readonly #alone: boolean

  /** @param alone whether no server runs on the store; a server must wait for the others */
  constructor(services: { storage: Storage; rootKeys: RootKeyStore; envelope: Envelope; runtime: Runtime }, alone: boolean) {
    this.#services = services
    this.#alone = alone
  }

  async describe(): Promise<EnvelopeDescription> {
    const { storage, rootKeys } = this.#services
    const rows = await storage.listDomainKeys()
    return {
      seal: (await rootKeys.kind()) ?? null,
      rootKey: rows[0]!.rootKeyId,
      file: rootKeys.describe(),
      domainKeys: rows.map(({ version, createdAt, active }) => ({ version, createdAt, active })),
    }
  }

  /**
   * Puts the domain keys under a new root key.
   * @param kind the seal of the new one; the current kind by default
   * @returns the kind of its seal, and its id
   * @throws {SealError} with nothing changed
   */
  async rotateRootKey(
    call: Call,
    { kind, passphrase }: { kind?: ProtectorKind | undefined; passphrase?: string | undefined },
  ): Promise<{ seal: ProtectorKind; rootKey: string }> {
    const seal = kind ?? (await this.#services.rootKeys.kind())
    if (seal === undefined) throw new SealError('nothing says what protects the root key: choose a kind of seal for the new one')
    if (seal === 'passphrase' && passphrase === undefined) throw new SealError('the new root key needs a passphrase')
    const rootKey = await rotateRootKey(this.#services, { kind: seal, passphrase }, (at, to) => changeRecord(call, to, at, { seal }))
    return { seal, rootKey }
  }

  /**
   * Re-wraps everything under a new domain key, or continues a rotation that was interrupted (domain-key-rotation.ts).
   * @throws {SealError} for a blob that does not open, or a server that does not load the new key
   */
  rotateDomainKey(
    call: Call,
    columns: SealedColumns,
    progress: Pick<Rotation, 'report' | 'signal'>,
  ): Promise<{ version: number; rewrapped: number; resumed: boolean }> {
    const { storage, envelope, runtime } = this.#services
    const { report, signal } = progress
    const audit: Rotation['audit'] = (effect, version, at) => effectRecord(call, effect, String(version), at)
    return rotateDomainKey({ storage, envelope, runtime, columns, alone: this.#alone, audit, report, signal })
  }
}
