/**
 * Keeps an agent running: when its thread fails, another one is started, a bounded number of times.
 *
 * Until that has joined, the connections to the node of this process are gone, and who owns what is
 * known as it was: requests wait in the carrier, as they do for any node that has failed, and those
 * that were on their way are sent again under their names.
 *
 * @module
 */
import type { DinomoError } from "../../core/errors.ts";
import { GATEWAY_CLOSE_MS_MAX } from "../../core/limits.ts";
import { monotonicMs, sleep } from "../../platform/runtime.ts";
import { settlesWithin } from "../../platform/settles_within.ts";
import type { WorkerCode } from "../../platform/worker_loader.ts";
import type { ThreadStream } from "../../wire/thread_stream.ts";
import { type AgentEnds, AgentThread } from "./agent_thread.ts";
import type { AgentOptions, ClusterFacts } from "./cluster_agent.ts";

/** Threads that are started within {@linkcode PERIOD_MS}, at most, beside the first one. */
const RESTARTS_MAX = 5;
const PERIOD_MS = 60_000;
/** Pause before a thread is started in place of one that has failed. */
const PAUSE_MS = 50;

/** An agent whose thread is replaced when it fails. */
export class KeptAgent {
  readonly #start: () => Promise<AgentThread>;
  readonly #onLost: (error: DinomoError) => void;
  #thread!: AgentThread;
  /** When threads were started again, not long ago. */
  #restartedMs: number[] = [];
  #restarting: Promise<void> | undefined;
  #isClosing = false;

  private constructor(code: WorkerCode, options: AgentOptions, ends: AgentEnds) {
    const own = { ...ends, onLost: (error: DinomoError) => this.#lose(error) };
    this.#start = () => AgentThread.start(code, options, own);
    this.#onLost = (error) => ends.onLost(error);
  }

  /**
   * Starts the first thread; resolves when it has joined the cluster.
   *
   * @param ends `onLost` is called when it is given up
   * @throws {InvalidOptionError} when the cluster has other settings, or what is needed is missing
   * @throws {UnavailableError} when the servers cannot be reached
   * @throws {NodeFailedError} when the thread cannot be started
   */
  static async start(code: WorkerCode, options: AgentOptions, ends: AgentEnds): Promise<KeptAgent> {
    const kept = new KeptAgent(code, options, ends);
    await kept.#replace();
    return kept;
  }

  /** What its thread has found. */
  get facts(): ClusterFacts {
    return this.#thread.facts;
  }

  /** Connects to the node of this process, if it is the one at a place; undefined if not. */
  connect(host: string, port: number): ThreadStream | undefined {
    return this.#thread.connect(host, port);
  }

  /** Has the node give its slots away and leave, and ends the thread. */
  async close(): Promise<void> {
    this.#isClosing = true;
    const restarting = this.#restarting;
    // One that joins later is closed then.
    if (restarting !== undefined && !(await settlesWithin(restarting, GATEWAY_CLOSE_MS_MAX))) {
      return;
    }
    await this.#thread.close();
  }

  async #replace(): Promise<void> {
    this.#thread = await this.#start();
    this.#thread.begin();
  }

  #lose(error: DinomoError): void {
    this.#restarting ??= this.#restart(error).finally(() => this.#restarting = undefined);
  }

  async #restart(error: DinomoError): Promise<void> {
    let reason = error;
    while (!this.#isClosing) {
      const nowMs = monotonicMs();
      this.#restartedMs = this.#restartedMs.filter((ms) => nowMs - ms < PERIOD_MS);
      if (this.#restartedMs.length >= RESTARTS_MAX) return this.#onLost(reason);
      this.#restartedMs.push(nowMs);
      await sleep(PAUSE_MS, { keepsAlive: false });
      try {
        await this.#replace();
        if (this.#isClosing) await this.#thread.close();
        return;
      } catch (failure) {
        reason = failure as DinomoError;
      }
    }
  }
}
