/**
 * Stores of a cluster in several processes, over three servers: owners are killed and close while
 * others use the store, and everything is done once, in its order. Their nodes keep next to nothing
 * in memory, and clean their logs all the time.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { connectJetStream } from "../../lib/cluster/engine/jetstream.ts";
import type { LogEngine, StreamExtent } from "../../lib/cluster/engine/log_engine.ts";
import { indexStream, logStream } from "../../lib/cluster/node/log_streams.ts";
import type { ClusterNodeStats } from "../../lib/core/cluster_figures.ts";
import { type ClusterOptions, open, type Store } from "../../mod.ts";
import { type Runtime, RUNTIMES } from "../../scripts/runtimes.ts";
import { currentRuntime } from "../support/child.ts";
import { ClusterUser, until } from "../support/cluster/cluster_user.ts";
import { SHARE_COUNT } from "../support/campaign.ts";
import { NatsServers } from "../support/cluster/nats_servers.ts";
import { temporaryPath } from "../support/temporary.ts";

const SLOT_COUNT = 4096;
const KEYS = Array.from({ length: 16 }, (_, i) => `own ${i}`);
const ROUNDS = 12;
/** Each key has half as many others that are read long after they were written. */
const RARE_COUNT = 64;
const LISTED = Array.from({ length: 200 }, (_, i) => `listed ${i}`);

/** The runtimes, the one that runs this last. */
const OTHERS: readonly Runtime[] = [
  ...RUNTIMES.filter((runtime) => runtime !== currentRuntime()),
  currentRuntime(),
];

/** Uses a store, and knows what each answer has to be. */
class Load {
  readonly sums: number[] = KEYS.map(() => 0);
  shared = 0;
  readonly wrong: string[] = [];
  readonly #store: Store<number>;
  readonly #running: Promise<void>[];
  #isOver = false;

  constructor(store: Store<number>) {
    this.#store = store;
    this.#running = [...KEYS.map((_, i) => this.#run(i)), this.#list()];
  }

  /** Resolves when each key has been used so many times more. */
  async goOn(rounds: number): Promise<void> {
    const from = this.sums.slice();
    await until("the load goes on", () => {
      assert.equal(this.wrong, []);
      return this.sums.every((sum, i) => sum >= from[i]! + rounds);
    });
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#running);
    assert.equal(this.wrong, []);
  }

  /** Compares what is stored with what was answered. */
  async check(): Promise<void> {
    assert.equal(await this.#store.getMany(KEYS), this.sums);
    assert.is(await this.#store.get("shared"), this.shared);
  }

  /** Lists keys that are there all the time. */
  async #list(): Promise<void> {
    try {
      while (!this.#isOver) {
        const found: string[] = [];
        for await (const key of this.#store.keys({ prefix: "listed " })) found.push(key);
        const isRight = found.length === LISTED.length && new Set(found).size === found.length;
        if (!isRight) this.wrong.push(`${found.length} keys are listed: ${found.sort().join()}`);
      }
    } catch (error) {
      this.wrong.push(String(error));
    }
  }

  async #run(i: number): Promise<void> {
    const store = this.#store;
    const key = KEYS[i]!;
    try {
      while (!this.#isOver) {
        const first = this.sums[i]! + 1;
        // All at once: they are done in their order, and what reads behind them sees them.
        const [one, two, read] = await Promise.all([
          store.increment(key),
          store.increment(key),
          store.get(key),
          store.increment("shared").then(() => this.shared += 1),
          store.put(`last ${i}`, first),
          store.put(`last ${i}`, first + 1),
          store.put(`rarely ${i} ${first % RARE_COUNT}`, first),
        ]);
        const last = await store.get(`last ${i}`);
        const back = first - RARE_COUNT + 2;
        const rare = await store.get(`rarely ${i} ${back % RARE_COUNT}`) ?? 0;
        const isRight = one === first && two === first + 1 && read === two && last === two &&
          rare === Math.max(0, back);
        if (!isRight) {
          this.wrong.push(`${key}: ${one}, ${two}, ${read}, ${last}, ${rare} from ${first} on`);
        }
        this.sums[i] = first + 1;
      }
    } catch (error) {
      this.wrong.push(String(error));
    }
  }
}

/** Watches keys while all that happens to their owners. */
class Watcher {
  readonly wrong: string[] = [];
  readonly #store: Store<number>;
  readonly #end = new AbortController();
  readonly #running: Promise<void>[];
  #values: readonly (number | undefined)[] = [];
  readonly #versions = new Map<string, number>();

  constructor(store: Store<number>) {
    this.#store = store;
    this.#running = [this.#watchKeys(), this.#watchPrefix()];
  }

  /** Resolves when it knows the last state of each key. */
  async check(sums: readonly number[]): Promise<void> {
    const entries = await this.#store.getEntries(KEYS);
    await until("watches end with the last states", () => {
      const isTold = entries.every((entry, i) => this.#versions.get(KEYS[i]!) === entry!.version);
      return isTold && this.#values.every((value, i) => value === sums[i]);
    });
    this.#end.abort();
    await Promise.all(this.#running);
    assert.equal(this.wrong, []);
  }

  async #watchKeys(): Promise<void> {
    try {
      for await (const entries of this.#store.watch(KEYS, { signal: this.#end.signal })) {
        entries.forEach((entry, i) => {
          const before = this.#values[i] ?? 0;
          const value = entry?.value ?? 0;
          if (value < before) this.wrong.push(`${KEYS[i]} was ${before}, and is ${value}`);
        });
        this.#values = entries.map((entry) => entry?.value);
      }
    } catch (error) {
      if (!this.#end.signal.aborted) this.wrong.push(String(error));
    }
  }

  async #watchPrefix(): Promise<void> {
    const { signal } = this.#end;
    try {
      for await (const change of this.#store.watch({ prefix: "own " }, { signal })) {
        if (change.kind === "resync") {
          const entries = await this.#store.getEntries(KEYS);
          entries.forEach((entry, i) => this.#know(KEYS[i]!, entry?.version ?? 0));
        } else this.#know(change.key, change.version);
      }
    } catch (error) {
      if (!signal.aborted) this.wrong.push(String(error));
    }
  }

  /** What comes behind what was read may be of before. */
  #know(key: string, version: number): void {
    this.#versions.set(key, Math.max(version, this.#versions.get(key) ?? 0));
  }
}

function slotsOf(store: Store<number>, node: number): number {
  return store.stats().cluster!.nodes.find((one) => one.node === node)?.slots ?? 0;
}

/** Whether nodes, and nobody else, own all slots. */
function areOwners(store: Store<number>, nodes: readonly number[]): boolean {
  const slots = nodes.map((node) => slotsOf(store, node));
  return slots.every((count) => count > 0) && slots.reduce((a, b) => a + b) === SLOT_COUNT;
}

/** Much of what was read was not in the cache, in which is what was read ahead, too. */
function assertMissed({ valueHits, shortcutHits, misses }: ClusterNodeStats): void {
  assert.ok(misses + shortcutHits > valueHits / 3, `${valueHits} of ${misses} and ${shortcutHits}`);
}

/** Pages of the index were purged, and records were moved to the ends of logs. */
async function assertCleaned(servers: NatsServers, nodeCount: number): Promise<void> {
  const engine = await connectJetStream({ servers: servers.urls, name: "shop", replicas: 3 });
  const moved: boolean[] = [];
  for (let node = 0; node < nodeCount; node++) {
    const { first } = await extentOf(engine, indexStream(node));
    assert.ok(first > 1, `the index of node ${node} has all that was ever written`);
    moved.push(
      await new Promise((resolve) => {
        engine.last(logStream(node), "moved", ({ status }) => resolve(status === "found"));
      }),
    );
  }
  await engine.close();
  assert.ok(moved.includes(true), "records were moved");
}

async function extentOf(engine: LogEngine, stream: string): Promise<StreamExtent> {
  const extent = await new Promise<StreamExtent | undefined>((resolve) => {
    engine.extent(stream, resolve);
  });
  assert.ok(extent !== undefined, stream);
  return extent!;
}

/**
 * Goes on beside node 2, with another owner that is killed again and again, until a log is purged.
 */
async function goOnForLong(
  servers: NatsServers,
  load: Load,
  store: Store<number>,
  start: (node: number, runtime: Runtime) => Promise<ClusterUser>,
): Promise<void> {
  const engine = await connectJetStream({ servers: servers.urls, name: "shop", replicas: 3 });
  let kills = 0;
  for (let first = 1; first === 1 || kills < 3;) {
    const other = await start(3, OTHERS[kills++ % OTHERS.length]!);
    await until("another one gets slots", () => areOwners(store, [2, 3]));
    await load.goOn(20 * ROUNDS);
    await other.kill();
    await until("it is succeeded", () => areOwners(store, [2]));
    await load.goOn(ROUNDS);
    first = (await extentOf(engine, logStream(2))).first;
    console.error(`${kills} kills, the log of node 2 begins at ${first}`);
  }
  await engine.close();
}

/** Makes a backup, in the middle of which an owner is killed; returns what checks it. */
async function copyWhileKilled(
  store: Store<number>,
  load: Load,
  owner: ClusterUser,
): Promise<{ check: () => Promise<void> }> {
  const path = temporaryPath("copy");
  const before = load.sums.slice();
  let killed: Promise<void> | undefined;
  await store.backup(path, {
    onProgress: (share) => {
      if (share > 0.1) killed ??= owner.kill();
    },
  });
  assert.ok(killed !== undefined);
  await killed;
  // What was on its way may be in it.
  const after = load.sums.map((sum) => sum + 2);
  const check = async () => {
    await using copy = await open<number>({ path });
    for (const key of LISTED) assert.is(copy.getSync(key), 0, key);
    KEYS.forEach((key, i) => {
      const sum = copy.getSync(key) ?? 0;
      const [least, most] = [before[i]!, after[i]!];
      assert.ok(sum >= least && sum <= most, `${key} is ${sum}, not ${least} to ${most}`);
    });
  };
  return { check };
}

async function tryCluster(): Promise<void> {
  const servers = await NatsServers.start(3);
  const users: ClusterUser[] = [];
  const common = { servers: servers.urls, name: "shop", leaseMs: 1000 };
  const start = async (node: number, runtime: Runtime) => {
    const user = await ClusterUser.start({ ...common, node }, runtime);
    users.push(user);
    return user;
  };
  const asked: ClusterOptions = { ...common, node: false };
  let store: Store<number> | undefined;
  try {
    const first = await start(0, OTHERS[0]!);
    store = await open<number>({ cluster: asked });
    assert.is(store.stats().cluster!.node, undefined);
    await store.putMany(LISTED.map((key) => [key, 0]));
    const told: string[] = [];
    store.addEventListener("nodeadded", ({ detail }) => told.push(`added ${detail.node}`));
    store.addEventListener("noderemoved", ({ detail }) => told.push(`removed ${detail.node}`));
    store.addEventListener("nodefailed", ({ detail }) => {
      told.push(`failed ${detail.node}, ${detail.replacement} in its place`);
    });
    store.addEventListener("noderecovered", ({ detail }) => {
      told.push(`${detail.replacement} serves what ${detail.node} did`);
    });
    let moves = 0;
    store.addEventListener("slotsmoved", ({ detail }) => moves += +(detail.slotsMoved > 0));
    const watcher = new Watcher(store);
    const load = new Load(store);
    await load.goOn(2);
    const second = await start(1, OTHERS[1]!);
    await until("a node that joins gets slots", () => areOwners(store!, [0, 1]));
    await load.goOn(ROUNDS);

    const copied = await copyWhileKilled(store, load, first);
    await until("an owner that was killed is succeeded", () => areOwners(store!, [1]));
    await load.goOn(ROUNDS);
    await copied.check();
    await until(
      () => `its successor has said that it serves all, got ${told.join("; ")}`,
      () => told.includes("1 serves what 0 did"),
    );

    const third = await start(2, OTHERS[2]!);
    await until("another one gets slots", () => areOwners(store!, [1, 2]));
    const [sums] = await Promise.all([third.add("of another", 50), load.goOn(ROUNDS)]);
    assert.equal(sums, Array.from({ length: 50 }, (_, i) => i + 1));
    await second.close();
    assert.ok(areOwners(store, [2]), JSON.stringify(store.stats().cluster));
    await load.goOn(ROUNDS);

    // In logs nothing is purged before evidence has been kept for a minute: that is for campaigns.
    const isCampaign = SHARE_COUNT === 1;
    if (isCampaign) await goOnForLong(servers, load, store, start);
    await load.stop();
    await load.check();
    await watcher.check(load.sums);
    await until("a node that has left is told", () => told.includes("removed 1"));
    const failure = ["failed 0, 1 in its place", "1 serves what 0 did"];
    const expected = ["added 1", ...failure, "added 2", "removed 1"];
    // Where processors are short, a lease of a second may end by itself: more is told in between.
    let at = -1;
    for (const text of expected) {
      at = told.indexOf(text, at + 1);
      assert.ok(at >= 0, `${text} must be told in its place, got ${told.join("; ")}`);
    }
    const count = (part: string) => told.filter((text) => text.includes(part)).length;
    await until(
      () => `the end of each failure is told, got ${told.join("; ")}`,
      () => count("failed") === count("serves what"),
    );
    assert.ok(moves >= 3, "slots move when a node joins, another one joins, and one leaves");
    assert.is(await store.get("of another"), 50);
    // Each key always has requests on their way, and half of the keys were the killed process's.
    assert.ok(store.stats().cluster!.resent > 0);
    await store.close();
    assertMissed(await third.close());
    await assertCleaned(servers, isCampaign ? 4 : 3);
  } finally {
    await store?.close();
    for (const user of users) await user.kill();
    await servers.stop();
  }
}

test(
  "nothing is lost and nothing is done twice when an owner is killed, and when one closes",
  tryCluster,
);

test.run();
