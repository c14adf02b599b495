/**
 * A client of an explored cluster: one session, whose requests are for one key. It sends what has
 * come back again, by what one of the nodes knows of who owns the slot, and gives up connections,
 * by which what was sent may still come (docs/protocols/cluster_requests.md).
 *
 * @module
 */
import type { ClusterNode } from "../../../lib/cluster/node/cluster_node.ts";
import {
  answerOf,
  type ClusterAnswer,
  type ClusterRequest,
  ClusterStatus,
  isReading,
} from "../../../lib/cluster/node/requests.ts";
import { Operation } from "../../../lib/rings/ring_layout.ts";
import { addOf, deleteOf, getOf, putOf } from "./cluster_requests.ts";
import type { Input } from "./explored_engine.ts";
import { type Begun, SimHistory, valueOf } from "./sim_history.ts";

/** What a request asks for. */
export type RequestKind = "put" | "add" | "delete" | "get";

/** What a client does. */
export interface ClientScript {
  readonly requests: readonly RequestKind[];
  /** How many requests may be on their way at one time. */
  readonly width: number;
  /** How often it sends what has no answer. */
  readonly sends: number;
  /** How often it gives up a connection. */
  readonly cuts: number;
}

interface Asked {
  readonly request: ClusterRequest;
  begun: Begun | undefined;
  answer: ClusterAnswer | undefined;
  isOnItsWay: boolean;
}

interface Link {
  readonly node: number;
  readonly queue: (() => void)[];
  readonly names: string[];
  /** The client listens no more. */
  isCut: boolean;
  /** The node takes nothing more. */
  isEnded: boolean;
  /** The last sending of which a request has come back. */
  returned: number;
}

const SESSION = 1;

/** One session. */
export class ExploredClient {
  readonly #script: ClientScript;
  readonly #key: string;
  readonly #slot: number;
  readonly #node: (number: number) => ClusterNode | undefined;
  readonly #input: Input;
  readonly #history: SimHistory;
  readonly #asked: Asked[];
  readonly #links: Link[] = [];
  #sends = 0;
  #cuts = 0;

  constructor(
    script: ClientScript,
    key: string,
    slot: number,
    node: (number: number) => ClusterNode | undefined,
    input: Input,
  ) {
    this.#script = script;
    this.#key = key;
    this.#slot = slot;
    this.#node = node;
    this.#input = input;
    this.#history = new SimHistory([key], false);
    this.#asked = script.requests.map((kind, i) => ({
      request: { ...requestOf(kind, key, i), session: SESSION, number: i + 1 },
      begun: undefined,
      answer: undefined,
      isOnItsWay: false,
    }));
  }

  /** How many requests were answered. */
  get answered(): number {
    return this.#asked.filter(({ answer }) => answer !== undefined).length;
  }

  /** What can happen next. */
  steps(): string[] {
    const steps: string[] = [];
    const isWaiting = this.#asked.some(({ isOnItsWay }) => isOnItsWay);
    const isOver = this.answered === this.#asked.length;
    if (!isWaiting && !isOver && this.#sends < this.#script.sends) {
      const routes = new Set<string>();
      for (const by of [0, 1]) {
        const route = this.#node(by)?.routeOf(this.#slot);
        if (route === undefined || this.#node(route.owner) === undefined) continue;
        const name = `${route.owner} ${route.routedBy}`;
        if (!routes.has(name)) steps.push(`send ${by}`);
        routes.add(name);
      }
    }
    if (isWaiting && this.#cuts < this.#script.cuts) steps.push("cut");
    for (const [i, { queue, isEnded, node }] of this.#links.entries()) {
      if (queue.length > 0 && !isEnded && this.#node(node) !== undefined) steps.push(`hear ${i}`);
    }
    return steps;
  }

  /** Does one of the steps. */
  step(verb: string, name: string): void {
    if (verb === "send") this.#send(this.#node(Number(name))!.routeOf(this.#slot));
    else if (verb === "hear") this.#hear(this.#links[Number(name)]!);
    else {
      this.#cuts += 1;
      this.#lose(this.#links.find(({ isCut }) => !isCut)!);
    }
  }

  /** A node has ended, and its connections with it. */
  forget(node: number): void {
    for (const link of this.#links) {
      if (link.node !== node) continue;
      link.isEnded = true;
      if (!link.isCut) this.#lose(link);
    }
  }

  /** Another client reads the key, at a node. */
  readLast(node: ClusterNode): void {
    const request = { ...getOf(this.#key), routedBy: node.routeOf(this.#slot).routedBy };
    const begun = this.#history.begin(1, this.#key, request);
    node.execute(request, (answer) => {
      if (!isReturned(answer)) this.#history.end(begun, answer);
    });
  }

  /** What is wrong with what it has seen; undefined if nothing is. */
  violation(): string | undefined {
    return this.#history.violation();
  }

  /** All that may still matter. */
  state(): unknown {
    return [
      this.#asked.map(({ begun, answer, isOnItsWay }) => [
        begun !== undefined,
        isOnItsWay,
        answer && [answer.status, answer.version, answer.before, [...answer.value]],
      ]),
      this.#links.filter(({ isEnded }) => !isEnded).map(({ node, names, isCut, returned }) =>
        [node, names, isCut, returned] as const
      ),
      this.#sends,
      this.#cuts,
    ];
  }

  /**
   * What is to be sent: what has come back, and the next ones. No change is sent behind what may
   * leave no record, as in lib/gateway/request_order.ts: if both came back, a read would find the
   * change.
   */
  #burst(): Asked[] {
    const open = this.#asked.filter(({ answer }) => answer === undefined);
    const blocking = open.findIndex(({ request }) => !leavesRecord(request));
    const end = open.findIndex(({ request }, i) =>
      i === this.#script.width || (blocking !== -1 && i > blocking && !isReading(request))
    );
    return end === -1 ? open : open.slice(0, end);
  }

  #send({ owner, routedBy }: { readonly owner: number; readonly routedBy: number }): void {
    const sending = ++this.#sends;
    let link = this.#links.find(({ node, isCut }) => node === owner && !isCut);
    if (link === undefined) {
      // Whoever it used before it does not listen to any more: nothing of it is on its way there.
      link = { node: owner, queue: [], names: [], isCut: false, isEnded: false, returned: 0 };
      this.#links.push(link);
    }
    const burst = this.#burst();
    const confirmed = burst[0]!.request.number - 1;
    for (const asked of burst) {
      asked.isOnItsWay = true;
      asked.begun ??= this.#history.begin(0, this.#key, asked.request);
      const { number } = asked.request;
      const request = { ...asked.request, routedBy, confirmed };
      link.names.push(`${sending} ${number} by ${routedBy}`);
      link.queue.push(() => this.#ask(link, asked, request, sending));
    }
  }

  #hear(link: Link): void {
    // The node takes nothing more by the connections before.
    for (const other of this.#links) {
      if (other === link) break;
      if (other.node === link.node) other.isEnded = true;
    }
    const task = link.queue.shift()!;
    this.#input(link.node, `hear ${link.names.shift()}`, task);
  }

  #ask(link: Link, asked: Asked, request: ClusterRequest, sending: number): void {
    const done = (answer: ClusterAnswer) => {
      if (isReturned(answer)) link.returned = sending;
      if (!link.isCut) this.#end(asked, answer);
    };
    if (link.returned === sending) done(answerOf(ClusterStatus.BUSY));
    else this.#node(link.node)!.execute(request, done);
  }

  #end(asked: Asked, answer: ClusterAnswer): void {
    asked.isOnItsWay = false;
    if (isReturned(answer)) return;
    asked.answer = answer;
    this.#history.end(asked.begun!, answer);
    const ended = this.#asked.filter((one) => one.answer !== undefined);
    this.#history.compareOrder(
      ended.map(({ begun, answer: given }) => ({ begun: begun!, answer: given! })),
    );
  }

  #lose(link: Link): void {
    link.isCut = true;
    for (const asked of this.#asked) asked.isOnItsWay = false;
  }
}

/** Of the kinds that a script has: a deletion may find nothing. */
function leavesRecord({ operation }: ClusterRequest): boolean {
  return operation === Operation.PUT || operation === Operation.ADD;
}

/** Whether a request has come back: it is to be sent again. */
function isReturned({ status }: ClusterAnswer): boolean {
  const { NOT_OWNER, UNKNOWN, BUSY } = ClusterStatus;
  return status === NOT_OWNER || status === UNKNOWN || status === BUSY;
}

function requestOf(kind: RequestKind, key: string, i: number): ClusterRequest {
  switch (kind) {
    case "put":
      return putOf(key, valueOf(1000 * (i + 1)));
    case "add":
      return addOf(key, 1);
    case "delete":
      return deleteOf(key);
    case "get":
      return getOf(key);
  }
}
