/**
 * How long operations wait when an owner is killed, and when a node joins or closes.
 *
 * @module
 */
import { setTimeout as delay } from "node:timers/promises";
import { type ClusterOptions, open, type Store } from "../../mod.ts";
import { ClusterProcess } from "../../scripts/cluster_process.ts";
import { THIS_RUNTIME } from "../../scripts/runtimes.ts";
import { LEASE_MS } from "./contestants.ts";

/** What was seen. */
export interface ChangeFigures {
  /**
   * The longest time that a key could not be changed after an owner was killed, in milliseconds.
   */
  readonly killedMs: number;
  /** The longest time that a key could not be changed while a node joined. */
  readonly joinedMs: number;
  /** The same while a node closed. */
  readonly closedMs: number;
  /** The same for as long when nothing happened. */
  readonly calmMs: number;
  readonly failed: number;
  /** Round trips to the servers for each change: of those that were written together one. */
  readonly changeRoundTrips: number | undefined;
}

const KEYS = Array.from({ length: 64 }, (_, i) => `key ${i}`);
const WAIT_MS_MAX = 60_000;

/** Changes each key again and again. */
class Load {
  longestMs = 0;
  failed = 0;
  /** How often each key was changed. */
  readonly #rounds = new Map(KEYS.map((key) => [key, 0]));
  readonly #running: Promise<void>[];
  #isOver = false;

  constructor(store: Store<number>) {
    this.#running = KEYS.map((key) => this.#run(store, key));
  }

  /** The longest wait of what ends while this goes on. */
  async during(act: () => Promise<unknown>): Promise<number> {
    this.longestMs = 0;
    await act();
    return this.longestMs;
  }

  /** Resolves when each key was changed a few times more. */
  async goOn(): Promise<void> {
    const before = new Map(this.#rounds);
    const isOver = () => KEYS.every((key) => this.#rounds.get(key)! >= before.get(key)! + 3);
    for (let waitedMs = 0; !isOver() && waitedMs < WAIT_MS_MAX; waitedMs += 5) await delay(5);
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#running);
  }

  async #run(store: Store<number>, key: string): Promise<void> {
    while (!this.#isOver) {
      const startMs = performance.now();
      await store.increment(key).catch(() => this.failed += 1);
      this.longestMs = Math.max(this.longestMs, performance.now() - startMs);
      this.#rounds.set(key, this.#rounds.get(key)! + 1);
    }
  }
}

/** Starts two nodes, has a third one join, kills the first one, and has the third one close. */
export async function measureChanges(
  servers: readonly string[],
  calmMs: number,
): Promise<ChangeFigures> {
  const common: ClusterOptions = { servers, name: "changes", leaseMs: LEASE_MS };
  const nodes = [await ClusterProcess.start({ ...common, node: 0 }, THIS_RUNTIME)];
  // Of this process's own node it is known how many round trips there were.
  const store = await open<number>({ cluster: { ...common, node: 1 } });
  try {
    await owners(store, 2);
    const load = new Load(store);
    await load.goOn();
    const calm = await load.during(() => delay(calmMs));
    // It is a machine of its own that joins: what its start takes of this one is none of the join.
    const third = await ClusterProcess.prepare(THIS_RUNTIME);
    nodes.push(third);
    await load.goOn();
    const joined = await load.during(async () => {
      await third.open({ ...common, node: 2 });
      await owners(store, 3);
      await load.goOn();
    });
    const killed = await load.during(async () => {
      nodes[0]!.kill();
      await owners(store, 2);
      await load.goOn();
    });
    const closed = await load.during(async () => {
      await nodes[1]!.close();
      await owners(store, 1);
      await load.goOn();
    });
    await load.stop();
    await delay(600);
    const { changes = 0, changeRoundTrips = 0 } = store.stats().cluster!.served ?? {};
    return {
      killedMs: killed,
      joinedMs: joined,
      closedMs: closed,
      calmMs: calm,
      failed: load.failed,
      changeRoundTrips: changes > 0 ? changeRoundTrips / changes : undefined,
    };
  } finally {
    await store.close();
    for (const node of nodes) await node.close();
  }
}

/** Waits until so many nodes, and nobody else, own all slots. */
async function owners(store: Store<number>, count: number): Promise<void> {
  for (let waitedMs = 0; waitedMs < WAIT_MS_MAX; waitedMs += 5) {
    const { nodes, unownedSlots } = store.stats().cluster!;
    const owning = nodes.filter(({ slots, address }) => slots > 0 && address !== undefined);
    if (unownedSlots === 0 && owning.length === count) return;
    await delay(5);
  }
  throw new Error(`${count} nodes did not own all slots within ${WAIT_MS_MAX} ms`);
}
