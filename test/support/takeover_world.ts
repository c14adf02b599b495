/**
 * Processes that use one pool, whose hosts die: the library's carriers, sessions and register,
 * between which messages wait until they are delivered, cut off or lost. Each step is chosen from
 * outside, and the state has a name, so that all interleavings can be explored.
 *
 * What may happen at any time: a process issues its next operation; a message comes; the host
 * executes the next request of a slot, or cuts its log for a checkpoint, or completes it; a
 * connection ends, which its two ends see at different times, and until the host sees it, it may
 * still read what had been sent; a process closes its store when its operations have ended; the
 * host dies, and what it has answered may still come; a candidate gets the lock, opens the pool, or
 * dies before that; processes connect again.
 *
 * @module
 */
import type { RequestEnds } from "../../lib/client/carrier.ts";
import type { Completion } from "../../lib/client/completions.ts";
import type { KeyPlace } from "../../lib/client/key_place.ts";
import type { Slot } from "../../lib/core/brands.ts";
import type { PreviousSession } from "../../lib/gateway/session_verdicts.ts";
import { SocketCarrier } from "../../lib/gateway/socket_carrier.ts";
import { DerivationWords } from "../../lib/rings/derivation_words.ts";
import { REQUEST_LENGTH, REQUEST_RECORD } from "../../lib/rings/ring_layout.ts";
import { WIRE_HEADER_BYTES } from "../../lib/wire/frame.ts";
import { RECORD_REQUEST_POSITION } from "../../lib/log/record_layout.ts";
import { checkTakeover } from "./takeover_rules.ts";
import { TakeoverDisk } from "./takeover_disk.ts";
import {
  type HostLink,
  nameOf,
  SEGMENT_BYTES,
  TakeoverHost,
  type Welcome,
} from "./takeover_host.ts";
import { type ExploredWorld, sumOf } from "./explorer.ts";
import { requestOf, type ScriptedOperation, seen, slotOf } from "./takeover_operations.ts";

/** What is explored. */
export interface TakeoverBounds {
  /** The operations of each process, in the order of their issue. */
  readonly scripts: readonly (readonly ScriptedOperation[])[];
  /** How often hosts die, candidates included. */
  readonly deaths: number;
  /** How often a connection ends while its host lives. */
  readonly cuts: number;
  readonly checkpoints: number;
  /** How often there is no room for a change. */
  readonly fulls: number;
  /** How many processes, the first ones, close their stores when they have done all. */
  readonly closes: number;
}

/** How an operation has ended in its process. */
export interface TakeoverEnd {
  readonly status: number;
  readonly version: number;
  /** Of an addition what was there before, of a read what was read. */
  readonly value: number | undefined;
  readonly error: string | undefined;
  /** Changes of its key until then. */
  readonly changes: number;
}

/** An operation of a process. */
export interface TakeoverOperation extends ScriptedOperation {
  readonly name: string;
  readonly words: Int32Array;
  readonly slot: Slot;
  /** Changes of its key when it was issued; -1 before. */
  issuedAt: number;
  /** As its process carries it. */
  parcel: { readonly words: Int32Array; readonly isSent: boolean } | undefined;
  ended: TakeoverEnd | undefined;
}

/** A connection from both sides. */
interface Link {
  readonly process: Process;
  host: HostLink;
  readonly toHost: (Uint8Array | { hello: PreviousSession | undefined })[];
  readonly toProcess: (Uint8Array | Welcome)[];
  /** Whether the process still uses it. */
  isUsed: boolean;
}

interface Process {
  readonly index: number;
  readonly operations: readonly TakeoverOperation[];
  readonly carrier: SocketCarrier;
  link: Link | undefined;
  issued: number;
  isClosed: boolean;
}

/** Microtasks after which nothing goes on by itself. */
const MICROTASKS = 10;
/** What makes two operations of one process differ, and puts from sums. */
const PUT_VALUE = 1001;
const OPERATIONS_MAX = 8;

/** A pool and its processes. */
export class TakeoverWorld implements ExploredWorld {
  readonly disk = new TakeoverDisk();
  readonly processes: readonly Process[];
  readonly #bounds: TakeoverBounds;
  #host: TakeoverHost | undefined;
  /** Whether a candidate has the lock, and has not opened the pool yet. */
  #isOpening = false;
  #links: Link[] = [];
  #deaths = 0;
  #cuts = 0;
  #checkpoints = 0;
  #fulls = 0;

  constructor(bounds: TakeoverBounds) {
    this.#bounds = bounds;
    this.processes = bounds.scripts.map((script, index) => makeProcess(script, index, this));
  }

  /** Whether operations may have failed. */
  get mayFail(): boolean {
    return this.#fulls > 0;
  }

  /** What can happen next. */
  steps(): string[] {
    const { deaths, cuts, checkpoints, fulls, closes } = this.#bounds;
    const host = this.#host;
    const steps: string[] = [];
    for (const { index, operations, issued, link, isClosed } of this.processes) {
      if (isClosed) continue;
      const isDone = operations.every(({ ended }) => ended !== undefined);
      if (isDone && index < closes) steps.push(`close ${index}`);
      if (issued < operations.length) steps.push(`issue ${index}`);
      if (link === undefined && host !== undefined) steps.push(`connect ${index}`);
    }
    this.#links.forEach(({ toHost, toProcess, isUsed, host: { isOpen } }, i) => {
      if (isOpen && toHost.length > 0) steps.push(`hear ${i}`);
      if (isOpen && !isUsed) steps.push(`end ${i}`);
      if (isUsed && toProcess.length > 0) steps.push(`take ${i}`);
      if (isUsed && !isOpen) steps.push(`lose ${i}`);
      if (isUsed && isOpen && this.#cuts < cuts) steps.push(`cut ${i}`);
    });
    if (host === undefined) steps.push(this.#isOpening ? "open" : "lock");
    for (const slot of host?.queues.keys() ?? []) {
      steps.push(`execute ${slot}`);
      if (this.#fulls < fulls) steps.push(`refuse ${slot}`);
    }
    const isCut = host?.cut !== undefined;
    if (host !== undefined && (isCut || this.#checkpoints < checkpoints)) steps.push("checkpoint");
    if ((host !== undefined || this.#isOpening) && this.#deaths < deaths) steps.push("die");
    return steps;
  }

  /** Does one of the steps, and what follows from it alone. */
  async step(step: string): Promise<void> {
    const [verb, index] = step.split(" ");
    this.#do(verb!, Number(index));
    for (let i = 0; i < MICROTASKS; i++) await undefined;
    this.#host?.assertForgotten();
    this.#links = this.#links.filter(({ isUsed, host }) => isUsed || host.isOpen);
  }

  checkEnd(): void {
    checkTakeover(this);
  }

  #do(verb: string, index: number): void {
    const host = this.#host!;
    switch (verb) {
      case "issue":
        return this.#issue(this.processes[index]!);
      case "connect":
        return this.#connect(this.processes[index]!);
      case "hear":
        return this.#hear(this.#links[index]!);
      case "end":
        return host.end(this.#links[index]!.host);
      case "take":
        return this.#take(this.#links[index]!);
      case "lose":
        return this.#lose(this.#links[index]!);
      case "cut":
        this.#cuts += 1;
        return this.#lose(this.#links[index]!);
      case "close":
        return this.#close(this.processes[index]!);
      case "lock":
        this.#isOpening = true;
        return;
      case "open":
        this.#isOpening = false;
        this.#host = new TakeoverHost(this.disk);
        return;
      case "execute":
        return host.execute(index as Slot, false);
      case "refuse":
        this.#fulls += 1;
        return host.execute(index as Slot, true);
      case "checkpoint":
        if (host.cut === undefined) this.#checkpoints += 1;
        return host.checkpoint();
      case "die":
        return this.#die();
    }
  }

  #issue(process: Process): void {
    const operation = process.operations[process.issued++]!;
    operation.issuedAt = this.disk.changesOf(operation.key).length;
    const { carrier } = process;
    const { words, slot } = operation;
    const sequence = process.issued;
    carrier.claim(slot, NO_KEY, sequence, words[REQUEST_LENGTH]!, NO_COMPLETION);
    carrier.lane.words.set(words);
    operation.parcel = carrier.lane as unknown as NonNullable<TakeoverOperation["parcel"]>;
    carrier.publish();
  }

  #connect(process: Process): void {
    const toProcess: Link["toProcess"] = [];
    const host = this.#host!.accept(process.index, (message) => void toProcess.push(message));
    const toHost: Link["toHost"] = [{ hello: process.carrier.previous }];
    process.link = { process, host, toHost, toProcess, isUsed: true };
    this.#links.push(process.link);
  }

  #hear({ toHost, host }: Link): void {
    const message = toHost.shift()!;
    if (message instanceof Uint8Array) this.#host!.receive(host, message);
    else void this.#host!.welcome(host, message.hello);
  }

  #take(link: Link): void {
    const message = link.toProcess.shift()!;
    const { carrier } = link.process;
    if (message instanceof Uint8Array) carrier.receive(message.slice(WIRE_HEADER_BYTES));
    else {
      const write = (bytes: Uint8Array) => void (link.isUsed && link.toHost.push(bytes));
      carrier.connect({ session: message.session, write }, message.verdicts);
    }
    carrier.publish();
  }

  #close(process: Process): void {
    process.isClosed = true;
    process.carrier.close();
    if (process.link !== undefined) this.#lose(process.link);
  }

  #lose(link: Link): void {
    link.isUsed = false;
    link.process.link = undefined;
    link.process.carrier.disconnect();
  }

  #die(): void {
    this.#deaths += 1;
    this.#isOpening = false;
    this.#host?.die();
    this.#host = undefined;
    for (const { host } of this.#links) host.isOpen = false;
  }

  /** Sessions that the host has something of. */
  get knownSessions(): number {
    return this.#host!.evidence.ledger.size;
  }

  /** Requests of which the host knows that they were applied. */
  get knownRequests(): number {
    return [...this.#host!.evidence.ledger.values()].reduce((sum, { size }) => sum + size, 0);
  }

  /** A name that no other state has which can go on in another way, or has ended otherwise. */
  get state(): string {
    const names = new Map<number, number>([[0, 0]]);
    const rename = (session: number) => {
      let name = names.get(session);
      if (name === undefined) names.set(session, name = names.size);
      return name;
    };
    const processes = this.processes.map(({ carrier, operations, issued, isClosed }) => [
      issued,
      isClosed,
      sessionOf(carrier.previous, rename),
      operations.map(({ issuedAt, ended, parcel }) => [
        issuedAt,
        ended ?? (parcel?.isSent ? positionOf(parcel.words) : -1),
      ]),
    ]);
    const links = this.#links.map((link) => this.#stateOf(link, rename));
    const { changes, ledger, ended } = this.disk.checkpoint;
    const host = this.#host;
    return JSON.stringify([
      processes,
      links,
      changes.map(({ name }) => name),
      this.disk.log.map(({ name, session, number }) => [name, rename(session), number]),
      ledgerState(ledger, rename),
      [...ended].map(rename),
      host && [
        ledgerState(host.evidence.ledger, rename),
        [...host.evidence.ended].map(rename),
        host.cut,
        [...host.queues].map(([slot, queue]) => [
          slot,
          queue.map(({ session, process, words }) => [
            rename(session),
            process,
            positionOf(words),
          ]),
        ]),
        host.links.filter((link) => isOfUse(link, host)).map((
          { process, previous, session, isOpen },
        ) => [
          process,
          rename(previous ?? 0),
          rename(session),
          isOpen,
        ]),
      ],
      this.#isOpening,
      [this.#deaths, this.#cuts, this.#checkpoints, this.#fulls],
    ]);
  }

  #stateOf({ process, host, toHost, toProcess, isUsed }: Link, rename: Rename): unknown {
    return [
      process.index,
      rename(host.session),
      isUsed,
      host.isOpen,
      toHost.map((message) =>
        message instanceof Uint8Array ? sumOf(message) : sessionOf(message.hello, rename)
      ),
      toProcess.map((message) =>
        message instanceof Uint8Array
          ? sumOf(message)
          : [rename(message.session), message.verdicts?.verdicts]
      ),
    ];
  }
}

/** Whether what the host knows of a connection may still matter. */
function isOfUse({ isOpen, previous, session }: HostLink, { evidence, queues }: TakeoverHost) {
  const mayEnd = session !== 0 && previous !== undefined && !evidence.ended.has(previous);
  const hasIssued = [...queues.values()].flat().some((issued) => issued.session === session);
  return isOpen || mayEnd || hasIssued;
}

function positionOf(words: Int32Array): number {
  return words[REQUEST_RECORD + RECORD_REQUEST_POSITION]!;
}

type Rename = (session: number) => number;

const NO_COMPLETION: Completion = { settle: () => {}, fail: () => {} };
const NO_KEY = undefined as unknown as KeyPlace;

function makeProcess(
  script: readonly ScriptedOperation[],
  index: number,
  world: TakeoverWorld,
): Process {
  const operations = script.map((scripted, i): TakeoverOperation => {
    const of = index * OPERATIONS_MAX + i + 1;
    const isPut = scripted.kind !== "add" && scripted.kind !== "limited";
    const words = requestOf(scripted, isPut ? PUT_VALUE + of : of);
    const { kind, value } = seen(words);
    const name = nameOf(index, kind, value);
    return {
      ...scripted,
      name,
      words,
      slot: slotOf(words),
      issuedAt: -1,
      parcel: undefined,
      ended: undefined,
    };
  });
  const end = (sequence: number, ended: Omit<TakeoverEnd, "changes">) => {
    const operation = operations[sequence - 1]!;
    if (operation.ended !== undefined) throw new Error(`I5: ${operation.name} ends twice`);
    operation.ended = { ...ended, changes: world.disk.changesOf(operation.key).length };
  };
  const ends: RequestEnds = {
    settle: (_slot, sequence, _completion, status, _detail, version, _high, words) => {
      const { kind } = operations[sequence - 1]!;
      const read = carrier.take();
      const value = read === undefined
        ? beforeOf(kind, words)
        : new Int32Array(read.bytes.buffer, read.bytes.byteOffset)[0];
      end(sequence, { status, version: read?.version ?? version, value, error: undefined });
    },
    fail: (_slot, sequence, _completion, error) => {
      end(sequence, { status: -1, version: 0, value: undefined, error: error.message });
    },
    sendAgain: () => {},
    goOn: () => {},
    stop: () => {},
  };
  const onArrival = () => void carrier.settle();
  const onClose = () => {};
  const carrier = new SocketCarrier(ends, { segmentBytes: SEGMENT_BYTES, onArrival, onClose });
  return { index, operations, carrier, link: undefined, issued: 0, isClosed: false };
}

function beforeOf(kind: string, words: Int32Array): number | undefined {
  if (kind !== "add" && kind !== "limited") return undefined;
  const left = new DerivationWords();
  left.read(words, REQUEST_RECORD);
  return left.before;
}

function sessionOf(previous: PreviousSession | undefined, rename: Rename): unknown {
  return previous && [rename(previous.session), previous.confirmed, previous.numbers];
}

function ledgerState(ledger: TakeoverDisk["checkpoint"]["ledger"], rename: Rename): unknown {
  return [...ledger].filter(([, outcomes]) => outcomes.size > 0)
    .map(([session, outcomes]) => [rename(session), ...outcomes.keys()]);
}
