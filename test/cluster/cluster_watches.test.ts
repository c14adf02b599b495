/**
 * Watches of a cluster's keys in seeded simulations: whatever happens to owners and connections,
 * the last state of each watched key is delivered, and never an older one after a newer one; of
 * keys with a prefix no change is missing that is not said to be.
 *
 * @module
 */
import { setImmediate } from "node:timers";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { ClusterWatches } from "../../lib/cluster/store/cluster_watches.ts";
import { type ClusterClient, makeClusterClient } from "../../lib/cluster/store/cluster_client.ts";
import type { Slot } from "../../lib/core/brands.ts";
import type { DinomoError } from "../../lib/core/errors.ts";
import { KeyEncoder } from "../../lib/core/key_encoder.ts";
import { SLOT_SHIFT } from "../../lib/core/limits.ts";
import { ReadCompletion } from "../../lib/far/client/routed_reads.ts";
import { Condition } from "../../lib/rings/ring_layout.ts";
import type { Entry } from "../../lib/store/arguments/entry.ts";
import { KeyWatch } from "../../lib/store/watches/key_watch.ts";
import type { StoreLifetime } from "../../lib/store/parts/lifetime.ts";
import { PrefixWatch } from "../../lib/store/watches/prefix_watch.ts";
import type { StoreReads } from "../../lib/store/reads/reads.ts";
import { Random } from "../support/random.ts";
import { forEachFreshSeedInTurn } from "../support/sim_seeds.ts";
import { SimThreads } from "../support/cluster/sim_threads.ts";

const HASH_KEY = [1, 2] as const;
const KEYS = ["job:a", "job:b", "other"];
const PREFIX = "job:";
const STEPS = 1000;
const QUIET_STEPS = 2500;
/** Changes that are made one after the other when all is quiet. */
const CALM_WRITES = 5;
/** Longer than a thread waits until it tries a node again. */
const IDLE_STEPS = 50;

const text = (bytes: Uint8Array | undefined) => bytes && new TextDecoder().decode(bytes);
const slots = KEYS.map((key) => (new KeyEncoder(...HASH_KEY).encode(key) >>> SLOT_SHIFT) as Slot);

/**
 * Long enough for all that promises do, and for a watch that waits for a turn of the event loop.
 */
async function turn(): Promise<void> {
  for (let i = 0; i < 24; i++) await Promise.resolve();
  await new Promise(setImmediate);
}

/** Reads by requests to nodes. */
function readsOf(client: ClusterClient): StoreReads<string> {
  const encoder = new KeyEncoder(...HASH_KEY);
  const getEntry = (key: string) =>
    new Promise<Entry<string> | undefined>((resolve, reject) => {
      encoder.encode(key);
      const read = new ReadCompletion(client.carrier, ({ value, error }) => {
        if (error !== undefined) return reject(error as DinomoError);
        resolve(value && { value: text(value.bytes)!, version: value.version });
      });
      client.get(encoder, true, read);
    });
  const getEntries = (keys: Iterable<string>) => Promise.all([...keys].map(getEntry));
  return { getEntry, getEntries } as unknown as StoreReads<string>;
}

/** A consumer that is slow now and then. */
abstract class Consumer {
  readonly wrong: string[] = [];
  readonly sim: SimThreads;
  readonly #random: Random;
  #go = () => {};

  constructor(sim: SimThreads, random: Random) {
    this.sim = sim;
    this.#random = random;
  }

  async consume<Item>(items: AsyncIterable<Item>, take: (item: Item) => void): Promise<void> {
    try {
      for await (const item of items) {
        take(item);
        if (this.#random.below(3) === 0) await new Promise<void>((resolve) => this.#go = resolve);
      }
    } catch (error) {
      this.wrong.push(String(error));
    }
  }

  goOn(): void {
    this.#go();
  }
}

/** Compares the states that are delivered with what was done. */
class StateConsumer extends Consumer {
  /** Where in the history each key is. */
  readonly #at = KEYS.map(() => -1);
  #entries: readonly (Entry<string> | undefined)[] = [];

  take(entries: readonly (Entry<string> | undefined)[]): void {
    this.#entries = entries;
    entries.forEach((entry, i) => {
      const at = this.#placeOf(i, entry);
      if (at === undefined) this.wrong.push(`${KEYS[i]} is ${entry?.value} after a newer state`);
      else this.#at[i] = at;
    });
  }

  /** Whether what was delivered last is the last state of all. */
  check(): void {
    const values = KEYS.map((key) => {
      const last = this.sim.history.findLast((change) => text(change.key) === key);
      return text(last?.value);
    });
    assert.equal(this.#entries.map((entry) => entry?.value), values);
  }

  /** The first place, from where the key is on, at which it has such a state. */
  #placeOf(i: number, entry: Entry<string> | undefined): number | undefined {
    const { history } = this.sim;
    const from = this.#at[i]!;
    if (from < 0 && entry === undefined) return from;
    for (let at = Math.max(from, 0); at < history.length; at++) {
      const { key, value, version } = history[at]!;
      if (text(key) !== KEYS[i]) continue;
      if (entry === undefined ? value === undefined : entry.version === version) return at;
    }
    return undefined;
  }
}

/** Compares the changes that are told with those that were made. */
class ChangeConsumer extends Consumer {
  isFirst = true;
  /** Places in the history of what was told since changes may have been missing. */
  #told: number[] = [];
  /** What was done before that is read. */
  #lostAt = 0;
  readonly #versions = new Map<unknown, number>();

  take(change: { kind: string; key?: unknown; version?: number }): void {
    const isResync = change.kind === "resync";
    if (this.isFirst !== isResync && this.isFirst) this.wrong.push("no resync comes first");
    this.isFirst = false;
    if (isResync) {
      this.#check(this.#told.at(-1) ?? 0);
      this.#lostAt = this.sim.history.length;
      this.#told = [];
      return;
    }
    const { kind, key, version } = change;
    const at = this.sim.history.findIndex((one) =>
      one.version === version && text(one.key) === key
    );
    const done = this.sim.history[at];
    const isRight = done !== undefined && kind === (done.value === undefined ? "delete" : "put") &&
      (key as string).startsWith(PREFIX);
    if (!isRight) this.wrong.push(`${kind} of ${key}, ${version}, was not made`);
    if (version! <= (this.#versions.get(key) ?? 0)) {
      this.wrong.push(`${key} goes back to ${version}`);
    }
    this.#versions.set(key, version!);
    this.#told.push(at);
  }

  /** Whether all has been told. */
  check(): void {
    assert.is(this.isFirst, false);
    this.#check(this.sim.history.length);
    assert.equal(this.wrong, []);
  }

  /** Compares what was told of a key with what was done up to the last that was told of it. */
  #check(end: number): void {
    const { history } = this.sim;
    const told = new Set(this.#told);
    const lastOf = new Map(this.#told.map((at) => [text(history[at]!.key), at]));
    for (let at = this.#lostAt; at < history.length; at++) {
      const key = text(history[at]!.key)!;
      const isDue = key.startsWith(PREFIX) &&
        (end === history.length || at < (lastOf.get(key) ?? 0));
      if (isDue && !told.has(at)) this.wrong.push(`change ${at} of ${key} is missing`);
    }
  }
}

/** Writes, and does not wait. */
class Writer {
  readonly #client: ClusterClient;
  readonly #random: Random;
  readonly #key = new KeyEncoder(...HASH_KEY);
  readonly #name: string;
  #count = 0;
  open = 0;

  constructor(client: ClusterClient, random: Random, name: string) {
    this.#client = client;
    this.#name = name;
    this.#random = random;
  }

  write(): void {
    const end = () => void (this.open -= 1);
    this.open += 1;
    this.#key.encode(this.#random.pick(KEYS));
    if (this.#random.below(4) === 0) {
      return this.#client.delete(this.#key, { settle: end, fail: end });
    }
    const bytes = new TextEncoder().encode(`value ${++this.#count} ${this.#name}`);
    const value = { bytes, start: 0, end: bytes.length };
    this.#client.put(this.#key, value, Infinity, Condition.NONE, 0, { settle: end, fail: end });
  }
}

async function simulate(random: Random): Promise<number> {
  const sim = new SimThreads(random, HASH_KEY);
  const way = { clock: sim.clock, connect: sim.connect };
  const trust = { secret: sim.secret, tls: undefined };
  const clients = Array.from({ length: 4 }, () => makeClusterClient(trust, way));
  const [watching, ...writing] = clients;
  const writers = writing.map((client, i) => new Writer(client, random, `of ${i}`));
  const lifetime = { assertOpen: () => {} } as StoreLifetime;
  const encoder = new KeyEncoder(...HASH_KEY);
  const source = new ClusterWatches(watching!.carrier, new KeyEncoder(...HASH_KEY), lifetime);
  const keys = new KeyWatch(source, readsOf(watching!), encoder, KEYS, {});
  const prefix = new PrefixWatch(source, encoder, new TextEncoder().encode(PREFIX), 1, {});
  const states = new StateConsumer(sim, random);
  const changes = new ChangeConsumer(sim, random);
  const step = async (hasTroubles: boolean) => {
    const hasMoved = sim.step(slots, hasTroubles);
    for (const client of clients) {
      if (random.below(hasMoved ? 2 : 8) === 0) client.carrier.update(sim.view());
    }
    for (const consumer of [states, changes]) if (random.below(4) === 0) consumer.goOn();
    await turn();
    assert.equal([...states.wrong, ...changes.wrong], []);
  };
  try {
    for (const client of clients) client.carrier.update(sim.view());
    const consumed = [
      states.consume(keys, (entries) => states.take(entries)),
      changes.consume(prefix, (change) => changes.take(change)),
    ];
    for (let i = 0; i < STEPS; i++) {
      const writer = random.pick(writers);
      if (random.below(3) === 0 && writer.open < 5) writer.write();
      if (random.below(100) === 0) sim.slowNode = random.below(4) - 1;
      await step(true);
    }
    sim.slowNode = -1;
    const openCount = () => writers.reduce((sum, { open }) => sum + open, 0);
    const settle = async (stepsMin: number) => {
      for (let i = 0, idle = 0; i < stepsMin || openCount() > 0 || idle < IDLE_STEPS; i++) {
        idle = sim.isBusy ? 0 : idle + 1;
        assert.ok(i < 30_000, `${openCount()} requests do not end`);
        await step(false);
      }
      states.check();
      changes.check();
    };
    await settle(QUIET_STEPS);
    // From here on no call is made anew, and says that everything may have changed.
    sim.loseRemains();
    for (let i = 0; i < CALM_WRITES; i++) {
      random.pick(writers).write();
      await settle(0);
    }
    for (const watch of [keys, prefix]) void watch.return();
    states.goOn();
    changes.goOn();
    await Promise.all(consumed);
    return sim.history.length;
  } finally {
    for (const client of clients) client.close();
    await sim.close();
  }
}

test(
  "watches end with the last states, and miss no change that they do not say they miss",
  async () => {
    let changeCount = 0;
    const count = await forEachFreshSeedInTurn(16, async (seed) => {
      changeCount += await simulate(new Random(seed));
    });
    assert.ok(count === 1 || changeCount > 30 * count, `${changeCount} changes of ${count} runs`);
  },
);

test.run();
