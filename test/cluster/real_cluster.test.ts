/**
 * Two nodes in processes of their own, on one nats-server and on three that replicate: under load
 * the owner of some keys is killed, or stands still for longer than its lease and goes on. The
 * other one takes over, and nothing that was acknowledged is lost: what the clients saw is
 * linearizable.
 *
 * @module
 */
import { setTimeout } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { NatsServers } from "../support/cluster/nats_servers.ts";
import { type NodeAnswer, NodeProcess } from "../support/cluster/node_process.ts";
import { checkHistory, renderViolation } from "../support/linearizability/check_history.ts";
import {
  ABSENT,
  historyOf,
  type Operation,
  OperationKind,
} from "../support/linearizability/operation.ts";
import { type Random, seeded } from "../support/random.ts";

const TIMES = { leaseMs: 2000, marginMs: 400 };
const SLOT_COUNT = 4096;
const KEYS = Array.from({ length: 12 }, (_, i) => `key ${i}`);
const CLIENTS = 4;
/** An answer that has not come after that is not waited for. */
const PATIENCE_MS = 400;
const WAIT_MS_MAX = 60_000;

/** Waits for something, which has to come. */
async function until(what: string, isSo: () => Promise<boolean> | boolean): Promise<void> {
  for (let waitedMs = 0; waitedMs < WAIT_MS_MAX; waitedMs += 50) {
    if (await isSo()) return;
    await setTimeout(50);
  }
  throw new Error(`${what}: not within ${WAIT_MS_MAX} ms`);
}

/** Clients that record what they see. */
class Load {
  readonly histories: Operation[][] = KEYS.map(() => []);
  /** Writes of each key that were acknowledged. */
  readonly acknowledged: number[] = KEYS.map(() => 0);
  readonly #nodes: readonly NodeProcess[];
  /** Who is asked first. */
  readonly #ownerOf: number[] = KEYS.map(() => 0);
  readonly #random: Random;
  readonly #running: Promise<void>[];
  #ticks = 0;
  #writes = 0;
  #isOver = false;

  constructor(nodes: readonly NodeProcess[], random: Random) {
    this.#nodes = nodes;
    this.#random = random;
    this.#running = Array.from({ length: CLIENTS }, (_, client) => this.#run(client));
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#running);
  }

  async #run(client: number): Promise<void> {
    while (!this.#isOver) {
      await this.operate(client, this.#random.below(KEYS.length), this.#random.below(2) === 0);
      await setTimeout(5);
    }
  }

  /** Does one operation, at the first node that takes it; returns whether one did. */
  async operate(client: number, key: number, isPut: boolean): Promise<boolean> {
    const input = isPut ? ++this.#writes : 0;
    const kind = isPut ? OperationKind.PUT : OperationKind.GET;
    const row = this.histories[key]!.length;
    const callAt = ++this.#ticks;
    const operation = { client, kind, input, version: 0, output: 0, callAt, returnAt: Infinity };
    this.histories[key]!.push(operation);
    const pending = this.histories[key]!;
    for (const index of [this.#ownerOf[key]!, 1 - this.#ownerOf[key]!]) {
      const node = this.#nodes[index]!;
      if (node.isEnded) continue;
      const asked = node.ask(isPut ? "put" : "get", KEYS[key], String(input));
      const answer = await Promise.race([asked, setTimeout(PATIENCE_MS, undefined)]);
      if (answer?.status === "refused") continue;
      this.#ownerOf[key] = answer === undefined ? 1 - index : index;
      if (answer === undefined || answer.status === "unknown") return false;
      pending[row] = { ...operation, output: outputOf(answer), returnAt: ++this.#ticks };
      if (isPut) this.acknowledged[key]! += 1;
      return true;
    }
    // Nobody took it: it has certainly changed nothing.
    pending[row] = { ...operation, kind: OperationKind.GET, input: 0 };
    return false;
  }
}

function outputOf({ status, value }: NodeAnswer): number {
  if (status === "absent") return ABSENT;
  return status === "found" ? Number(value) : 0;
}

async function servedBy(node: NodeProcess): Promise<number> {
  return (await node.ask("state"))?.served ?? 0;
}

/** Both nodes own slots, and all slots have an owner. */
async function isShared(nodes: readonly NodeProcess[]): Promise<boolean> {
  const [first, second] = await Promise.all(nodes.map(servedBy));
  return first! > 0 && second! > 0 && first! + second! === SLOT_COUNT;
}

async function tryCluster(random: Random, count: 1 | 3): Promise<void> {
  const servers = await NatsServers.start(count);
  const start = (node: number) =>
    new NodeProcess({ servers: servers.urls, replicas: count, node, times: TIMES });
  const nodes = [start(0), start(1)];
  try {
    await until("both nodes own slots", () => isShared(nodes));
    const load = new Load(nodes, random);
    const total = () => load.acknowledged.reduce((sum, writes) => sum + writes, 0);
    await until("every key was written", () => load.acknowledged.every((writes) => writes > 3));
    if (count === 3) {
      nodes[1]!.signal("SIGSTOP");
      const isSucceeded = async () => await servedBy(nodes[0]!) === SLOT_COUNT;
      await until("a node that stands still is succeeded", isSucceeded);
      nodes[1]!.signal("SIGCONT");
      await until("it gets its share again", () => isShared(nodes));
    }
    nodes[0]!.kill();
    await until("the other node owns all slots", async () => {
      return await servedBy(nodes[1]!) === SLOT_COUNT;
    });
    const before = total();
    await until("writes have resumed", () => total() > before + 2 * KEYS.length);
    await load.stop();
    // An answer may come too late, on a busy machine.
    for (const key of KEYS.keys()) {
      await until(`${KEYS[key]} is read`, () => load.operate(99, key, false));
    }
    for (const [key, operations] of load.histories.entries()) {
      const violation = checkHistory(historyOf(key, operations));
      assert.is(violation === undefined ? "" : renderViolation(violation), "");
    }
    await nodes[1]!.end();
  } finally {
    for (const node of nodes) node.kill();
    const outputs = await Promise.all(nodes.map((node) => node.end()));
    await servers.stop();
    for (const output of outputs) if (output !== "") console.error(output);
  }
}

test(
  "one server: the owner is killed, and nothing acknowledged is lost",
  seeded((random) => tryCluster(random, 1)),
);

test(
  "three servers: one owner stands still, one is killed, and nothing acknowledged is lost",
  seeded((random) => tryCluster(random, 3)),
);

test.run();
