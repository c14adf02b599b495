/**
 * Disturbs a store at random times: KNs die and stall, clients die, stall, come and go, KNs are
 * added and removed, snapshots are written, and in a far pool keys are given to several KNs and
 * back to one.
 *
 * @module
 */
import { setTimeout } from "node:timers/promises";
import { CELL_KEY_BYTES_MAX } from "../../../lib/core/limits.ts";
import { SnapshotError, type Store } from "../../../mod.ts";
import { Fault, FaultOrders, type FiredFault, IN_COMMIT } from "../faults.ts";
import type { Random } from "../random.ts";
import { type Disturbances, NODES_MAX } from "./chaos_settings.ts";
import { type ChaosTally, FAULT_NAMES } from "./chaos_tally.ts";
import type { Crew } from "./crew.ts";
import { SHARED_KEYS } from "./shared_keys.ts";

/** What a director works with. */
export interface DirectorOptions {
  readonly store: Store<unknown>;
  readonly crew: Crew;
  readonly random: Random;
  readonly tally: ChaosTally;
  readonly clientThreads: number;
  readonly disturbances: Disturbances;
  readonly hasPath: boolean;
  readonly isFar: boolean;
  /** Whether clients make atomic commits. */
  readonly hasCommits: boolean;
  /** Describes the pool, for the report of something that does not end. */
  readonly describeState: () => string;
  /** Called with what must not be. */
  readonly onViolation: (text: string) => void;
  /** Called with faults that have hit KNs. */
  readonly onFault: (fault: FiredFault, isStall: boolean) => void;
}

const LOOK_MS = 5;
/**
 * After so many disturbances there is none for a while: twenty KNs of one place that fail within a
 * second each, one after the other, are rightly taken for hopeless.
 */
const ACTS_PER_CALM = 15;
const CALM_MS = 1500;
/** Stalls that end before the operations they hold up are refused, and some that do not. */
const STALL_MS = { min: 1200, max: 2500 } as const;
const LONG_STALL_MS = 4000;
const LONG_STALL_EVERY = 12;
/** Atomic accesses until a fault, at most: a step makes from ten to some thousands. */
const ACCESSES_MAX = 4000;
/** The same in atomic commits, which some faults are to hit. */
const COMMIT_ACCESSES_MAX = 150;
const COMMIT_EVERY = 3;
/** How much longer a round goes on when too little has happened. */
const MORE_MS_MAX = 60_000;
/** Keys that are short enough to be owned by several KNs. */
const REPLICABLE_KEYS = SHARED_KEYS.filter((key) => key.length <= CELL_KEY_BYTES_MAX);
/** How long maintenance may take: each KN that stalls holds it up for some seconds. */
const MAINTENANCE_MS_MAX = 60_000;

/** Disturbs one store. */
export class Director {
  readonly #options: DirectorOptions;
  readonly #orders: FaultOrders;
  readonly #firedSeen = new Map<number, number>();
  #commitsHitSeen = 0;
  #wokenSeen = 0;
  #actCount = 0;
  /** Maintenance that goes on: one thing at a time. */
  #maintenance: Promise<void> | undefined;

  /** Makes a director. */
  constructor(options: DirectorOptions) {
    this.#options = options;
    this.#orders = new FaultOrders(options.store.share());
  }

  /**
   * Disturbs for a time; then, as on a busy machine little may have happened by chance, on purpose
   * until KNs have failed so many times and their number has changed, and not for ever.
   */
  async run(seconds: number, nodeFaultsMin: number): Promise<void> {
    const { random, disturbances } = this.#options;
    let nextMs = performance.now();
    const untilMs = nextMs + seconds * 1000;
    for (let nowMs = nextMs; nowMs < untilMs + MORE_MS_MAX; nowMs = performance.now()) {
      this.collect();
      if (nowMs >= untilMs) {
        if (!this.#actOnPurpose(nodeFaultsMin)) break;
      }
      if (performance.now() >= nextMs) {
        this.#act();
        this.#actCount += 1;
        const isCalm = this.#actCount % ACTS_PER_CALM === 0;
        nextMs = performance.now() +
          (isCalm ? CALM_MS : random.between(1, disturbances.pauseMsMax));
      }
      await setTimeout(LOOK_MS);
    }
    await this.#maintenance;
  }

  /** Counts what has happened since the last look. */
  collect(): void {
    const { tally, crew, onFault } = this.#options;
    crew.collect();
    for (const agent of this.#orders.allAgents) {
      const count = this.#orders.firedCount(agent);
      if (count === (this.#firedSeen.get(agent) ?? 0)) continue;
      this.#firedSeen.set(agent, count);
      const fault = this.#orders.lastFired(agent);
      tally.countFault(FAULT_NAMES[fault.kind]!);
      onFault(fault, fault.kind === Fault.STALL || fault.kind === Fault.LOOP);
    }
    const commitsHit = this.#orders.allAgents
      .reduce((count, agent) => count + this.#orders.commitsHit(agent), 0);
    tally.commitsHit += commitsHit - this.#commitsHitSeen;
    this.#commitsHitSeen = commitsHit;
    const woken = this.#orders.wokenCount();
    tally.zombiesWoken += woken - this.#wokenSeen;
    this.#wokenSeen = woken;
  }

  /** Takes back orders that wait. */
  withdraw(): void {
    for (const agent of this.#orders.allAgents) this.#orders.give(agent, Fault.NONE, 0);
  }

  #act(): void {
    const { random, crew, clientThreads, store, tally, isFar } = this.#options;
    while (crew.size < clientThreads) crew.add();
    const kind = random.below(isFar ? 28 : 20);
    if (kind < 12) return this.#orderFault();
    if (kind < 16) return crew.disturb();
    if (this.#maintenance !== undefined) return;
    if (kind >= 20) {
      const key = random.pick(REPLICABLE_KEYS);
      const owners = random.between(1, store.nodes);
      this.#maintain("replicate", async () => {
        await store.replicate(key, Math.min(owners, store.nodes));
        tally.replications += 1;
      });
    } else if (kind < 19) {
      this.#scale(random.between(1, NODES_MAX));
    } else if (this.#options.hasPath) {
      this.#maintain("snapshot", async () => {
        const isWritten = await store.snapshot().then(() => true, isHeldUp);
        if (isWritten) tally.snapshots += 1;
      });
    }
  }

  /**
   * Sees to what has not happened yet: KNs fail in their next steps. False when nothing is missing.
   */
  #actOnPurpose(nodeFaultsMin: number): boolean {
    const { random, tally, disturbances } = this.#options;
    const needsFaults = tally.nodeFaults < nodeFaultsMin;
    const kind = disturbances.stallEvery === 1 ? Fault.STALL : Fault.THROW;
    for (const agent of needsFaults ? this.#orders.agents : []) {
      if (this.#mayOrder(agent)) this.#orders.give(agent, kind, 1, STALL_MS.min);
    }
    const needsScale = tally.scales === 0;
    if (needsScale && this.#maintenance === undefined) this.#scale(random.between(1, NODES_MAX));
    return needsFaults || needsScale;
  }

  #scale(nodes: number): void {
    const { store, tally } = this.#options;
    this.#maintain("scale", async () => {
      await store.scale(nodes);
      tally.scales += 1;
    });
  }

  #mayOrder(agent: number): boolean {
    return !this.#orders.isWaiting(agent) || this.#orders.waitsForCommit(agent);
  }

  #orderFault(): void {
    const { random, disturbances, hasCommits } = this.#options;
    const agents = this.#orders.agents.filter((agent) => this.#mayOrder(agent));
    if (agents.length === 0) return;
    const agent = random.pick(agents);
    const isStall = random.below(disturbances.stallEvery) === 0;
    const kind = random.pick(isStall ? [Fault.STALL, Fault.LOOP] : [Fault.THROW, Fault.EXIT]);
    const durationMs = random.below(LONG_STALL_EVERY) === 0
      ? LONG_STALL_MS
      : random.between(STALL_MS.min, STALL_MS.max);
    const isAimed = hasCommits && random.below(COMMIT_EVERY) === 0;
    const accessesMax = isAimed ? COMMIT_ACCESSES_MAX : ACCESSES_MAX;
    const accesses = random.between(1, random.between(1, accessesMax));
    this.#orders.give(agent, kind, accesses, durationMs, isAimed ? IN_COMMIT : -1);
  }

  #maintain(what: string, task: () => Promise<void>): void {
    const { onViolation, describeState } = this.#options;
    const timeout = new AbortController();
    const tooLong = setTimeout(MAINTENANCE_MS_MAX, undefined, { signal: timeout.signal })
      .then(
        () => onViolation(`${what} takes more than ${MAINTENANCE_MS_MAX} ms:\n${describeState()}`),
        () => {},
      );
    const end = task().catch((error) => onViolation(`${what}: ${error}`));
    this.#maintenance = Promise.race([end, tooLong]).then(() => {
      timeout.abort();
      this.#maintenance = undefined;
    });
  }
}

/**
 * False for the error of a snapshot that a stalled KN has held up for too long; any other error is
 * thrown.
 */
function isHeldUp(error: unknown): false {
  if (error instanceof SnapshotError && error.message.includes("could not pause")) return false;
  throw error;
}
