/**
 * What a process does in a cluster: it follows the control stream, agrees on the settings, and, if
 * it is to be a node, owns slots and takes requests of application threads.
 *
 * @module
 */
import type { Server } from "node:net";
import type { NatsAccess, TlsIdentity } from "../../core/cluster_identity.ts";
import { NodeFailedError, UnavailableError } from "../../core/errors.ts";
import { KEY_TYPE_NUMBERS, type KeyTypes } from "../../core/key_types.ts";
import { NODE_ID_COUNT } from "../../core/limits.ts";
import {
  monotonicMs,
  runMicrotask,
  sleep,
  startTimer,
  type Timer,
} from "../../platform/runtime.ts";
import type { ClusterNodeStats, NodeFigures, NodeLoads } from "../../core/cluster_figures.ts";
import { NONE_REFUSED, type OwnerView, type RefusedConnections } from "../client/owner_view.ts";
import { type Command, encode, messageBytesIn, type Settings } from "../control/command.ts";
import { ControlLog } from "../control/control_log.ts";
import type { ControlState } from "../control/control_state.ts";
import type { ServedEngine } from "../engine/jetstream.ts";
import { limitsOf } from "../messages/message_limits.ts";
import type { ByteStream } from "../network/byte_stream.ts";
import { assertIdentity } from "../network/cluster_tls.ts";
import { nearPlaceOf } from "../network/near_place.ts";
import { parseAddress } from "../network/node_address.ts";
import { addressOf, NodeServer } from "../network/node_server.ts";
import { RUNTIME_CLOCK } from "../node/cluster_clock.ts";
import type { IndexOptions } from "../index/index_keeper.ts";
import { ClusterNode } from "../node/cluster_node.ts";
import { COPIES } from "../node/key_meter.ts";
import type { LeaseTimes } from "../node/lease.ts";
import { BALANCE } from "../node/load_plan.ts";
import { LEAVE_MS_MAX } from "../node/slot_sharing.ts";
import { makeShared, ringBytesFor } from "../shared/shared_layout.ts";
import { SharedValues } from "../shared/shared_values.ts";
import { connectEngine, listenForThreads } from "./agent_places.ts";
import { assertAgreed, LEASE_MS_DEFAULT, propose, settingsFor } from "./agreement.ts";
import { answerCalls } from "./called_node.ts";
import { assertTrusted, assertTrustworthy } from "./mutual_trust.ts";
import { NodeExecutor } from "./node_executor.ts";
import { NodeWatches } from "./node_watches.ts";
import { OwnerNews } from "./owner_news.ts";

/** What an agent is started with; structured-cloneable. */
export interface AgentOptions {
  readonly servers: readonly string[];
  readonly name: string;
  readonly replicas: number;
  readonly leaseMs: number | undefined;
  /** Of the node, for values and addresses. */
  readonly cacheBytes: number;
  /** Whether the node gives slots to others when it has more to do than they have. */
  readonly balance: boolean;
  /** Whether the node lends copies of keys that are read very often. */
  readonly copies: boolean;
  /** Whether processes of this machine and user may reach the node by a UNIX socket. */
  readonly near: boolean;
  /** For tests: when the node writes its index and cleans. */
  readonly index?: Partial<IndexOptions>;
  /** For tests. @default JOIN_MS_MAX */
  readonly joinMs?: number;
  /** Number of the node, or true for any that is free; false: only requests are sent. */
  readonly node: number | boolean;
  readonly host: string;
  /** 0 for any. */
  readonly port: number;
  /** Host, or host and port, at which others reach the node, if it is not where it listens. */
  readonly advertise: string | undefined;
  readonly secret: string | undefined;
  readonly tls: TlsIdentity | undefined;
  readonly nats: NatsAccess;
  readonly keys: KeyTypes;
  readonly codec: string;
}

/** What all users of a cluster have alike, when it is known. */
export interface ClusterFacts {
  readonly settings: Settings;
  /** Bytes of a message, at most. */
  readonly messageBytes: number;
  readonly view: OwnerView;
  /** Number of the node of this process; undefined if it has none. */
  readonly node: number | undefined;
  /** Where it takes connections. */
  readonly address: string | undefined;
  /** Values that it shares with the thread that has started this one; undefined: none. */
  readonly shared: SharedArrayBuffer | undefined;
}

/** Whom an agent tells. */
export interface AgentEars {
  /** Who owns what has changed. */
  onView(view: OwnerView): void;
  /** What the node has done, if there is one, and what all nodes have to do. */
  onFigures(figures: ClusterNodeStats | undefined, loads: NodeLoads): void;
  /** Called once: what was read cannot be right, and nothing more is done. */
  onFailure(error: unknown): void;
}

/** A node that no cluster has: who only follows the control stream. */
const NOBODY = -1;
/** The margin of a lease is so much of it: what the rates of two clocks may differ by. */
const MARGIN_SHARE = 0.1;
/**
 * How long is waited for settings, and for a node's first lease. The lease of an earlier life of
 * the node has to end before, which is waited for beside that.
 */
export const JOIN_MS_MAX = 30_000;
/** Why nothing comes of what is asked of the servers. */
const SERVERS_ARE_AWAY =
  "the servers must have JetStream enabled, and as many of them must run as keep a stream";
/** How often is looked for what is waited for. */
const LOOK_MS = 10;
/** What nobody waits for is told after so many milliseconds: many commands come at a time. */
const VIEW_MS = 5;
/** Figures are told so often, if they have changed. */
const FIGURES_MS = 500;
/** How long a node that has given its slots away waits for its lease to end. */
const RESIGN_MS_MAX = 2000;

/** The agent of a process. */
export class ClusterAgent {
  readonly #options: AgentOptions;
  readonly #engine: ServedEngine;
  readonly #control: ControlLog;
  readonly #news: OwnerNews;
  readonly #tell: AgentEars;
  /** Names of the lives of this process's nodes. */
  readonly #lives = new Set<string>();
  #node: ClusterNode | undefined;
  #number: number | undefined;
  #address: string | undefined;
  #shared: SharedArrayBuffer | undefined;
  #server: NodeServer | undefined;
  #failure: unknown;
  #refused: RefusedConnections = NONE_REFUSED;
  #toldFigures = "";
  #timer: Timer | undefined;
  #figuresTimer: Timer | undefined;

  private constructor(options: AgentOptions, engine: ServedEngine, tell: AgentEars) {
    this.#options = options;
    this.#engine = engine;
    this.#tell = tell;
    this.#control = new ControlLog({
      engine,
      clock: RUNTIME_CLOCK,
      // Of the leases of others it only looks whether they are held.
      times: timesOf(LEASE_MS_DEFAULT),
      node: NOBODY,
      nameLife: () => "",
      changed: (command) => this.#changed(command),
      lost: () => {},
      loaded: () => this.#changed(),
      failed: (error) => this.#fail(error),
    });
    this.#news = new OwnerNews(this.#control.state);
  }

  /**
   * Joins a cluster, or makes it.
   *
   * @param tell is told who owns what, and what its node does, when it has changed
   * @throws {UnavailableError} when the servers cannot be reached
   * @throws {InvalidOptionError} when the cluster has other settings
   */
  static async start(
    options: AgentOptions,
    tell: AgentEars,
  ): Promise<{ readonly agent: ClusterAgent; readonly facts: ClusterFacts }> {
    if (options.tls !== undefined) assertIdentity(options.tls);
    const agent = new ClusterAgent(options, await connectEngine(options), tell);
    try {
      const settings = await agent.#agree();
      const messageBytes = messageBytesIn(settings)!;
      await assertTrusted(agent.#view().addresses, options);
      if (options.node !== false) await agent.#join(settings, options.node);
      const view = agent.#view();
      agent.#tellFigures();
      const own = { node: agent.#number, address: agent.#address, shared: agent.#shared };
      return { agent, facts: { settings, messageBytes, view, ...own } };
    } catch (error) {
      await agent.close();
      throw error;
    }
  }

  /** Takes a connection of the thread that has started this one. */
  take(stream: ByteStream): void {
    if (this.#server === undefined) stream.destroy();
    else this.#server.take(stream, true);
  }

  /** Gives the node's slots to others, leaves the cluster, and ends all connections. */
  async close(): Promise<void> {
    if (this.#node !== undefined) await this.#leave(this.#node);
    this.#timer?.stop();
    this.#figuresTimer?.stop();
    this.#control.stop();
    await this.#engine.close();
  }

  /**
   * Proposes settings, and waits until it has read what counts. The proposal of a process that is
   * not the first one does not count, but where it stands says how far is to be read.
   *
   * @throws {InvalidOptionError} when those are others, or the servers take too short messages
   */
  async #agree(): Promise<Settings> {
    const { state } = this.#control;
    const { payloadBytesMax } = this.#engine;
    let readTo = Infinity;
    const proposal = encode(settingsFor(this.#options, payloadBytesMax));
    const msMax = this.#joinMs;
    void propose(this.#engine, proposal, msMax).then((sequence) => readTo = sequence);
    const isRead = () => state.sequence >= readTo;
    if (!await this.#comes(isRead, msMax)) {
      throw this.#late("the settings of the cluster must be read", msMax, SERVERS_ARE_AWAY);
    }
    const settings = state.settings!;
    assertAgreed(settings, this.#options, payloadBytesMax);
    return settings;
  }

  async #join(settings: Settings, wanted: number | true): Promise<void> {
    const { host, port, tls } = this.#options;
    while (this.#node === undefined) {
      const listener = await listenForThreads(host, port, tls);
      try {
        const number = wanted === true ? this.#freeNumber() : wanted;
        await this.#tryNumber(settings, number, listener, wanted === true);
      } finally {
        if (this.#node === undefined) listener.close();
      }
    }
  }

  /** Becomes the node with a number; if it may be another one, not if another process has it. */
  async #tryNumber(
    settings: Settings,
    number: number,
    listener: Server,
    mayBeOther: boolean,
  ): Promise<void> {
    const { hashKey, keys } = settings;
    const { secret, tls, advertise } = this.#options;
    const address = addressOf(listener, advertise, tls !== undefined);
    const watches = new NodeWatches(hashKey);
    const node = this.#makeNode(settings, number, address, watches);
    const keyTypes = KEY_TYPE_NUMBERS[keys as KeyTypes];
    this.#server = NodeServer.serve(listener, {
      node: number,
      secret,
      tls,
      executor: new NodeExecutor(node),
      answer: answerCalls(node, watches, () => nodeFiguresOf(node)),
      rules: { hashKey, keyTypes },
      messageBytes: messageBytesIn(settings)!,
      onDistrust: (from, reason) => this.#onDistrust(from, reason),
    });
    try {
      await assertTrustworthy(number, address, listener, this.#options);
      const place = nearPlaceOf(hashKey, parseAddress(address));
      if (this.#options.near && place !== undefined) await this.#server.serveNear(place);
    } catch (error) {
      await this.#server.close();
      throw error;
    }
    node.start();
    const isTaken = () => mayBeOther && this.#isOthers(number);
    const msMax = this.#joinMs + settings.leaseMs;
    const hasCome = await this.#comes(() => node.isActive || isTaken(), msMax);
    if (!node.isActive) {
      node.stop();
      await this.#server.close();
      if (hasCome) return;
      const why = this.#isOthers(number)
        ? `another process has the lease of node ${number}`
        : SERVERS_ARE_AWAY;
      throw this.#late("a node must get its lease", msMax, why);
    }
    this.#node = node;
    this.#number = number;
    this.#address = address;
  }

  #tellFigures(): void {
    const figures = this.#node && figuresOf(this.#node);
    const loads = loadsOf(this.#control.state);
    const told = JSON.stringify([figures, ...loads]);
    if (told !== this.#toldFigures) this.#tell.onFigures(figures, loads);
    this.#toldFigures = told;
    const again = () => this.#tellFigures();
    this.#figuresTimer = startTimer(again, FIGURES_MS, { keepsAlive: false });
  }

  #makeNode(
    settings: Settings,
    number: number,
    address: string,
    watches: NodeWatches,
  ): ClusterNode {
    const { cacheBytes } = this.#options;
    const ringBytes = ringBytesFor(cacheBytes);
    const shared = this.#shared = ringBytes === 0 ? undefined : makeShared(ringBytes);
    const ownBytes = cacheBytes - (shared?.byteLength ?? 0);
    return new ClusterNode({
      engine: this.#engine,
      clock: RUNTIME_CLOCK,
      soon: runMicrotask,
      times: timesOf(settings.leaseMs),
      node: number,
      hashKey: settings.hashKey,
      limits: limitsOf(messageBytesIn(settings)!),
      nameLife: () => {
        const life = crypto.randomUUID();
        this.#lives.add(life);
        return life;
      },
      address,
      balance: this.#options.balance ? BALANCE : undefined,
      copies: this.#options.copies ? COPIES : undefined,
      shared: shared && new SharedValues(shared),
      index: { cacheBytes: ownBytes, ...this.#options.index },
      settled: () => this.#server?.resume(),
      written: (record) => watches.written(record),
      failed: (error) => this.#fail(error),
    });
  }

  /** The smallest number that no member has. */
  #freeNumber(): number {
    const members = new Set(this.#control.state.members());
    for (let number = 0; number < NODE_ID_COUNT; number++) if (!members.has(number)) return number;
    throw new UnavailableError(`a cluster must have at most ${NODE_ID_COUNT} nodes, got one more`);
  }

  /** Whether another process has been faster. */
  #isOthers(number: number): boolean {
    const holder = this.#control.state.leaseOf(number)?.holder;
    return holder !== undefined && !this.#lives.has(holder);
  }

  async #leave(node: ClusterNode): Promise<void> {
    node.leave();
    await looksUntil(() => node.hasLeft, LEAVE_MS_MAX + RESIGN_MS_MAX);
    await this.#server?.close();
    node.stop();
  }

  get #joinMs(): number {
    return this.#options.joinMs ?? JOIN_MS_MAX;
  }

  /** Looks again and again; returns whether it is so in time, and nothing has failed before. */
  async #comes(isSo: () => boolean, msMax: number): Promise<boolean> {
    await looksUntil(() => isSo() || this.#failure !== undefined, msMax);
    return isSo();
  }

  /** Something has not come in time: since this agent has failed, or for the reason given. */
  #late(rule: string, msMax: number, why: string): UnavailableError {
    const reason = this.#failure === undefined ? why : String(this.#failure);
    return new UnavailableError(`${rule} within ${msMax} ms: ${reason}`, { cause: this.#failure });
  }

  #view(): OwnerView {
    return this.#news.view(this.#refused);
  }

  #fail(error: unknown): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    this.#tell.onFailure(error);
  }

  #onDistrust(from: string, reason: string): void {
    this.#refused = { count: this.#refused.count + 1, last: `${from}: ${reason}` };
    this.#changed();
  }

  /** Fails when another process has become the node of this number, if this one may be another. */
  #checkNumber(): void {
    if (this.#number === undefined || this.#options.node !== true) return;
    if (!this.#isOthers(this.#number)) return;
    this.#fail(
      new NodeFailedError(
        `a node must renew its lease in time, but that of node ${this.#number} was over, and ` +
          "another process is the node of this number now",
      ),
    );
  }

  /** A command counts: tells what has changed; if nobody waits for it, with what comes soon. */
  #changed(command?: Command): void {
    if (command !== undefined) this.#news.note(command);
    this.#checkNumber();
    // Requests wait for it.
    if (command?.kind === "assign") return this.#tellView();
    this.#timer ??= startTimer(() => this.#tellView(), VIEW_MS, { keepsAlive: false });
  }

  #tellView(): void {
    this.#timer?.stop();
    this.#timer = undefined;
    const view = this.#news.take(this.#refused);
    if (view !== undefined) this.#tell.onView(view);
  }
}

/** Looks again and again, for so long at most. */
async function looksUntil(isSo: () => boolean, msMax: number): Promise<void> {
  const deadlineMs = monotonicMs() + msMax;
  while (!isSo() && monotonicMs() < deadlineMs) await sleep(LOOK_MS, { keepsAlive: true });
}

function figuresOf({ indexStats, copiedReads, sharedReads }: ClusterNode): ClusterNodeStats {
  const stats = indexStats!;
  const { shortcutHits, misses, absent, changes, roundTrips, cacheBytes } = stats;
  return {
    valueHits: stats.valueHits + sharedReads,
    shortcutHits,
    misses,
    absent,
    copiedReads,
    readRoundTrips: stats.shortcutRoundTrips + stats.missRoundTrips,
    changes,
    changeRoundTrips: stats.appends,
    roundTrips,
    cacheBytes,
    unmergedBytes: stats.tailBytes,
  };
}

function nodeFiguresOf(node: ClusterNode): NodeFigures {
  return { served: figuresOf(node), keys: node.keyCount, leaseLeftMs: node.leaseLeftMs };
}

/** What nodes have said in their last renewals. */
function loadsOf(state: ControlState): NodeLoads {
  return new Map([...state.loads].map(([node, [perSecond, map]]) => [node, { perSecond, map }]));
}

function timesOf(leaseMs: number): LeaseTimes {
  return { leaseMs, marginMs: Math.ceil(leaseMs * MARGIN_SHARE) };
}
