/**
 * One round of chaos: a store, clients on threads of their own and on this one, disturbances for
 * some seconds, and then a look at everything.
 *
 * @module
 */
import { rmSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { inspect } from "node:util";
import { Pool } from "../../../lib/pool/pool.ts";
import { checkHandle } from "../../../lib/store/parts/handle.ts";
import {
  type Durability,
  type NodeRecovery,
  open,
  type Placement,
  type Store,
} from "../../../mod.ts";
import type { FiredFault } from "../faults.ts";
import { assertLinearizable, checkTapes } from "../linearizability/check_history.ts";
import { HistoryRecorder } from "../linearizability/history_recorder.ts";
import { type HistoryTape, makeTape } from "../linearizability/history_tape.ts";
import { makeClockWord, SharedClock } from "../linearizability/shared_clock.ts";
import { Random } from "../random.ts";
import { ACCOUNT_PREFIX, makeTradedWords, openAccounts, Traded, TRADED_KEYS } from "./accounts.ts";
import { ChaosClient } from "./chaos_client.ts";
import { type ChaosSettings, drawSettings } from "./chaos_settings.ts";
import type { ChaosTally } from "./chaos_tally.ts";
import { ChaosWatcher } from "./chaos_watcher.ts";
import { Crew } from "./crew.ts";
import { Director } from "./director.ts";
import { fill } from "./fillers.ts";
import { describePool } from "./pool_state.ts";
import {
  checkCopy,
  checkCount,
  checkOwners,
  checkRefill,
  checkRefillEvicting,
  checkReopened,
  checkSegments,
  contentsOf,
  untilQuiet,
} from "./quiet_checks.ts";
import { SHARED_KEYS, SHARED_PREFIX } from "./shared_keys.ts";
import { makeSlowList, settlingTimesMs, type SlowList } from "./slow_operations.ts";

/** What a round is run with. */
export interface ChaosRoundOptions {
  readonly seed: number;
  readonly durability: Durability;
  /** @default "near" */
  readonly placement?: Placement;
  readonly seconds: number;
  readonly tally: ChaosTally;
  /**
   * Faults of KNs in the tally after which a round may end; it takes a minute longer for them at
   * most.
   */
  readonly nodeFaultsMin?: number;
  /**
   * Whether every fault is a stall: on Deno, where a thread cannot be ended, each is a zombie that
   * wakes up.
   *
   * @default false
   */
  readonly onlyStalls?: boolean;
  /**
   * Whether the store drops records when it is full, which it is most of the time; near only.
   *
   * @default false
   */
  readonly evicts?: boolean;
}

const HOST = 0;
const HOST_TAPE_ROWS = 400_000;
const EXTENSION = import.meta.url.endsWith(".ts") ? "ts" : "js";
const NODE_URL = new URL(`../workers/mortal_kn.${EXTENSION}`, import.meta.url);
/** For how long a stall may hold anything up. */
const STALL_EFFECT_MS = 5000;
/** How long the store may take to close. */
const CLOSE_MS_MAX = 60_000;

/**
 * Runs a round, and adds what it came to to the tally; what must not be is in its list of
 * violations.
 */
export async function runChaosRound(options: ChaosRoundOptions): Promise<void> {
  const { tally, seed, durability, placement = "near", evicts = false } = options;
  const random = new Random(seed);
  const settings = drawSettings(random, durability, NODE_URL, placement, evicts);
  const report = (error: unknown) => {
    const text = typeof error === "string" ? error : inspect(error);
    tally.violations.push(
      `--seed ${seed}, durability ${durability}, placement ${placement}, ` +
        `whenFull ${evicts ? "evict" : "refuse"}: ${text}`,
    );
  };
  try {
    const store = await open(settings.options);
    try {
      await new ChaosRound(store, settings, random, options, report).run();
    } finally {
      await within(CLOSE_MS_MAX, "closing", store.close());
    }
  } catch (error) {
    report(error);
  } finally {
    if (settings.path !== undefined) rmSync(settings.path, { recursive: true, force: true });
  }
  tally.rounds += 1;
}

class ChaosRound {
  readonly #store: Store<unknown>;
  readonly #pool: Pool;
  readonly #settings: ChaosSettings;
  readonly #random: Random;
  readonly #options: ChaosRoundOptions;
  readonly #report: (error: unknown) => void;
  readonly #clockWord = makeClockWord();
  readonly #tape = makeTape(HOST, HOST_TAPE_ROWS);
  readonly #slow: SlowList = makeSlowList();
  readonly #traded = makeTradedWords();
  readonly #faults: { readonly fault: FiredFault; readonly isStall: boolean }[] = [];
  readonly #recoveries: NodeRecovery[] = [];
  #isOver = false;

  constructor(
    store: Store<unknown>,
    settings: ChaosSettings,
    random: Random,
    options: ChaosRoundOptions,
    report: (error: unknown) => void,
  ) {
    this.#store = store;
    this.#pool = Pool.attach(checkHandle(store.share()).pool);
    this.#settings = settings;
    this.#random = random;
    this.#options = options;
    this.#report = report;
  }

  async run(): Promise<void> {
    const { tally, seconds } = this.#options;
    const store = this.#store;
    const { workload, clientThreads, path } = this.#settings;
    const disturbances = this.#options.onlyStalls
      ? { ...this.#settings.disturbances, stallEvery: 1 }
      : this.#settings.disturbances;
    store.addEventListener("nodefailed", () => tally.failovers += 1);
    store.addEventListener("noderecovered", ({ detail }) => {
      tally.recoveries += 1;
      this.#recoveries.push(detail);
    });
    const shared = {
      store,
      workload,
      disturbances,
      tally,
      describeState: () => describePool(store, this.#pool, this.#settings.options.clients!),
      onViolation: this.#report,
      onFault: (fault: FiredFault, isStall: boolean) => void this.#faults.push({ fault, isStall }),
    };
    const crew = new Crew({
      ...shared,
      random: this.#random,
      clockWord: this.#clockWord,
      traded: this.#traded,
    });
    const director = new Director({
      ...shared,
      crew,
      random: this.#random,
      clientThreads,
      hasPath: path !== undefined,
      isFar: this.#options.placement === "far",
      hasCommits: workload.trades,
    });
    const host = this.#makeHost();
    const watchers = [new ChaosWatcher(store, SHARED_KEYS, SHARED_PREFIX, this.#report)];
    if (workload.trades) {
      watchers.push(new ChaosWatcher(store, TRADED_KEYS, ACCOUNT_PREFIX, this.#report));
      await openAccounts(store);
    }
    await fill(store, workload);
    const working = host.run().catch(this.#report);
    const { nodeFaultsMin = 0 } = this.#options;
    await director.run(seconds, nodeFaultsMin);
    director.withdraw();
    await crew.stop();
    this.#isOver = true;
    await working;
    await this.#check(host, director, crew, watchers);
    this.#noteRecoveries();
    if (this.#settings.isRoomy) this.#noteTimes([this.#slow, ...crew.slowLists]);
  }

  /** How long KNs were gone. */
  #noteRecoveries(): void {
    const { tally } = this.#options;
    const stalled = new Set(
      this.#faults.filter(({ isStall }) => isStall).map(({ fault }) => fault.node),
    );
    for (const { node, durationMs } of this.#recoveries) {
      (stalled.has(node) ? tally.stallRecoveryMs : tally.deathRecoveryMs).push(durationMs);
    }
  }

  /**
   * How long operations were held up: by KNs that died, and by those that stalled, also when others
   * died meanwhile.
   */
  #noteTimes(lists: readonly SlowList[]): void {
    const { tally } = this.#options;
    const afterDeath = this.#settings.options.help
      ? tally.settledHelpedMs
      : tally.settledUnhelpedMs;
    const stalls = this.#faults.filter(({ isStall }) => isStall).map(({ fault }) => fault.atMs);
    for (const { fault, isStall } of this.#faults) {
      for (const timeMs of settlingTimesMs(lists, fault)) {
        const isDuringStall = stalls.some((stallMs) =>
          stallMs <= fault.atMs + timeMs && fault.atMs <= stallMs + STALL_EFFECT_MS
        );
        (isStall || isDuringStall ? tally.settledAfterStallMs : afterDeath).push(timeMs);
      }
    }
  }

  /** Looks at everything, in the order of how much it takes for granted. */
  async #check(
    host: ChaosClient,
    director: Director,
    crew: Crew,
    watchers: readonly ChaosWatcher[],
  ): Promise<void> {
    const { tally } = this.#options;
    const store = this.#store;
    const pool = this.#pool;
    const { path, options, workload } = this.#settings;
    await untilQuiet(store, pool, options.clients!);
    director.collect();
    await host.readAll();
    for (const watcher of watchers) {
      await watcher.end();
      tally.watched += watcher.items;
    }
    if (workload.trades) await host.checkSums();
    tally.commits += this.#traded[Traded.COMMITS]!;
    tally.sums += this.#traded[Traded.SUMS]!;
    tally.scans += this.#traded[Traded.SCANS]!;
    const { evicts } = workload;
    const tapes = [this.#tape, ...crew.tapes];
    tally.operations += assertLinearizable(tapes, { evicts });
    if (evicts) this.#noteEvictions(tapes);
    await checkOwners(pool);
    await checkCount(store, pool);
    checkSegments(store, pool);
    const contents = await contentsOf(store);
    if (path !== undefined) await checkCopy(path, options, contents);
    const isRefilled = this.#random.below(2) === 0;
    if (isRefilled) {
      await (evicts ? checkRefillEvicting(store, options.maxEntries) : checkRefill(store));
    }
    if (path === undefined) return;
    const left = isRefilled ? await contentsOf(store) : contents;
    await within(CLOSE_MS_MAX, "closing", store.close());
    await checkReopened(options, left);
  }

  /** How much was dropped, and of how many of the shared keys it was seen. */
  #noteEvictions(tapes: readonly HistoryTape[]): void {
    const { tally } = this.#options;
    tally.evicted += this.#store.stats().evicted;
    tally.keysMissed += checkTapes(tapes).violations.length;
  }

  #makeHost(): ChaosClient {
    return new ChaosClient({
      store: this.#store,
      pool: this.#pool,
      client: HOST,
      random: new Random(this.#random.below(2 ** 31)),
      workload: this.#settings.workload,
      recorder: new HistoryRecorder(this.#tape, new SharedClock(this.#clockWord)),
      slow: this.#slow,
      traded: this.#traded,
      isStopWanted: () => this.#isOver,
      onTurn: () => {},
    });
  }
}

async function within<Result>(msMax: number, what: string, work: Promise<Result>): Promise<Result> {
  const timeout = new AbortController();
  const tooLong = setTimeout(msMax, undefined, { signal: timeout.signal })
    .then(() => Promise.reject(new Error(`${what} takes more than ${msMax} ms`)));
  try {
    return await Promise.race([work, tooLong]);
  } finally {
    tooLong.catch(() => {});
    timeout.abort();
  }
}
