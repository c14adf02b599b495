/**
 * The thread of a cluster's agent, as the thread sees it that has started it.
 *
 * @module
 */
import { Worker } from "node:worker_threads";
import { UntrustedNodeError } from "../../core/cluster_errors.ts";
import {
  type DinomoError,
  InvalidOptionError,
  NodeFailedError,
  UnavailableError,
} from "../../core/errors.ts";
import {
  CLUSTER_LEASE_MS_MAX,
  GATEWAY_CLOSE_MS_MAX,
  THREAD_START_MS_MAX,
} from "../../core/limits.ts";
import { epochMs, monotonicMs, startTimer } from "../../platform/runtime.ts";
import { settlesWithin } from "../../platform/settles_within.ts";
import { startUrlOf, type WorkerCode } from "../../platform/worker_loader.ts";
import { assertThreadFits, workerOptions } from "../../platform/worker_options.ts";
import { makeThreadStream, ThreadStream } from "../../wire/thread_stream.ts";
import type { OwnerView } from "../client/owner_view.ts";
import { parseAddress } from "../network/node_address.ts";
import { SharedReads } from "../shared/shared_reads.ts";
import type { AgentOrder, AgentReport } from "./agent_shell.ts";
import {
  type AgentEars,
  type AgentOptions,
  type ClusterFacts,
  JOIN_MS_MAX,
} from "./cluster_agent.ts";

/** Whom the thread tells. */
export interface AgentEnds extends Omit<AgentEars, "onFailure"> {
  /** What its node shares with this thread can be read from now on; undefined: not any more. */
  onShared(reads: SharedReads | undefined): void;
  /** The thread has ended by itself, or cannot go on. */
  onLost(error: DinomoError): void;
}

/** A running agent. */
export class AgentThread {
  /** What it has found. */
  readonly facts: ClusterFacts;
  readonly #worker: Worker;
  readonly #ended: Promise<void>;
  readonly #begin: () => void;
  #isClosing = false;
  #hasEnded = false;

  private constructor(
    worker: Worker,
    ended: Promise<void>,
    facts: ClusterFacts,
    begin: () => void,
  ) {
    this.#worker = worker;
    this.#ended = ended;
    this.#begin = begin;
    this.facts = facts;
    void ended.then(() => this.#hasEnded = true);
  }

  /**
   * Starts the thread; resolves when it has joined the cluster.
   *
   * @throws {InvalidOptionError} when the cluster has other settings, or what is needed is missing
   * @throws {UnavailableError} when the servers cannot be reached
   * @throws {NodeFailedError} when the thread cannot be started
   */
  static async start(
    code: WorkerCode,
    options: AgentOptions,
    ends: AgentEnds,
  ): Promise<AgentThread> {
    const worker = makeWorker(code, options);
    const known: {
      view?: OwnerView;
      isStarted?: true;
      cause?: unknown;
      onClock?: (ms: number) => void;
    } = {};
    const ended = new Promise<void>((resolve) => {
      worker.on("error", (error) => {
        known.cause = error;
        resolve();
      });
      worker.on("exit", () => resolve());
    });
    const report = await new Promise<AgentReport | undefined>((resolve) => {
      const msMax = THREAD_START_MS_MAX + 2 * JOIN_MS_MAX + CLUSTER_LEASE_MS_MAX;
      const timer = startTimer(() => resolve(undefined), msMax);
      const end = (message?: AgentReport) => {
        timer.stop();
        resolve(message);
      };
      worker.on("message", (message: AgentReport) => {
        if (message.kind === "figures") return ends.onFigures(message.figures, message.loads);
        if (message.kind === "clock") return known.onClock!(message.ms);
        if (message.kind === "failed" && known.isStarted) {
          known.cause = message.message;
          return void worker.terminate();
        }
        if (message.kind !== "view") return end(message);
        known.view = message.view;
        if (known.isStarted) ends.onView(message.view);
      });
      void ended.then(() => end());
    });
    if (report?.kind !== "joined") {
      await worker.terminate();
      throw failureOf(report, known.cause);
    }
    const { facts } = report;
    worker.unref();
    known.isStarted = true;
    const begin = () => {
      // What was told last is newest.
      ends.onView(known.view ?? facts.view);
      if (facts.shared === undefined) return;
      const askedMs = monotonicMs();
      known.onClock = (ms) => ends.onShared(sharedReads(facts.shared!, ms - askedMs));
      worker.postMessage({ kind: "clock" } satisfies AgentOrder);
    };
    const thread = new AgentThread(worker, ended, facts, begin);
    void ended.then(() => {
      ends.onShared(undefined);
      if (!thread.#isClosing) ends.onLost(lost(known.cause));
    });
    return thread;
  }

  /** Says who owns what, and may be asked for connections from then on. */
  begin(): void {
    this.#begin();
  }

  /** Connects to the node of the thread, if it is the one at a place; undefined if not. */
  connect(host: string, port: number): ThreadStream | undefined {
    const { address } = this.facts;
    if (this.#hasEnded || address === undefined) return undefined;
    const own = parseAddress(address);
    if (own.host !== host || own.port !== port) return undefined;
    const [here, there] = makeThreadStream();
    const order: AgentOrder = { kind: "connect", end: there };
    this.#worker.postMessage(order, [there.port]);
    return new ThreadStream(here);
  }

  /** Has the node give its slots away and leave, and ends the thread. */
  async close(): Promise<void> {
    this.#isClosing = true;
    const worker = this.#worker;
    worker.ref();
    const closed = new Promise<void>((resolve) => {
      worker.on("message", ({ kind }: AgentReport) => kind === "closed" && resolve());
      void this.#ended.then(resolve);
    });
    worker.postMessage({ kind: "close" } satisfies AgentOrder);
    await settlesWithin(closed, 2 * GATEWAY_CLOSE_MS_MAX);
    await worker.terminate();
  }
}

function makeWorker(code: WorkerCode, options: AgentOptions): Worker {
  try {
    assertThreadFits();
    return new Worker(startUrlOf(code), { ...workerOptions(), workerData: options });
  } catch (cause) {
    throw lost(cause);
  }
}

/**
 * Reads what the thread shares, by its clocks.
 *
 * @param aheadMs by how much its monotonic clock is ahead of that of this thread, or more: it had
 *   not shown that yet when it was asked, and both go alike
 */
function sharedReads(memory: SharedArrayBuffer, aheadMs: number): SharedReads {
  return new SharedReads(memory, { monotonicMs: () => monotonicMs() + aheadMs, epochMs });
}

function failureOf(report: AgentReport | undefined, cause: unknown): DinomoError {
  if (report?.kind !== "failed") return lost(cause ?? "it has not answered");
  const { code, message } = report;
  if (code === "DINOMO_UNTRUSTED_NODE") return new UntrustedNodeError(message);
  if (code === "DINOMO_INVALID_OPTION") return new InvalidOptionError(message);
  return code === "DINOMO_UNAVAILABLE" ? new UnavailableError(message) : lost(message);
}

function lost(cause: unknown): NodeFailedError {
  const options = cause instanceof Error ? { cause } : undefined;
  return new NodeFailedError(`the cluster's thread has failed: ${String(cause)}`, options);
}
