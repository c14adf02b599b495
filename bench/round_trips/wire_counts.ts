/**
 * What a node of a cluster asks of the servers, counted between both: requests by what they are
 * for, and how many of them were answered.
 *
 * Nothing is taken from the node: which request it is stands in the subject that it is sent to.
 *
 * @module
 */
import { TcpProxy } from "../../test/support/tcp_proxy.ts";
import { NatsMessages } from "./nats_messages.ts";

/**
 * What a request is for: to read a message of a log, in which records are; to read a page of the
 * index; to append a batch of records to a log; to write a page, for which one was read before; to
 * write what else keeps the index; to renew leases and the like; to follow streams.
 */
export const WIRE_KINDS = [
  "record",
  "page",
  "append",
  "merge",
  "index",
  "control",
  "other",
] as const;
export type WireKind = (typeof WIRE_KINDS)[number];

/** Of one kind. */
export interface WireCount {
  readonly requests: number;
  /** A request with its answer is a round trip. */
  readonly roundTrips: number;
}

export type WireCounts = Readonly<Record<WireKind, WireCount>>;

const DIRECT_GET = "$JS.API.DIRECT.GET.";

/** What a node asks by a message to a subject. */
export function wireKindOf(cluster: string, subject: string): WireKind {
  if (subject.startsWith(DIRECT_GET)) {
    const stream = subject.slice(DIRECT_GET.length);
    if (stream.startsWith(`${cluster}-log-`)) return "record";
    if (stream.startsWith(`${cluster}-index-`)) return "page";
    return "other";
  }
  const [name, stream = "", what] = subject.split(".");
  if (name !== cluster) return "other";
  if (stream.startsWith("index-")) return what === "page" ? "merge" : "index";
  if (stream.startsWith("log-")) {
    if (what === "records") return "append";
    // Records that cleaning has moved; "own" begins a term.
    return what === "moved" ? "index" : "control";
  }
  return "control";
}

/** A proxy between a node and a server. */
export class CountedWire {
  readonly #cluster: string;
  readonly #counts = new Map<WireKind, { requests: number; roundTrips: number }>(
    WIRE_KINDS.map((kind) => [kind, { requests: 0, roundTrips: 0 }]),
  );
  #proxy: TcpProxy | undefined;

  private constructor(cluster: string) {
    this.#cluster = cluster;
  }

  /** @param port of the server, on loopback */
  static async start(cluster: string, port: number): Promise<CountedWire> {
    const wire = new CountedWire(cluster);
    wire.#proxy = await TcpProxy.start(port, { listen: () => wire.listen() });
    return wire;
  }

  /** Makes what counts one connection. */
  static counting(cluster: string): CountedWire {
    return new CountedWire(cluster);
  }

  /** Where the node reaches the server. */
  get url(): string {
    return `nats://127.0.0.1:${this.#proxy!.port}`;
  }

  /** Until now. */
  get counts(): WireCounts {
    const entries = [...this.#counts].map(([kind, count]) => [kind, { ...count }]);
    return Object.fromEntries(entries) as WireCounts;
  }

  close(): void {
    this.#proxy?.close();
  }

  /** Begins with a connection; returns what takes its bytes. */
  listen(): (bytes: Uint8Array, isAnswer: boolean) => void {
    /** What is on its way, by the subject of its answer. */
    const asked = new Map<string, WireKind>();
    const requests = new NatsMessages(({ verb, subject, reply }) => {
      if (subject === undefined || !verb.endsWith("PUB")) return;
      const kind = wireKindOf(this.#cluster, subject);
      this.#counts.get(kind)!.requests += 1;
      // A stream that is followed answers again and again.
      if (reply !== undefined && kind !== "other") asked.set(reply, kind);
    });
    const answers = new NatsMessages(({ subject }) => {
      const kind = subject === undefined ? undefined : asked.get(subject);
      if (kind === undefined) return;
      asked.delete(subject!);
      this.#counts.get(kind)!.roundTrips += 1;
    });
    return (bytes, isAnswer) => (isAnswer ? answers : requests).push(bytes);
  }
}

/** What has come since. */
export function wireSince(now: WireCounts, before: WireCounts): WireCounts {
  return combined(now, before, (a, b) => a - b);
}

/** Those of several nodes. */
export function wireSum(all: readonly WireCounts[]): WireCounts {
  return all.reduce((sum, one) => combined(sum, one, (a, b) => a + b));
}

function combined(
  one: WireCounts,
  other: WireCounts,
  by: (a: number, b: number) => number,
): WireCounts {
  const entries = WIRE_KINDS.map((kind) => [kind, {
    requests: by(one[kind].requests, other[kind].requests),
    roundTrips: by(one[kind].roundTrips, other[kind].roundTrips),
  }]);
  return Object.fromEntries(entries) as WireCounts;
}
