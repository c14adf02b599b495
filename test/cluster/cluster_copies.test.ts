/**
 * Copies of a cluster in seeded simulations: whatever happens to owners and connections meanwhile,
 * each key is in the copy as it was at a moment between begin and end, and none comes twice.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { fillCopy } from "../../lib/cluster/store/cluster_backup.ts";
import { makeClusterClient } from "../../lib/cluster/store/cluster_client.ts";
import { ClusterScan } from "../../lib/cluster/store/cluster_scan.ts";
import { NONE_REFUSED, type OwnerView } from "../../lib/cluster/client/owner_view.ts";
import { PeerLostError } from "../../lib/cluster/client/node_peers.ts";
import { NO_ORIGIN } from "../../lib/cluster/messages/log_codec.ts";
import { decodeTagged } from "../../lib/codec/tagged_bytes.ts";
import { encodePageAnswer } from "../../lib/cluster/network/page_calls.ts";
import type { Slot } from "../../lib/core/brands.ts";
import { PoolFullError, UnavailableError } from "../../lib/core/errors.ts";
import { type Key, KeyEncoder } from "../../lib/core/key_encoder.ts";
import { SLOT_COUNT, SLOT_SHIFT } from "../../lib/core/limits.ts";
import type { Timer } from "../../lib/platform/runtime.ts";
import type { PageRequest } from "../../lib/remote/calls/call_requests.ts";
import { Condition } from "../../lib/rings/ring_layout.ts";
import { open } from "../../mod.ts";
import { NODES, SimThreads } from "../support/cluster/sim_threads.ts";
import { Random } from "../support/random.ts";
import { forEachFreshSeedInTurn } from "../support/sim_seeds.ts";

const HASH_KEY = [1, 2] as const;
const SLOTS = 3;
const KEYS_PER_SLOT = 4;
const COPIES = 3;
const STEPS_MAX = 15_000;

const encoder = new KeyEncoder(...HASH_KEY);
const slotOf = (key: string) => (encoder.encode(key) >>> SLOT_SHIFT) as Slot;
const KEYS = keysOfFewSlots();
const slots = [...new Set(KEYS.map(slotOf))];
const text = (bytes: Uint8Array | undefined) => bytes && new TextDecoder().decode(bytes);

/**
 * Several keys in each of some slots: those have several pages. At first one node has them, one
 * behind the other, so that the slot behind a full page has keys, too.
 */
function keysOfFewSlots(): string[] {
  const lists = Array.from({ length: SLOTS }, (): string[] => []);
  for (let i = 0; lists.some((list) => list.length < KEYS_PER_SLOT); i++) {
    const key = `key ${i}`;
    const keys = slotOf(key) % NODES === 0 ? lists[slotOf(key) / NODES] : undefined;
    if (keys !== undefined && keys.length < KEYS_PER_SLOT) keys.push(key);
  }
  return lists.flat();
}

/** Long enough for all that promises do. */
async function turn(): Promise<void> {
  for (let i = 0; i < 24; i++) await Promise.resolve();
}

type Entries = Iterable<readonly [key: Key, value: string, options?: unknown]>;

/** Takes what is copied, and is full now and then. */
class Copy {
  readonly values = new Map<Key, string>();
  growths = 0;
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  putMany(entries: Entries): Promise<void> {
    if (this.#random.below(4) === 0) return Promise.reject(new PoolFullError("it is full"));
    for (const [key, value] of entries) {
      assert.is(this.values.has(key), false, `${key} comes twice`);
      this.values.set(key, value);
    }
    return Promise.resolve();
  }

  grow(bytes: number): Promise<number> {
    assert.is(bytes, 2);
    this.growths += 1;
    return Promise.resolve(bytes);
  }

  stats() {
    return { capacityBytes: 1, capacityBytesMax: 1000 };
  }
}

const codec = { decode: (bytes: Uint8Array) => text(bytes)! };

/**
 * Makes copies one after the other while keys are changed; returns how many changes came between.
 */
async function simulate(random: Random): Promise<number> {
  const sim = new SimThreads(random, HASH_KEY);
  const way = { clock: sim.clock, connect: sim.connect };
  const clients = Array.from(
    { length: 3 },
    () => makeClusterClient({ secret: sim.secret, tls: undefined }, way),
  );
  const [copying, ...writing] = clients;
  let openCount = 0;
  let valueCount = 0;
  const write = () => {
    const client = random.pick(writing);
    const end = () => void (openCount -= 1);
    openCount += 1;
    encoder.encode(random.pick(KEYS));
    if (random.below(3) === 0) return client.delete(encoder, { settle: end, fail: end });
    const bytes = new TextEncoder().encode(`value ${++valueCount}`);
    const value = { bytes, start: 0, end: bytes.length };
    client.put(encoder, value, Infinity, Condition.NONE, 0, { settle: end, fail: end });
  };
  const step = async () => {
    if (random.below(3) === 0 && openCount < 6) write();
    if (random.below(100) === 0) sim.slowNode = random.below(4) - 1;
    const hasMoved = sim.step(slots, true);
    for (const client of clients) {
      if (random.below(hasMoved ? 2 : 8) === 0) client.carrier.update(sim.view());
    }
    await turn();
  };
  try {
    for (const client of clients) client.carrier.update(sim.view());
    for (let i = 0; i < 300; i++) await step();
    let changed = 0;
    for (let i = 0; i < COPIES; i++) changed += await copyOnce(sim, copying!.carrier, random, step);
    return changed;
  } finally {
    for (const client of clients) client.close();
    await sim.close();
  }
}

async function copyOnce(
  sim: SimThreads,
  carrier: ConstructorParameters<typeof ClusterScan>[0],
  random: Random,
  step: () => Promise<void>,
): Promise<number> {
  const begin = sim.history.length;
  const pause = (ms: number) => new Promise<void>((resolve) => void sim.clock.after(ms, resolve));
  const copy = new Copy(random);
  const shares: number[] = [];
  let end: { error?: unknown } | undefined;
  const onProgress = (share: number) => void shares.push(share);
  fillCopy(copy as never, new ClusterScan(carrier, HASH_KEY, pause), codec, { onProgress }).then(
    () => end = {},
    (error: unknown) => end = { error },
  );
  const frozenAt = random.below(300);
  for (let i = 0; end === undefined; i++) {
    if (i === frozenAt) sim.freeze(slots);
    assert.ok(i < STEPS_MAX, `the copy does not end, ${shares.at(-1)} is done`);
    await step();
  }
  if (end.error !== undefined) throw end.error;
  const states = statesOf(sim, begin);
  for (const key of KEYS) {
    const value = copy.values.get(key);
    assert.ok(states.get(key)!.has(value), `${key} is ${value}, and was ${[...states.get(key)!]}`);
  }
  assert.equal(shares, shares.toSorted((a, b) => a - b));
  assert.ok(shares.every((share) => share >= 0 && share < 1));
  return sim.history.length - begin;
}

/** What each key has been from a place in the history on; undefined: absent. */
function statesOf({ history }: SimThreads, begin: number): Map<string, Set<string | undefined>> {
  const states = new Map<string, Set<string | undefined>>();
  for (const key of KEYS) {
    const ofKey = history.map((change, at) => ({ ...change, at })).filter((one) =>
      text(one.key) === key
    );
    const first = ofKey.findLast(({ at }) => at < begin);
    const later = ofKey.filter(({ at }) => at >= begin);
    states.set(key, new Set([first, ...later].map((change) => text(change?.value))));
  }
  return states;
}

test(
  "each key is in a copy as it was at a moment between begin and end",
  async () => {
    let changed = 0;
    const count = await forEachFreshSeedInTurn(8, async (seed) => {
      changed += await simulate(new Random(seed));
    });
    assert.ok(count === 1 || changed > 25 * count, `${changed} changes of ${count} runs`);
  },
);

/** Owners that are asked by hand, and their clock. */
class Asked {
  nowMs = 0;
  view: OwnerView = {
    owners: new Int32Array(SLOT_COUNT),
    assignedAt: new Float64Array(SLOT_COUNT).fill(1),
    addresses: new Map(),
    refused: NONE_REFUSED,
    failedAt: new Map(),
  };
  timers: { atMs: number; task: () => void }[] = [];
  /** What an owner answers; undefined: never anything. */
  answer: (slots: readonly number[]) => Promise<Uint8Array | undefined> | undefined = () =>
    undefined;
  readonly clock = {
    monotonicMs: () => this.nowMs,
    epochMs: () => this.nowMs,
    after: (ms: number, task: () => void): Timer => {
      const timer = { atMs: this.nowMs + ms, task };
      this.timers.push(timer);
      return {
        stop: () => void (this.timers = this.timers.filter((one) => one !== timer)),
      } as Timer;
    },
  };
  readonly scan = new ClusterScan(this as never, HASH_KEY, () => this.#pass());

  ask(
    _slot: number,
    content: Uint8Array,
    signal: AbortSignal | undefined,
  ): Promise<Uint8Array | undefined> {
    const { slots } = decodeTagged(content) as { slots: readonly number[] };
    const answered = this.answer(slots);
    if (answered !== undefined) return answered;
    return new Promise((resolve, reject) => {
      signal?.addEventListener("abort", () => {
        // As askOnce takes it.
        if (signal.reason instanceof PeerLostError) resolve(undefined);
        else reject(signal.reason as Error);
      });
    });
  }

  /** A second goes by. */
  second(): void {
    this.nowMs += 1000;
    const due = this.timers.filter(({ atMs }) => atMs <= this.nowMs);
    this.timers = this.timers.filter(({ atMs }) => atMs > this.nowMs);
    for (const { task } of due) task();
  }

  #pass(): Promise<void> {
    this.nowMs += 1000;
    return Promise.resolve();
  }
}

const EVERYTHING: PageRequest = {
  op: "page",
  prefix: new Uint8Array(0),
  from: new Uint8Array(0),
  to: undefined,
  isReverse: false,
  position: undefined,
  keysMax: Infinity,
  withValues: true,
};
const NOTHING = (slots: readonly number[]) =>
  Promise.resolve(encodePageAnswer(
    { records: [], slotCount: slots.length, after: undefined, isRefused: false },
    true,
  ));

test("a node that stands still is not waited for when others own its slots", async () => {
  const asked = new Asked();
  let page: Uint8Array[] | undefined;
  const read = asked.scan.read(EVERYTHING).then((found) => page = found);
  for (let i = 0; i < 5; i++) {
    await turn();
    asked.second();
  }
  await turn();
  assert.is(page, undefined);
  // Another one gets them.
  asked.view = { ...asked.view, assignedAt: new Float64Array(SLOT_COUNT).fill(2) };
  asked.answer = NOTHING;
  asked.second();
  for (let i = 0; i < 5; i++) await turn();
  assert.ok(page !== undefined, "another node is asked");
  await read;
  assert.ok(asked.nowMs < 10_000 && asked.scan.share > 0);
  assert.equal(asked.timers, []);
});

test("a copy has what each page has, the last one included", async () => {
  const asked = new Asked();
  const keys: string[] = [];
  asked.answer = (slots) => {
    keys.push(`of slot ${slots[0]}`);
    const key = { bytes: new TextEncoder().encode(keys.at(-1)), isBinary: false };
    const value = new TextEncoder().encode("x");
    const record = { key, value, version: 1, expiresAtMs: Infinity, origin: NO_ORIGIN };
    return Promise.resolve(encodePageAnswer(
      { records: [record], slotCount: slots.length, after: undefined, isRefused: false },
      true,
    ));
  };
  const copy = new Copy(new Random(1));
  await fillCopy(copy as never, asked.scan, codec, {});
  assert.equal([...copy.values.keys()], keys);
  assert.ok(keys.length >= 16 && copy.growths > 0);
});

test("a store that takes a copy grows with it", async () => {
  const asked = new Asked();
  const value = new Uint8Array(50_000).fill(120);
  asked.answer = (slots) => {
    const key = { bytes: new TextEncoder().encode(`of slot ${slots[0]}`), isBinary: false };
    const record = { key, value, version: 1, expiresAtMs: Infinity, origin: NO_ORIGIN };
    const page = { records: [record], slotCount: slots.length, after: undefined, isRefused: false };
    return Promise.resolve(encodePageAnswer(page, true));
  };
  const sizes = { capacity: "512KiB", capacityMax: "4MiB", segmentBytes: "64KiB" } as const;
  const copy = await open<string>(sizes);
  try {
    await fillCopy(copy as never, asked.scan, codec, {});
    assert.ok(copy.count >= 16 && copy.stats().capacityBytes > 512 * 1024);
    assert.is(copy.getSync("of slot 0"), text(value));
  } finally {
    await copy.close();
  }
});

test("who has no node to ask gives up after 30 seconds, but not what was asked in time", async () => {
  const asked = new Asked();
  asked.answer = () => Promise.resolve(undefined);
  try {
    await asked.scan.read(EVERYTHING);
    assert.unreachable();
  } catch (error) {
    assert.instance(error, UnavailableError);
    assert.ok(asked.nowMs > 30_000 && asked.nowMs < 40_000, `${asked.nowMs}`);
  }
  const late = new Asked();
  late.answer = (slots) => {
    // It takes that long to find out that the node is gone.
    if (late.nowMs > 30_000) return NOTHING(slots);
    late.nowMs += 31_000;
    return Promise.resolve(undefined);
  };
  await late.scan.read(EVERYTHING);
  assert.ok(late.scan.share > 0);
});

test.run();
