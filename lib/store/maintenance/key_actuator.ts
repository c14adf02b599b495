/**
 * Lets the M-node share hot keys of a far pool among KNs.
 *
 * @module
 */
import { KeyEncoder, keyOf } from "../../core/key_encoder.ts";
import type { KeyActuator } from "../../mnode/autoscaler.ts";
import type { ReplicatedKey } from "../../mnode/autoscale_policy.ts";
import type { EncodedKey } from "../../far/mnode/key_replication.ts";
import { sharedKeys } from "../../far/mnode/shared_keys.ts";
import type { HotKey } from "../../mnode/statistics_collector.ts";
import type { Pool } from "../../pool/pool.ts";
import { assertReplicable } from "../arguments/arguments.ts";

/** Has a key owned by so many KNs, in turn with what else is done to the store. */
export type ReplicateKey = (key: EncodedKey, ownerCount: number) => Promise<void>;

/** Shares the keys of one store. */
export class StoreKeyActuator implements KeyActuator {
  readonly #pool: Pool;
  readonly #replicate: ReplicateKey;

  /** Acts on the keys of a pool. */
  constructor(pool: Pool, replicate: ReplicateKey) {
    this.#pool = pool;
    this.#replicate = replicate;
  }

  /** Keys that several KNs own. */
  get replicatedKeys(): readonly ReplicatedKey[] {
    return sharedKeys(this.#pool).map((shared) => ({
      key: keyOf(shared),
      hash: shared.hash,
      owners: shared.owners.length,
    }));
  }

  /**
   * Has a key owned by so many KNs.
   *
   * @throws {InvalidArgumentError} when the key is too long for a cell
   */
  async replicate({ key, keyBytes }: HotKey, owners: number): Promise<void> {
    assertReplicable(keyBytes);
    await this.#replicate(this.#encode(key), owners);
  }

  /** Has a key owned by one KN. */
  async dereplicate({ key }: ReplicatedKey): Promise<void> {
    await this.#replicate(this.#encode(key), 1);
  }

  #encode(key: HotKey["key"]): KeyEncoder {
    const encoder = new KeyEncoder(...this.#pool.hashKey);
    encoder.encode(key);
    return encoder;
  }
}
