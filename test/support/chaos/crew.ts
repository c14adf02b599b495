/**
 * The clients' threads of a round: starts them, has them die, and starts others in their places.
 *
 * @module
 */
import { setTimeout } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import type { Store } from "../../../mod.ts";
import type { FiredFault } from "../faults.ts";
import { type HistoryTape, makeTape } from "../linearizability/history_tape.ts";
import type { Random } from "../random.ts";
import type { Disturbances, Workload } from "./chaos_settings.ts";
import type { ChaosTally } from "./chaos_tally.ts";
import { CLIENT_FAULT_NAMES } from "./chaos_tally.ts";
import { ClientFault, ClientOrders, ClientPhase, makeClientWords } from "./client_orders.ts";
import type { ClientThreadData } from "./client_thread.ts";
import { makeSlowList, type SlowList } from "./slow_operations.ts";

const EXTENSION = import.meta.url.endsWith(".ts") ? "ts" : "js";
const CLIENT_URL = new URL(`./client_thread.${EXTENSION}`, import.meta.url);
const TAPE_ROWS = 400_000;
/**
 * How long clients may take to end what they have begun: a KN that stalls is given up after a
 * second, and there may be several.
 */
const STOP_MS_MAX = 30_000;
/** On Deno a thread that was terminated goes on. */
const CAN_TERMINATE = !("Deno" in globalThis);

/** What a crew works with. */
export interface CrewOptions {
  readonly store: Store<unknown>;
  readonly random: Random;
  readonly workload: Workload;
  readonly disturbances: Disturbances;
  readonly clockWord: Int32Array;
  readonly traded: Int32Array;
  readonly tally: ChaosTally;
  /** Describes the pool, for the report of something that does not end. */
  readonly describeState: () => string;
  /** Called with what must not be. */
  readonly onViolation: (text: string) => void;
  /** Called with faults that have hit KNs. */
  readonly onFault: (fault: FiredFault, isStall: boolean) => void;
}

interface Member {
  readonly worker: Worker;
  readonly orders: ClientOrders;
  isKilled: boolean;
  hasExited: boolean;
  firedSeen: number;
  wokenSeen: number;
}

/** The clients of one round, the host excepted. */
export class Crew {
  readonly tapes: HistoryTape[] = [];
  readonly slowLists: SlowList[] = [];
  readonly #options: CrewOptions;
  #members: Member[] = [];
  #nextClient = 1;

  /** Makes a crew without threads. */
  constructor(options: CrewOptions) {
    this.#options = options;
  }

  /** Threads that work, or begin to. */
  get size(): number {
    return this.#members.length;
  }

  /** Starts a thread. */
  add(): void {
    const { store, workload, clockWord, traded, random, onViolation } = this.#options;
    const client = this.#nextClient++;
    const words = makeClientWords();
    const tape = makeTape(client, TAPE_ROWS);
    const slow = makeSlowList();
    this.tapes.push(tape);
    this.slowLists.push(slow);
    const seed = random.below(2 ** 31);
    const workerData: ClientThreadData = {
      handle: store.share(),
      client,
      seed,
      workload,
      tape,
      clockWord,
      slow,
      traded,
      words,
    };
    const worker = new Worker(CLIENT_URL, { workerData });
    const orders = new ClientOrders(words);
    const member: Member = {
      worker,
      orders,
      isKilled: false,
      hasExited: false,
      firedSeen: 0,
      wokenSeen: 0,
    };
    worker.on("error", (error) => {
      if (!isPlanted(error)) onViolation(`client ${client}: ${describe(error)}`);
    });
    worker.on("exit", () => this.#onExit(member, client));
    this.#members.push(member);
  }

  /** Orders one of the threads to die, stall, or leave. */
  disturb(): void {
    const { random, disturbances, workload } = this.#options;
    const running = this.#members.filter(({ orders, isKilled }) =>
      orders.phase === ClientPhase.RUNNING && !orders.isWaiting && !isKilled
    );
    if (running.length === 0) return;
    const member = random.pick(running);
    const kinds = Object.values(ClientFault);
    let kind = random.below(kinds.length + 2);
    const isStall = kind === ClientFault.STALL_HELPING;
    if (isStall && random.below(disturbances.stallEvery) > 2) kind = ClientFault.THROW_HELPING;
    if (kind === ClientFault.EXIT_COMMITTING && !workload.trades) kind = ClientFault.EXIT_HELPING;
    const accesses = random.between(1, 10 ** random.between(1, 3));
    const durationMs = random.between(1200, 2500);
    if (kind === ClientFault.NONE) return member.orders.stop();
    if (kind < kinds.length) return member.orders.give(kind, accesses, durationMs);
    if (CAN_TERMINATE) return this.#terminate(member);
    member.orders.give(ClientFault.EXIT, accesses, 0);
  }

  /** Counts what has happened since the last look. */
  collect(): void {
    for (const member of this.#members) this.#collect(member);
  }

  /** Ends all threads; says who did not end. */
  async stop(): Promise<void> {
    for (const { orders } of this.#members) orders.stop();
    const deadlineMs = performance.now() + STOP_MS_MAX;
    while (this.#members.length > 0 && performance.now() < deadlineMs) {
      this.collect();
      // Those that were just being started have not seen the order's predecessor.
      for (const { orders } of this.#members) orders.stop();
      await setTimeout(5);
    }
    if (this.#members.length === 0) return;
    const state = this.#options.describeState();
    for (const { worker, orders } of this.#members) {
      this.#options.onViolation(`a client in phase ${orders.phase} does not end:\n${state}`);
      void worker.terminate();
    }
  }

  #terminate(member: Member): void {
    const { tally } = this.#options;
    member.isKilled = true;
    tally.countFault("client terminated");
    void member.worker.terminate();
  }

  #collect(member: Member): void {
    const { tally, onFault } = this.#options;
    const { orders } = member;
    const woken = orders.wokenCount;
    tally.zombiesWoken += woken - member.wokenSeen;
    member.wokenSeen = woken;
    if (orders.firedCount === member.firedSeen) return;
    member.firedSeen = orders.firedCount;
    const fault = orders.lastFired;
    tally.countFault(CLIENT_FAULT_NAMES[fault.kind]!);
    if (orders.hasHitCommit) tally.commitsHit += 1;
    if (fault.node >= 0) onFault(fault, fault.kind === ClientFault.STALL_HELPING);
  }

  #onExit(member: Member, client: number): void {
    if (member.hasExited) return;
    member.hasExited = true;
    this.#collect(member);
    const { tally, onViolation } = this.#options;
    this.#members = this.#members.filter((other) => other !== member);
    const { phase, firedCount } = member.orders;
    if (phase === ClientPhase.LEFT) tally.clientsLeft += 1;
    else if (member.isKilled || firedCount > 0) tally.clientDeaths += 1;
    else if (phase !== ClientPhase.FAILED) {
      onViolation(`client ${client} has ended in phase ${phase}`);
    }
  }
}

function isPlanted(error: unknown): boolean {
  return String(error).includes("planted failure");
}

function describe(error: unknown): string {
  return error instanceof Error ? `${error.message}\n${error.stack}` : String(error);
}
