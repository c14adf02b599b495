/**
 * What makes what was logged in a far pool visible in its index, before the index is looked at as a
 * whole.
 *
 * @module
 */
import type { Client } from "../../client/client.ts";
import { BatchCompletion, SyncBatch } from "../../client/completions.ts";
import type { KeyQueues } from "../../client/key_queues.ts";
import type { Slot } from "../../core/brands.ts";
import { NODE_COUNT_MAX, SLOT_COUNT, UNAVAILABLE_AFTER_MS } from "../../core/limits.ts";
import { monotonicMs, sleep } from "../../platform/runtime.ts";
import type { Pool } from "../../pool/pool.ts";
import { nodeOfAgent, NodeState, nodeStateOf } from "../../routing/node_directory.ts";
import { loadOwner, ownerOf } from "../../routing/ownership.ts";
import type { StoreLifetime } from "../../store/parts/lifetime.ts";
import type { ReadParts } from "../../store/parts/store_parts.ts";
import { hasUnmerged } from "../log/log_merger.ts";
import { unaskedLogs } from "../log/unasked_logs.ts";

/** How often to look whether the M-node has merged the logs that no KN is asked for. */
const UNASKED_LOOK_MS = 1;

/**
 * Waits until the M-node has merged the logs of KNs that own no slot, such as those that are gone;
 * not for ever.
 */
class UnaskedLogs {
  readonly #pool: Pool;
  readonly #deadlineMs = monotonicMs() + UNAVAILABLE_AFTER_MS;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  /**
   * Whether that is so: a zombie may keep its log from being merged, and its changes from being
   * seen here.
   */
  get isSettled(): boolean {
    return unaskedLogs(this.#pool).length === 0 || monotonicMs() > this.#deadlineMs;
  }
}

/** Has KNs merge their logs, for one thread. */
export class LogMerge {
  #pool: Pool;
  #client: Client;
  #queues: KeyQueues;
  readonly #lifetime: StoreLifetime;

  /** Asks with a store's parts. */
  constructor(parts: ReadParts<unknown>, pool: Pool) {
    this.#pool = pool;
    this.#client = parts.client;
    this.#queues = parts.queues;
    this.#lifetime = parts.lifetime;
  }

  /** Lets go of everything that leads to the pool. */
  letGo(): void {
    this.#pool = this.#client = this.#queues = undefined as never;
  }

  /** Blocks until everything that this thread has issued is in the index. */
  mergeSync(): void {
    this.#lifetime.assertOpen();
    if (this.#queues.count !== 0) this.#queues.settleAll(false);
    this.#client.settleAll();
    this.mergeAcknowledged();
  }

  /** Blocks until everything that was acknowledged before is in the index. */
  mergeAcknowledged(): void {
    this.#client.waitFor(new UnaskedLogs(this.#pool));
    const batch = new SyncBatch();
    for (const slot of this.#unmergedSlots()) {
      batch.expect();
      this.#client.mergeSlot(slot, batch);
    }
    this.#client.waitFor(batch);
    batch.throwError();
  }

  /** Resolves when everything that was acknowledged before is in the index. */
  async whenMerged(): Promise<void> {
    this.#lifetime.assertOpen();
    await this.#client.whenIssuedEnded();
    const logs = new UnaskedLogs(this.#pool);
    while (!logs.isSettled) await sleep(UNASKED_LOOK_MS);
    this.#lifetime.assertOpen();
    const batch = new BatchCompletion();
    for (const slot of this.#unmergedSlots()) {
      batch.expect();
      this.#client.mergeSlot(slot, batch);
    }
    batch.seal();
    await batch.promise;
  }

  /** Whether any KN, running or not, has logged what is not in the index. */
  get isPending(): boolean {
    for (let agent = 0; agent < NODE_COUNT_MAX; agent++) {
      if (hasUnmerged(this.#pool, agent)) return true;
    }
    return false;
  }

  /** The slots but for those of KNs that have nothing to merge. */
  #unmergedSlots(): Slot[] {
    if (!this.isPending) return [];
    const merged = new Set<number>();
    for (let agent = 0; agent < NODE_COUNT_MAX; agent++) {
      const isActive = nodeStateOf(this.#pool, agent) === NodeState.ACTIVE;
      if (isActive && !hasUnmerged(this.#pool, agent)) merged.add(nodeOfAgent(this.#pool, agent));
    }
    const slots: Slot[] = [];
    for (let slot = 0; slot < SLOT_COUNT; slot++) {
      const owner = ownerOf(loadOwner(this.#pool, slot as Slot));
      if (!merged.has(owner)) slots.push(slot as Slot);
    }
    return slots;
  }
}
