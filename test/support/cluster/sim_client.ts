/**
 * A client of a simulated cluster: one session, with a connection to each node that it needs. It
 * has several requests of a key on their way at one time, and sends again what was not answered, as
 * one that uses the store does (docs/protocols/cluster_requests.md).
 *
 * @module
 */
import {
  answerOf,
  type ClusterAnswer,
  type ClusterRequest,
  ClusterStatus,
  slotOf,
} from "../../../lib/cluster/node/requests.ts";
import type { ClusterNode } from "../../../lib/cluster/node/cluster_node.ts";
import { NO_OWNER } from "../../../lib/cluster/control/control_state.ts";
import type { Random } from "../random.ts";
import {
  addOf,
  compareAndSetOf,
  deleteOf,
  getOf,
  hasOf,
  putOf,
  touchOf,
} from "./cluster_requests.ts";
import { type Begun, type SimHistory, valueOf } from "./sim_history.ts";
import type { SimProcess, SimTime } from "./sim_processes.ts";

/** A client takes a connection for broken that has not answered for so long, one of these. */
const PATIENCE_MS = [700, 700, 4000, 8000];
const THINK_MS_MAX = 60;
/** Of simulated clients, by default: after so long a request is not sent again. */
export const SIM_RESEND_MS = 9000;

/** A node, and the connections that it has accepted, by session. */
export interface SimServer {
  readonly process: SimProcess;
  readonly node: ClusterNode;
  readonly links: Map<number, SimLink>;
}

/** What a client lives in. */
export interface SimClientWorld {
  readonly time: SimTime;
  readonly random: Random;
  readonly history: SimHistory;
  readonly keys: readonly string[];
  readonly servers: readonly SimServer[];
  /** No operation is begun after that. */
  readonly ms: number;
  /** After so long a request is not sent again. */
  readonly resendMs: number;
  /** Whether what is stored expires, some of it. */
  readonly expires: boolean;
  /** Bytes of the values of some puts, at most; 0: there are numbers only. */
  readonly largeBytes: number;
  /** Whether nodes share what some of the requests find. */
  readonly shares: boolean;
  delayMs(): number;
}

/** A connection: what is sent comes in its order, if it comes, maybe after its sender has gone. */
export class SimLink {
  readonly #world: SimClientWorld;
  readonly #server: SimServer;
  #toServerAtMs = 0;
  #toClientAtMs = 0;
  /** The client does not listen any more. */
  isCut = false;
  /** The server takes nothing any more. */
  #isEnded = false;
  /** The last sending of which a request has come back. */
  #returned = 0;
  #isWelcome = false;
  #onWelcome: (() => void)[] = [];

  constructor(world: SimClientWorld, server: SimServer, session: number) {
    this.#world = world;
    this.#server = server;
    this.#send(() => {
      server.links.get(session)?.end();
      server.links.set(session, this);
      this.#answer(() => {
        this.#isWelcome = true;
        for (const task of this.#onWelcome) task();
      });
    });
  }

  /** Another connection of the session has come. */
  end(): void {
    this.#isEnded = true;
  }

  whenWelcome(task: () => void): void {
    if (!this.#isWelcome) this.#onWelcome.push(task);
    else task();
  }

  /**
   * @param ageMs of the request, as it is sent
   * @param sending what is sent of it behind a request that has come back comes back, too
   */
  ask(
    asked: ClusterRequest,
    ageMs: number,
    sending: number,
    done: (answer: ClusterAnswer) => void,
  ): void {
    const { time, resendMs } = this.#world;
    const sentAtMs = time.nowMs;
    this.#send(() => {
      // What was on its way for long ends the connection.
      this.#isEnded ||= time.nowMs - sentAtMs > resendMs / 2;
      if (this.#isEnded) return;
      const untilMs = this.#server.node.requestClockMs() + resendMs - ageMs;
      const request = { ...asked, untilMs };
      if (sending === this.#returned) return this.#answer(() => done(answerOf(ClusterStatus.BUSY)));
      this.#server.node.execute(request, (answer) => {
        if (isReturned(answer)) this.#returned = sending;
        this.#answer(() => done(answer));
      });
    });
  }

  #send(task: () => void): void {
    const { time, random } = this.#world;
    const stallMs = random.below(40) === 0 ? random.between(300, 9000) : 0;
    this.#toServerAtMs = Math.max(
      this.#toServerAtMs,
      time.nowMs + this.#world.delayMs() + stallMs,
    );
    time.after(this.#toServerAtMs - time.nowMs, () => {
      this.#server.process.deliver(() => {
        if (!this.#isEnded) task();
      }, this);
    });
  }

  #answer(task: () => void): void {
    const { time } = this.#world;
    this.#toClientAtMs = Math.max(this.#toClientAtMs, time.nowMs + this.#world.delayMs());
    time.after(this.#toClientAtMs - time.nowMs, () => {
      if (!this.isCut) task();
    });
  }
}

/** Whether a request has come back: it is to be sent again. */
function isReturned({ status }: ClusterAnswer): boolean {
  const { NOT_OWNER, UNKNOWN, BUSY } = ClusterStatus;
  return status === NOT_OWNER || status === UNKNOWN || status === BUSY;
}

interface Asked {
  readonly begun: Begun;
  readonly number: number;
  isOnItsWay: boolean;
  answer: ClusterAnswer | undefined;
}

/** One session. */
export class SimClient {
  readonly #world: SimClientWorld;
  readonly #client: number;
  readonly #session: number;
  #number = 0;
  readonly #links = new Map<SimServer, SimLink>();
  #burst: Asked[] = [];
  #issuedAtMs = 0;
  #sendCount = 0;

  constructor(world: SimClientWorld, client: number) {
    this.#world = world;
    this.#client = client;
    this.#session = client + 1;
  }

  /** Issues some requests of a key, and goes on when all of them have ended. */
  operate(): void {
    const { time, random, keys, ms, history, shares } = this.#world;
    if (time.nowMs > ms) return;
    const key = random.pick(keys);
    this.#issuedAtMs = time.nowMs;
    this.#burst = this.#requestsOf(key).map((request) => {
      const number = ++this.#number;
      const isOwn = shares && random.below(2) === 0;
      const named = { ...request, session: this.#session, number, isOwn };
      return {
        begun: history.begin(this.#client, key, named),
        number,
        isOnItsWay: false,
        answer: undefined,
      };
    });
    this.#send();
  }

  /** What may be on its way at one time: behind what may leave no record only reads. */
  #requestsOf(key: string): ClusterRequest[] {
    const { random, history, expires } = this.#world;
    const put = () => putOf(key, this.#value(), this.#expiry());
    const known = random.below(4) === 0 ? undefined : history.versionOf(key);
    // What is large is no number.
    const isLarge = this.#world.largeBytes > 0;
    const certain = [put, put, () => isLarge ? put() : addOf(key, random.between(1, 9))];
    const uncertain = [
      () => deleteOf(key),
      () => known === undefined ? deleteOf(key) : deleteOf(key, known),
      () => compareAndSetOf(key, known, this.#value()),
      () => touchOf(key, expires ? this.#expiry() : 2e12),
    ];
    const reads = [() => getOf(key), () => getOf(key), () => hasOf(key)];
    const requests = random.pick([
      ...[[reads], [reads], [reads, reads], [certain], [certain, certain], [uncertain]],
      ...[[certain, certain, reads], [certain, uncertain, reads]],
    ]);
    return requests.map((of) => random.pick(of)());
  }

  #value(): Uint8Array {
    const { random, largeBytes } = this.#world;
    const isLarge = largeBytes > 0 && random.below(3) === 0;
    return valueOf(random.below(1e9) * 1000, isLarge ? random.below(largeBytes + 1) : 0);
  }

  #expiry(): number {
    const { random, time, expires } = this.#world;
    if (!expires || random.below(3) === 0) return Infinity;
    return Math.round(1e12 + time.nowMs + random.between(-200, 4000));
  }

  #send(): void {
    const { time, random, servers, resendMs } = this.#world;
    const open = this.#burst.filter(({ answer }) => answer === undefined);
    if (open.length === 0) return this.#end();
    // It may or may not have been made, and nobody asks again.
    if (time.nowMs - this.#issuedAtMs >= resendMs) return this.#end();
    const slot = slotOf(open[0]!.begun.request);
    const { owner, routedBy } = random.pick(servers).node.routeOf(slot);
    if (owner === NO_OWNER) return time.after(random.between(20, 200), () => this.#send());
    const link = this.#linkTo(servers[owner]!);
    const sending = ++this.#sendCount;
    time.after(random.pick(PATIENCE_MS), () => this.#loseLink(link, sending));
    link.whenWelcome(() => {
      if (sending !== this.#sendCount) return;
      for (const asked of open) this.#ask(link, asked, routedBy, sending);
    });
  }

  #ask(link: SimLink, asked: Asked, routedBy: number, sending: number): void {
    const confirmed = (this.#burst[0]?.number ?? this.#number + 1) - 1;
    const ageMs = this.#world.time.nowMs - this.#issuedAtMs;
    asked.isOnItsWay = true;
    const request = { ...asked.begun.request, routedBy, confirmed };
    link.ask(request, ageMs, sending, (answer) => {
      if (sending !== this.#sendCount) return;
      asked.isOnItsWay = false;
      if (!isReturned(answer)) {
        asked.answer = answer;
        this.#world.history.end(asked.begun, answer);
      }
      if (this.#burst.some(({ isOnItsWay }) => isOnItsWay)) return;
      this.#sendCount += 1;
      const isOver = this.#burst.every((of) => of.answer !== undefined);
      this.#world.time.after(isOver ? 0 : this.#world.random.between(2, 100), () => this.#send());
    });
  }

  #linkTo(server: SimServer): SimLink {
    let link = this.#links.get(server);
    if (link === undefined || link.isCut) {
      link = new SimLink(this.#world, server, this.#session);
      this.#links.set(server, link);
    }
    return link;
  }

  /** Nothing has come for too long. */
  #loseLink(link: SimLink, sending: number): void {
    if (sending !== this.#sendCount) return;
    link.isCut = true;
    this.#sendCount += 1;
    for (const asked of this.#burst) asked.isOnItsWay = false;
    this.#send();
  }

  #end(): void {
    const { time, random, history } = this.#world;
    this.#sendCount += 1;
    const answered = this.#burst.filter(({ answer }) => answer !== undefined);
    history.compareOrder(answered.map(({ begun, answer }) => ({ begun, answer: answer! })));
    this.#burst = [];
    time.after(random.between(1, THINK_MS_MAX), () => this.operate());
  }
}
