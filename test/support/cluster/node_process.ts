/**
 * Nodes of a cluster in processes of their own, as a test asks them.
 *
 * @module
 */
import process from "node:process";
import type { LeaseTimes } from "../../../lib/cluster/node/lease.ts";
import { Child } from "../child.ts";

/** What a node is started with. */
export interface NodeArguments {
  readonly servers: readonly string[];
  readonly replicas: number;
  readonly node: number;
  readonly times: LeaseTimes;
}

/** What a node is asked. */
export interface NodeRequest {
  readonly id: number;
  readonly kind: "get" | "put" | "leave" | "state";
  readonly key: string;
  readonly value: string;
}

/** What it answers. */
export interface NodeAnswer {
  readonly id: number;
  readonly status: string;
  readonly value?: string | undefined;
  readonly served?: number;
}

/** A running node. */
export class NodeProcess {
  readonly #child: Child;
  readonly #waiting = new Map<number, (answer: NodeAnswer | undefined) => void>();
  #count = 0;
  #isEnded = false;

  constructor(options: NodeArguments) {
    this.#child = new Child("cluster_node", options, undefined, 120_000, true);
    void this.#listen();
  }

  /** Whether it was killed, or has ended. */
  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** Asks; undefined when the process has ended without an answer. */
  ask(kind: NodeRequest["kind"], key = "", value = ""): Promise<NodeAnswer | undefined> {
    const id = this.#count++;
    if (this.#isEnded) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve);
      this.#child.tell({ id, kind, key, value } satisfies NodeRequest);
    });
  }

  /** Has it stand still, or go on. */
  signal(signal: "SIGSTOP" | "SIGCONT"): void {
    process.kill(this.#child.pid, signal);
  }

  /** Kills it. */
  kill(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#child.kill();
  }

  /** Has it end, and waits for that; returns what it printed. */
  async end(): Promise<string> {
    if (!this.#isEnded) this.#child.tellNoMore();
    return (await this.#child.ended()).output;
  }

  async #listen(): Promise<void> {
    for (let index = 0;; index++) {
      const answer = await this.#child.message(index) as NodeAnswer | undefined;
      if (answer === undefined) break;
      this.#waiting.get(answer.id)?.(answer);
      this.#waiting.delete(answer.id);
    }
    this.#isEnded = true;
    for (const resolve of this.#waiting.values()) resolve(undefined);
    this.#waiting.clear();
  }
}
