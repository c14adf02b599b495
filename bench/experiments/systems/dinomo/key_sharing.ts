/**
 * The M-node's part in selective replication, in virtual time: it counts which keys are used, lets
 * the store's own policy judge each window (`judge` of lib/mnode/autoscale_policy.ts), and has keys
 * shared by the store's own `KeyReplication`.
 *
 * Keys are counted exactly, and the 64 most used are told: what the store's sketches estimate. To
 * give a key other owners takes no virtual time here; it happens a few times during the warm-up.
 *
 * @module
 */
import type { NodeId, Slot } from "../../../../lib/core/brands.ts";
import { HOT_KEY_COUNT } from "../../../../lib/core/limits.ts";
import { judge, type PolicySettings } from "../../../../lib/mnode/autoscale_policy.ts";
import type { FarMoves } from "../../../../lib/far/mnode/far_moves.ts";
import { KeyReplication } from "../../../../lib/far/mnode/key_replication.ts";
import type { HotKeys, NodeOccupancy } from "../../../../lib/mnode/statistics_collector.ts";
import type { Pool } from "../../../../lib/pool/pool.ts";
import type { Process, Simulation } from "../../kernel/simulation.ts";
import type { KeyNumbers } from "./request_sender.ts";

/** When keys are shared. */
export interface SharingPolicy {
  /** Length of a window, in microseconds of virtual time. */
  readonly windowUs: number;
  /** Mean latency beyond which keys are shared. */
  readonly meanMicrosMax: number;
}

/** The bounds of the reference implementation, as the store has them. */
const BOUNDS = {
  p99MicrosMax: Infinity,
  occupancyLower: 0.15,
  occupancyUpper: 0.2,
  hotKeySds: 3,
  coldKeySds: 1,
  samplesMin: 1,
  confirmations: 1,
  graceMs: 0,
} as const;

const NO_KEYS: HotKeys = { total: 0, keys: [] };

/** What it works with. */
export interface KeySharingOptions {
  readonly simulation: Simulation;
  readonly pool: Pool;
  readonly keys: KeyNumbers;
  readonly moves: FarMoves;
  readonly policy: SharingPolicy;
  /** KNs that run; each has the agent block of its number. */
  readonly nodes: () => readonly NodeId[];
  /**
   * Of each of them, the time for which its threads have been busy, as a share of all their time,
   * since the last call.
   */
  readonly occupancies: () => readonly NodeOccupancy[];
  readonly assignedTo: (slot: Slot) => NodeId;
}

/** Shares the keys of one deployment. */
export class KeySharing {
  readonly #options: KeySharingOptions;
  readonly #replication: KeyReplication;
  /** By key: operations of the window, how many of them were writes, and their summed latency. */
  readonly #used = new Map<number, { count: number; writes: number; latencyUs: number }>();
  /** By key: how many KNs own it. */
  readonly #owners = new Map<number, number>();
  #window = 0;

  constructor(options: KeySharingOptions) {
    this.#options = options;
    const { pool, moves, nodes, assignedTo, simulation } = options;
    this.#replication = new KeyReplication({
      pool,
      farMoves: moves,
      nodes: () => nodes().map((nodeId) => ({ nodeId, agent: nodeId })),
      assignedTo,
      now: () => simulation.nowUs / 1000,
    });
  }

  /** By key: how many KNs own those that several own. */
  get owners(): ReadonlyMap<number, number> {
    return this.#owners;
  }

  /** Counts an operation that has ended. */
  count(key: number, isRead: boolean, latencyUs: number): void {
    const used = this.#used.get(key);
    if (used === undefined) this.#used.set(key, { count: 1, writes: +!isRead, latencyUs });
    else {
      used.count += 1;
      used.writes += +!isRead;
      used.latencyUs += latencyUs;
    }
  }

  /** Judges one window after the other. */
  *run(): Process {
    const { simulation, policy: { windowUs } } = this.#options;
    for (;;) {
      yield simulation.nowUs + windowUs;
      this.#judge();
      this.#used.clear();
    }
  }

  #judge(): void {
    const { simulation, policy, keys, nodes, occupancies } = this.#options;
    const used = [...this.#used].sort(([, a], [, b]) => b.count - a.count);
    const sampledCount = used.reduce((sum, [, { count }]) => sum + count, 0);
    if (sampledCount === 0) return;
    const latencyUs = used.reduce((sum, [, { latencyUs }]) => sum + latencyUs, 0);
    const hottest = used.slice(0, HOT_KEY_COUNT).map(([key, { count, writes, latencyUs }]) => ({
      key: String(key),
      hash: keys.hashOf(key),
      keyBytes: keys.encoder.byteLength,
      count,
      error: 0,
      writeCount: writes,
      meanMicros: latencyUs / count,
    }));
    const replicatedKeys = [...this.#owners].map(([key, owners]) => ({
      key: String(key),
      hash: keys.hashOf(key),
      owners,
    }));
    const settings: PolicySettings = {
      ...BOUNDS,
      min: nodes().length,
      max: nodes().length,
      meanMicrosMax: policy.meanMicrosMax,
    };
    const { action } = judge({
      number: this.#window++,
      durationMs: policy.windowUs / 1000,
      endMs: simulation.nowUs / 1000,
      sampledCount,
      meanMicros: latencyUs / sampledCount,
      p99Micros: undefined,
      nodes: occupancies(),
      requestedKeys: { total: sampledCount, keys: hottest },
      readKeys: NO_KEYS,
      replicatedKeys,
    }, settings);
    if (action?.kind === "replicate-key") this.#share(Number(action.key.key), action.owners);
    else if (action?.kind === "dereplicate-key") this.#unshare(Number(action.key.key));
  }

  #share(key: number, ownerCount: number): void {
    const { keys } = this.#options;
    keys.encode(key);
    const outcome = this.#replication.tryReplicate(keys.encoder, ownerCount);
    if (outcome === "done") this.#owners.set(key, ownerCount);
    // Otherwise a later window asks for it again.
  }

  #unshare(key: number): void {
    const { keys } = this.#options;
    keys.encode(key);
    if (this.#replication.tryDereplicate(keys.encoder)) this.#owners.delete(key);
  }
}
