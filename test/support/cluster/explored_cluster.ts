/**
 * Two nodes of a cluster and a client, between which everything that may happen is a step that is
 * chosen from outside: so all interleavings can be explored (explorer.ts).
 *
 * What may happen at any time: an append is stored, or answered, or times out, and may be stored
 * after that; a node reads the next message of a stream; the client sends what has no answer by
 * what one of the nodes knows, or gives up a connection by which it may still come; a node gives
 * the slot to the other one; a node is killed; time passes, for both nodes, or for one more than
 * for the other one as far as the margin of leases allows; and a node notices that. A node to which
 * nothing happens for a while is one that is suspended.
 *
 * A node does at once what it can do after each of these, as its timers would have it do some
 * milliseconds later.
 *
 * Names of states: what a node is follows from what has reached it, in its order, and from its
 * clock. So two states are the same if that is the same for both nodes, and what is stored or on
 * its way is. Steps of different nodes that have nothing to do with each other come to the same
 * state in both orders.
 *
 * @module
 */
import { decode, encode, type Move } from "../../../lib/cluster/control/command.ts";
import { CONTROL_STREAM } from "../../../lib/cluster/control/control_log.ts";
import { ControlState } from "../../../lib/cluster/control/control_state.ts";
import type { LogMessage } from "../../../lib/cluster/engine/log_engine.ts";
import type { ClusterClock } from "../../../lib/cluster/node/cluster_clock.ts";
import { ClusterNode } from "../../../lib/cluster/node/cluster_node.ts";
import type { LeaseTimes } from "../../../lib/cluster/node/lease.ts";
import { SLOT_COUNT } from "../../../lib/core/limits.ts";
import { type ExploredWorld, sumOf } from "../explorer.ts";
import { HASH_KEY, slotOfKey } from "./cluster_requests.ts";
import { type ClientScript, ExploredClient } from "./explored_client.ts";
import { ExploredEngine } from "./explored_engine.ts";

/** What is explored. */
export interface ClusterBounds extends ClientScript {
  /** How often time passes: two of these are a lease. */
  readonly ticks: number;
  /** Whether the clocks of the nodes go at different rates. */
  readonly isSkewed: boolean;
  /** Whether both clocks of node 0 stand still, which nothing is promised for. */
  readonly isFrozen?: boolean;
  /** How many appends time out. */
  readonly expiries: number;
  /** How often the slot is given to the other node by its owner. */
  readonly moves: number;
  readonly kills: number;
  /** How often leases are renewed, but that of the node that is never behind. */
  readonly renewals: number;
  /** How often a node whose lease was ended may have another one. */
  readonly lives: number;
  /**
   * A node that is never behind: it notices at once that time has passed, its commands are stored
   * at once, and it reads at once what is in the control stream. -1: none.
   */
  readonly prompt: number;
  /** Whether commands of other nodes are stored at any time, and not at once. */
  readonly lateCommands: boolean;
}

const TICK_MS = 1500;
const LEASE_MS = 2 * TICK_MS;
/**
 * Of the lease: of clocks that go alike, and of those of which one may tick once more than the
 * other one.
 */
const MARGIN_MS = LEASE_MS / 10;
const SKEWED_MARGIN_MS = TICK_MS;
/** After so long a node serves the slot, if nothing goes wrong any more. */
const LEASES_MAX = 8;
/** Who begins with a state begins its second life. */
const FIRST_LIFE = 2;
const NODES = [0, 1];
const KEY = "key";
const SLOT = slotOfKey(KEY);
const NO_BYTES = new Uint8Array(0);

/**
 * Clocks that move when they are told to, and timers that are all due when the node is looked
 * after.
 */
class ExploredClock implements ClusterClock {
  ticks = 0;
  /** When the node was looked after last. */
  noticed = 0;
  #tasks = new Set<() => void>();

  monotonicMs(): number {
    return 1000 + this.ticks * TICK_MS;
  }

  epochMs(): number {
    return 1e12 + this.ticks * TICK_MS;
  }

  after(_ms: number, task: () => void): { stop(): void } {
    const own = () => task();
    this.#tasks.add(own);
    return { stop: () => void this.#tasks.delete(own) };
  }

  runTimers(): void {
    this.noticed = this.ticks;
    for (const task of [...this.#tasks]) if (this.#tasks.delete(task)) task();
  }
}

interface Process {
  readonly clock: ExploredClock;
  readonly node: ClusterNode;
  /** Of all that has reached it. */
  history: number;
  isDead: boolean;
  /**
   * Whether it has lost its lease, and gets no other one: it owns nothing any more, whatever
   * reaches it.
   */
  isOut: boolean;
}

/** The cluster. */
export class ExploredCluster implements ExploredWorld {
  readonly #bounds: ClusterBounds;
  readonly #engine: ExploredEngine;
  readonly #client: ExploredClient;
  readonly #processes: Process[] = [];
  #isBegun = false;
  #renewals = 0;
  #ticks = 0;
  /** The node whose clock has moved last, if they do not move together. */
  #ticked = -1;
  #expiries = 0;
  #moves = 0;
  #kills = 0;
  /** How many answers have been looked at. */
  #checked = 0;

  constructor(bounds: ClusterBounds) {
    this.#bounds = bounds;
    const input = (node: number, name: string, act: () => void) => this.#reach(node, name, act);
    const isBarred = (stream: string, body: Uint8Array) => this.#isBarred(stream, body);
    this.#engine = new ExploredEngine(input, isBarred);
    this.#engine.begin(CONTROL_STREAM, BEGINNING);
    for (const number of NODES) this.#processes.push(this.#makeProcess(number));
    for (const { node } of this.#processes) node.start();
    this.#settleDown();
    this.#isBegun = true;
    const nodeOf = (number: number) => {
      const process = this.#processes[number];
      return process?.isDead === false ? process.node : undefined;
    };
    this.#client = new ExploredClient(bounds, KEY, SLOT, nodeOf, input);
  }

  /** How many requests were answered. */
  get answered(): number {
    return this.#client.answered;
  }

  get state(): string {
    return JSON.stringify([
      this.#processes.map(({ clock, history, isDead, isOut }) =>
        isDead ? 0 : isOut ? 1 : [history, clock.ticks, clock.noticed]
      ),
      this.#engine.state(),
      this.#client.state(),
      [this.#ticks, this.#ticked, this.#expiries, this.#moves, this.#kills],
    ]);
  }

  steps(): string[] {
    const { ticks, expiries, moves, kills, isSkewed } = this.#bounds;
    const isOut = (node: number) => this.#processes[node]!.isDead || this.#processes[node]!.isOut;
    const steps = [
      ...this.#client.steps(),
      ...this.#engine.steps(this.#expiries < expiries, isOut),
    ];
    if (!isSkewed && this.#ticks < ticks) steps.push("tick");
    for (const [number, { clock, node }] of this.#processes.entries()) {
      // One that is out does not hold up the other one's clock.
      const mayTick = this.#ticked !== number || isOut(1 - number);
      if (isOut(number)) continue;
      if (isSkewed && mayTick && this.#ticks < ticks) steps.push(`tick ${number}`);
      if (clock.noticed !== clock.ticks) steps.push(`notice ${number}`);
      if (this.#moves < moves && this.#serves(node)) steps.push(`move ${number}`);
      if (this.#kills < kills) steps.push(`kill ${number}`);
    }
    return steps;
  }

  step(step: string): void {
    let next: string | undefined = step;
    for (; next !== undefined; next = this.#promptStep()) this.#do(next);
  }

  /** What happens at once. */
  #promptStep(): string | undefined {
    const { prompt, lateCommands } = this.#bounds;
    const process = this.#processes[prompt];
    if (process?.isDead === false) {
      if (process.clock.noticed !== process.clock.ticks) return `notice ${prompt}`;
      const next = this.#engine.commandStep(prompt) ?? this.#engine.readStep(prompt);
      if (next !== undefined) return next;
    }
    return lateCommands ? undefined : this.#engine.commandStep(undefined);
  }

  /** When some more time has passed a node serves the slot, with what was acknowledged. */
  checkEnd(): void {
    if (this.#processes.every(({ isDead }) => isDead)) return;
    // Leases may be renewed from now on, and nodes have other ones.
    this.#isBegun = false;
    const owner = this.#awaitOwner();
    if (owner === undefined) throw new Error("I14: no node serves the slot");
    this.#client.readLast(owner);
    const violation = this.#client.violation();
    if (violation !== undefined) throw new Error(violation);
  }

  #awaitOwner(): ClusterNode | undefined {
    for (let i = 0; i < LEASES_MAX * 2; i++) {
      this.#settleDown();
      const owner = this.#processes.find(({ node, isDead }) => !isDead && this.#serves(node));
      if (owner !== undefined) return owner.node;
      this.#tick("");
      for (const number of NODES) this.#reach(number, "notice", () => {});
    }
    return undefined;
  }

  #do(step: string): void {
    const [verb, name = ""] = step.split(" ");
    switch (verb) {
      case "tick":
        this.#tick(name);
        break;
      case "notice":
        this.#reach(Number(name), "notice", () => {});
        break;
      case "move":
        this.#moves += 1;
        this.#move(Number(name));
        break;
      case "kill":
        this.#kills += 1;
        this.#kill(Number(name));
        break;
      case "expire":
        this.#expiries += 1;
        this.#engine.step(verb, name);
        break;
      case "send":
      case "cut":
      case "hear":
        this.#client.step(verb, name);
        break;
      default:
        this.#engine.step(verb!, name);
    }
    this.#check();
  }

  /** What must hold in every state. */
  #check(): void {
    const serving = this.#processes.filter(({ node, isDead }) => !isDead && this.#serves(node));
    if (serving.length > 1) throw new Error("I1: two nodes serve the slot at one time");
    for (const { node } of this.#processes) if (node.failure !== undefined) throw node.failure;
    if (this.#client.answered === this.#checked) return;
    this.#checked = this.#client.answered;
    const violation = this.#client.violation();
    if (violation !== undefined) throw new Error(violation);
  }

  /** Whether an append is one renewal too many. */
  #isBarred(stream: string, body: Uint8Array): boolean {
    if (stream !== CONTROL_STREAM || !this.#isBegun) return false;
    const command = decode(body);
    const { lives, renewals, prompt } = this.#bounds;
    if (command.kind !== "renew" || command.node === prompt) return false;
    if (lifeNumber(command.holder) > lives) {
      this.#processes[command.node]!.isOut = true;
      return true;
    }
    this.#renewals += 1;
    return this.#renewals > renewals;
  }

  /** Whether a node would answer a read of the slot now. */
  #serves(node: ClusterNode): boolean {
    let isServed = false;
    const request = { slots: [SLOT], after: undefined, prefix: NO_BYTES, bytesMax: 1 };
    node.page(request, ({ isRefused }) => isServed = !isRefused);
    return isServed;
  }

  /** Something reaches a node, which does what it can do then. */
  #reach(number: number, name: string, act: () => void): void {
    const process = this.#processes[number]!;
    if (process.isDead) return;
    const { clock } = process;
    process.history = sumOf(`${process.history} ${clock.ticks} ${name}`);
    act();
    clock.runTimers();
  }

  #tick(name: string): void {
    this.#ticks += 1;
    if (name !== "") this.#ticked = Number(name);
    for (const [number, { clock }] of this.#processes.entries()) {
      if (number === 0 && this.#bounds.isFrozen) continue;
      if (name === "" || number === Number(name)) clock.ticks += 1;
    }
  }

  #move(number: number): void {
    const { node } = this.#processes[number]!;
    this.#reach(number, "move", () => node.handOver([[SLOT, 1 - number]]));
  }

  #kill(number: number): void {
    const process = this.#processes[number]!;
    process.node.stop();
    process.isDead = true;
    this.#engine.forget(number);
    this.#client.forget(number);
  }

  #makeProcess(number: number): Process {
    const clock = new ExploredClock();
    let lives = 0;
    const times: LeaseTimes = {
      leaseMs: LEASE_MS,
      marginMs: this.#bounds.isSkewed ? SKEWED_MARGIN_MS : MARGIN_MS,
    };
    const node = new ClusterNode({
      engine: this.#engine.connect(number, clock),
      clock,
      times,
      node: number,
      hashKey: HASH_KEY,
      nameLife: () => lifeOf(number, ++lives),
    });
    return { clock, node, history: 0, isDead: false, isOut: false };
  }

  /** Runs until both nodes have their terms. */
  #settleDown(): void {
    for (;;) {
      const next = this.#engine.steps(false, (node) => this.#processes[node]!.isDead)[0];
      if (next === undefined) return;
      const [verb, name = ""] = next.split(" ");
      this.#engine.step(verb!, name);
    }
  }
}

/**
 * Has node 0 own the slot of the key, and node 1 all others: as a state that stands in the control
 * stream.
 */
function makeBeginning(): LogMessage {
  const state = new ControlState();
  for (const node of NODES) {
    state.apply(node + 1, {
      kind: "renew",
      node,
      holder: lifeOf(node, FIRST_LIFE),
      number: 0,
      follows: 0,
    });
  }
  const moves = Array.from(
    { length: SLOT_COUNT },
    (_, slot): Move => [slot, slot === SLOT ? 0 : 1],
  );
  const assign = {
    kind: "assign",
    node: 0,
    holder: lifeOf(0, FIRST_LIFE),
    follows: 0,
    moves,
  } as const;
  state.apply(3, { ...assign, barriers: [], fenced: [] });
  const body = encode({ kind: "state", at: 3, state: state.picture() });
  return { sequence: 4, subject: "state", body };
}

function lifeOf(node: number, life: number): string {
  return `life ${life} of ${node}`;
}

/** How many lives there were before, of those that are explored. */
function lifeNumber(holder: string): number {
  return Number(holder.split(" ")[1]) - FIRST_LIFE;
}

const BEGINNING = makeBeginning();
