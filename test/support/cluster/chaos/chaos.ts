/**
 * Three servers of NATS and some processes that are a cluster, all of which are killed, stopped,
 * and cut off from each other, again and again; every operation that was answered is checked.
 *
 * @module
 */
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { type ClusterOptions, open, type Store } from "../../../../mod.ts";
import type { Runtime } from "../../../../scripts/runtimes.ts";
import { Child } from "../../child.ts";
import type { Random } from "../../random.ts";
import { freePorts } from "../../free_ports.ts";
import { type HeldBytes, TcpProxy } from "../../tcp_proxy.ts";
import { NatsServers } from "../nats_servers.ts";
import { EngineView } from "./engine_view.ts";
import { KNOWS_PAIRS, PairNetwork } from "./pair_network.ts";
import { checkLedger } from "./ledger.ts";
import type { ClusterLoadOptions, LoadMessage } from "../../load_messages.ts";

/** What can be done to them. */
export const FAULTS = [
  "owner killed",
  "owner stopped",
  "owner closed",
  "engine leader killed",
  "engine server stopped",
  "all engine servers killed",
  "owner cut off from engine",
  "owner cut off from processes",
  "owner cut off from one server",
  "owner cut off from one process",
  "two owners cut off from each other",
  "answers of an owner held back from one process",
  "two at once",
] as const;

/** One of them. */
export type Fault = (typeof FAULTS)[number];

/** What is between one process and one node. */
const PAIR_FAULTS: ReadonlySet<Fault> = new Set([
  "owner cut off from one process",
  "two owners cut off from each other",
  "answers of an owner held back from one process",
]);
/** What this system can do. */
const POSSIBLE = FAULTS.filter((fault) => KNOWS_PAIRS || !PAIR_FAULTS.has(fault));

/** What is done. */
export interface ClusterChaosOptions {
  readonly random: Random;
  /** How long faults go on. */
  readonly ms: number;
  readonly runtimes: readonly Runtime[];
  /** Processes at one time. */
  readonly processes: number;
  /** The faults that are drawn. @default all that this system can do */
  readonly faults?: readonly Fault[];
  /** Called before each fault, and when it is over. */
  readonly onFault?: (tally: ClusterChaosTally, fault: Fault | undefined) => void;
}

/** What has happened. */
export interface ClusterChaosTally {
  readonly faults: Record<Fault, number>;
  /** Operations that were answered and checked. */
  answered: number;
  /** Registers whose history was checked. */
  histories: number;
  /** Processes that were told of an operation that it may or may not have been done. */
  readonly gone: string[];
  readonly wrong: string[];
  /**
   * Times without an answer after each fault, in milliseconds: the longest one of all processes
   * that were there.
   */
  readonly gapsMs: Map<Fault, number[]>;
}

const NAME = "chaos";
const LEASE_MS = 1000;
const CHILD_MS_MAX = 24 * 3_600_000;
const END_MS_MAX = 60_000;
/**
 * After a fault all processes have to get answers again within this time; elections of the engine
 * take long.
 */
const CALM_MS_MAX = 60_000;

interface Member {
  readonly id: number;
  readonly runtime: Runtime;
  readonly child: Child;
  /** Between the process and each server. */
  readonly toEngine: readonly TcpProxy[];
  /** Between its node and who is not one of the processes. */
  readonly toNode: TcpProxy;
}

interface Done {
  readonly fault: Fault;
  readonly fromMs: number;
  toMs: number;
}

/** Runs the processes, and checks what they leave. */
export async function runClusterChaos(options: ClusterChaosOptions): Promise<ClusterChaosTally> {
  const servers = await NatsServers.start(3, { isHidden: true });
  const chaos = new Chaos(servers, options);
  try {
    return await chaos.run();
  } finally {
    await chaos.stop();
    await servers.stop();
  }
}

class Chaos {
  readonly #servers: NatsServers;
  readonly #engine: EngineView;
  readonly #options: ClusterChaosOptions;
  readonly #members: Member[] = [];
  readonly #proxies: TcpProxy[] = [];
  readonly #network = new PairNetwork();
  readonly #done: Done[] = [];
  readonly #tally: ClusterChaosTally;
  #live: Member[] = [];
  /** A store that sees who is a member; it goes to the servers directly. */
  #observer: Store<number> | undefined;

  constructor(servers: NatsServers, options: ClusterChaosOptions) {
    this.#servers = servers;
    this.#engine = new EngineView(servers.urls, NAME);
    this.#options = options;
    this.#tally = {
      faults: Object.fromEntries(FAULTS.map((fault) => [fault, 0])) as Record<Fault, number>,
      answered: 0,
      histories: 0,
      gone: [],
      wrong: [],
      gapsMs: new Map(),
    };
  }

  async run(): Promise<ClusterChaosTally> {
    const { processes, random, ms, onFault, faults = POSSIBLE } = this.#options;
    const startMs = Date.now();
    for (let i = 0; i < processes; i++) await this.#start();
    const { urls } = this.#servers;
    this.#observer = await open<number>({ cluster: { servers: urls, name: NAME, node: false } });
    await this.#calm();
    while (Date.now() - startMs < ms && !this.#isWrong()) {
      const fault = random.pick(faults);
      onFault?.(this.#tally, fault);
      const done: Done = { fault, fromMs: Date.now(), toMs: 0 };
      this.#done.push(done);
      await this.#disturb(fault);
      while (this.#live.length < processes) await this.#start();
      await this.#calm();
      done.toMs = Date.now();
      this.#tally.faults[fault] += 1;
      onFault?.(this.#tally, undefined);
    }
    for (const { child } of this.#live) child.tell("end");
    await Promise.all(this.#live.map((member) => this.#end(member)));
    await this.#check();
    return this.#tally;
  }

  /** Ends what is left. */
  async stop(): Promise<void> {
    await this.#observer?.close();
    for (const { child } of this.#members) child.kill();
    await Promise.all(this.#members.map(({ child }) => child.ended()));
    for (const proxy of this.#proxies) proxy.close();
    this.#network.close();
    await this.#engine.close();
  }

  async #proxy(target: number): Promise<TcpProxy> {
    const proxy = await TcpProxy.start(target);
    this.#proxies.push(proxy);
    return proxy;
  }

  async #start(): Promise<void> {
    const { runtimes } = this.#options;
    const id = this.#members.length;
    const runtime = runtimes[id % runtimes.length]!;
    const ports = this.#servers.urls.map((url) => Number(new URL(url).port));
    const toEngine = await Promise.all(ports.map((port) => this.#proxy(port)));
    // Where the node is going to listen: the proxy has to be known before it.
    const own = await this.#proxy(0);
    const [port] = await freePorts(1);
    own.target = port!;
    const cluster: ClusterOptions = {
      servers: toEngine.map((proxy) => `127.0.0.1:${proxy.port}`),
      name: NAME,
      leaseMs: LEASE_MS,
      port,
      // What is cut is TCP.
      near: false,
      advertise: `127.0.0.1:${own.port}`,
    };
    await this.#network.join({ id, advertisedPort: own.port, port });
    const host = this.#network.hostOf(id);
    const args = { cluster, id, host } satisfies ClusterLoadOptions;
    const child = new Child("cluster_load", args, runtime, CHILD_MS_MAX, true);
    const member = { id, runtime, child, toEngine, toNode: own };
    this.#members.push(member);
    const first = await child.message(0) as LoadMessage | undefined;
    if (first?.kind !== "open") {
      const { output } = await child.ended();
      throw new Error(`process ${id} on ${runtime} did not open: ${output}`);
    }
    this.#live.push(member);
  }

  async #disturb(fault: Fault): Promise<void> {
    const { random } = this.#options;
    const member = random.pick(this.#live);
    switch (fault) {
      case "owner killed":
        return await this.#kill(member);
      case "owner closed":
        this.#leave(member);
        member.child.tell("end");
        return await this.#end(member);
      case "owner stopped":
        return await stopped(member.child.pid, random.between(200, 3 * LEASE_MS));
      case "engine leader killed":
        return await this.#restart([await this.#leader()], random.between(0, 3000));
      case "engine server stopped":
        return await stopped(
          this.#servers.servers[await this.#leader()]!.pid,
          random.between(500, 5000),
        );
      case "all engine servers killed":
        return await this.#restart([0, 1, 2], random.between(0, 2000));
      case "owner cut off from engine":
        return await this.#cutOff(member.toEngine);
      case "owner cut off from processes":
        return await this.#cutOff([member.toNode, ...this.#pairs(this.#live, [member])]);
      case "owner cut off from one server":
        return await this.#cutOff([random.pick(member.toEngine)]);
      case "owner cut off from one process":
        return await this.#cutOff(this.#pairs([this.#other(member)], [member]));
      case "two owners cut off from each other": {
        const other = this.#other(member);
        const ways = [...this.#pairs([member], [other]), ...this.#pairs([other], [member])];
        return await this.#cutOff(ways);
      }
      case "answers of an owner held back from one process":
        return await this.#cutOff(this.#pairs([this.#other(member)], [member]), "answers");
      case "two at once": {
        const single = POSSIBLE.slice(0, -1);
        const [first, second] = [random.pick(single), random.pick(single)];
        await Promise.all([this.#disturb(first), sleep(200).then(() => this.#disturb(second))]);
      }
    }
  }

  #leave(member: Member): void {
    // Later on: until it has ended, it is as it was.
    void member.child.ended().then(() => this.#network.leave(member.id));
    this.#live = this.#live.filter((other) => other !== member);
  }

  /** One of the others, or the same one if there is none. */
  #other(member: Member): Member {
    const others = this.#live.filter((other) => other !== member);
    return others.length === 0 ? member : this.#options.random.pick(others);
  }

  /** What is between processes and nodes of others. */
  #pairs(from: readonly Member[], to: readonly Member[]): TcpProxy[] {
    return from.flatMap((one) => to.map((other) => this.#network.between(one.id, other.id)))
      .filter((proxy) => proxy !== undefined);
  }

  async #kill(member: Member): Promise<void> {
    this.#leave(member);
    member.child.kill();
    await member.child.ended();
  }

  /** The server that leads the control stream, or a log, or any. */
  async #leader(): Promise<number> {
    const { random } = this.#options;
    const name = await this.#engine.leader(random.pick(["control", "log-0", "log-1", "log-2"]));
    return name === undefined ? random.below(3) : Number(name.replace("server-", ""));
  }

  /** Kills servers, but those that another fault has killed, and starts them again. */
  async #restart(indexes: readonly number[], afterMs: number): Promise<void> {
    const killed = indexes.filter((index) => this.#servers.isRunning(index));
    for (const index of killed) this.#servers.kill(index);
    await sleep(afterMs);
    await Promise.all(killed.map((index) => this.#servers.restart(index)));
  }

  async #cutOff(proxies: readonly TcpProxy[], bytes: HeldBytes = "all"): Promise<void> {
    const { random } = this.#options;
    for (const proxy of proxies) proxy.hold(bytes);
    await sleep(random.between(200, 3 * LEASE_MS));
    // What was held back comes late, or never.
    if (random.below(2) === 0) { for (const proxy of proxies) proxy.cut(); }
    for (const proxy of proxies) proxy.release();
  }

  /** Whether each process is a node that owns slots, and all slots have owners. */
  #isShared(): boolean {
    const { nodes, unownedSlots } = this.#observer!.stats().cluster!;
    const owners = nodes.filter(({ slots, address }) => slots > 0 && address !== undefined);
    return unownedSlots === 0 && owners.length === this.#live.length;
  }

  /** Waits until all processes that are there go on, as nodes and as those who ask. */
  async #calm(): Promise<void> {
    const { random } = this.#options;
    const before = new Map(this.#live.map(({ id, child }) => [id, roundsOf(child)]));
    const goesOn = ({ id, child }: Member) => roundsOf(child) > before.get(id)! + 1;
    for (let waitedMs = 0; waitedMs < CALM_MS_MAX; waitedMs += 20) {
      this.#collectGone();
      if (this.#live.every(goesOn) && this.#isShared()) return await sleep(random.between(0, 500));
      await sleep(20);
    }
    const stuck = this.#live.filter((member) => !goesOn(member)).map(({ id, runtime }) =>
      `process ${id} on ${runtime} gets no answer for ${CALM_MS_MAX} ms after ${
        this.#done.at(-1)?.fault
      }`
    );
    this.#tally.wrong.push(...stuck);
    if (this.#isShared()) return;
    const { nodes } = this.#observer!.stats().cluster!;
    const streams = ["control", ...nodes.flatMap(({ node }) => [`log-${node}`, `index-${node}`])];
    const leaders = await Promise.all(
      streams.map(async (stream) => `${stream} ${await this.#engine.leader(stream)}`),
    );
    this.#tally.wrong.push(
      `after ${this.#done.at(-1)?.fault} not all are nodes: ${JSON.stringify(nodes)}; ` +
        `leaders: ${leaders.join(", ")}`,
    );
  }

  /** Those that have ended by themselves. */
  #collectGone(): void {
    for (const member of this.#live) {
      const { messages } = member.child;
      const gone = messages.findLast((message) => (message as LoadMessage).kind === "gone");
      if (gone === undefined) continue;
      this.#tally.gone.push((gone as { what: string }).what);
      this.#leave(member);
    }
  }

  #isWrong(): boolean {
    const isWrong = (message: unknown) => (message as LoadMessage).kind === "wrong";
    return this.#tally.wrong.length > 0 ||
      this.#live.some(({ child }) => child.messages.slice(-50).some(isWrong));
  }

  async #end({ id, runtime, child }: Member): Promise<void> {
    const isOver = await Promise.race([
      child.ended().then(() => true),
      sleep(END_MS_MAX, false, { ref: false }),
    ]);
    if (!isOver) child.kill();
    const { messages, output } = await child.ended();
    if ((messages.at(-1) as LoadMessage | undefined)?.kind === "closed") return;
    this.#tally.wrong.push(`process ${id} on ${runtime} did not end: ${output.slice(0, 2000)}`);
  }

  async #check(): Promise<void> {
    const { urls: servers } = this.#servers;
    await this.#observer!.close();
    const store = await open<number>({ cluster: { servers, name: NAME } });
    const witnesses = this.#members.map(({ id, child }) => ({
      id,
      messages: child.messages as LoadMessage[],
    }));
    this.#tally.wrong.push(...await checkLedger(witnesses, store, this.#tally));
    await store.close();
    for (const { fault, fromMs, toMs } of this.#done) {
      const gaps = witnesses.flatMap(({ messages }) => messages)
        .filter((message) => message.kind === "gap")
        .filter((gap) => gap.toMs >= fromMs && gap.fromMs <= toMs)
        .map((gap) => Math.min(gap.toMs, toMs) - Math.max(gap.fromMs, fromMs));
      const known = this.#tally.gapsMs.get(fault) ?? [];
      this.#tally.gapsMs.set(fault, [...known, Math.max(0, ...gaps)]);
    }
  }
}

function roundsOf({ messages }: Child): number {
  const last = messages.findLast((message) => (message as LoadMessage).kind === "put");
  return (last as { round: number } | undefined)?.round ?? -1;
}

async function stopped(pid: number, ms: number): Promise<void> {
  signal(pid, "SIGSTOP");
  await sleep(ms);
  signal(pid, "SIGCONT");
}

/** It may have ended by something else. */
function signal(pid: number, name: "SIGSTOP" | "SIGCONT"): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as { code?: string }).code !== "ESRCH") throw error;
  }
}
