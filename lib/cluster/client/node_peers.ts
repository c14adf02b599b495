/**
 * The nodes to which an application thread has connections, and what is on its way to each.
 *
 * @module
 */
import type { Slot } from "../../core/brands.ts";
import type { TlsIdentity } from "../../core/cluster_identity.ts";
import { decodeFailure } from "../../gateway/carried_errors.ts";
import { Numbered } from "../../gateway/numbered.ts";
import { Parcel } from "../../gateway/parcel.ts";
import { startTimer } from "../../platform/runtime.ts";
import { CallClient } from "../../wire/call_client.ts";
import { encodeRouted, type RoutedRequest } from "../network/cluster_frames.ts";
import { type Connect, type LinkFailure, NodeLink } from "../network/node_link.ts";
import { type ClusterClock, LONG_AGO, type Moment } from "../node/cluster_clock.ts";
import { RESEND_MS } from "../node/requests.ts";
import type { OwnerView } from "./owner_view.ts";

/** Pause between two attempts to connect to a node. */
const CONNECT_MS = 50;

/** The connection to a node has ended before a call. */
export class PeerLostError extends Error {}

/** A request of a cluster. */
export class ClusterParcel extends Parcel {
  /** When it was claimed. */
  issuedMs = 0;
  /** When it was sent last, or shortly before. */
  sentAt: Moment = LONG_AGO;
  /** For how long after that reads may be answered from its answer, in milliseconds. */
  lentMs = 0;
}

/** A node, while there is a connection to it. */
export interface Peer {
  readonly node: number;
  readonly address: string;
  readonly link: NodeLink;
  /** Of what is not a request of one key. */
  readonly calls: CallClient;
  /** What was sent there and is not answered, by its number. */
  readonly sent: Numbered<ClusterParcel>;
  /** How many requests have come back from there. */
  returned: number;
  /** How many recalls of copies have been read, and whether the node does not know that yet. */
  recalled: number;
  isRecallUntold: boolean;
  /** When its welcome was read. */
  welcomedMs: number;
  /** What is to be sent with the next frame. */
  outgoing: RoutedRequest[];
  /** Since when something is on its way there whose slot others own now; Infinity if nothing is. */
  supersededMs: number;
}

/** Who is told of connections. */
export interface PeerEnds {
  onOpen(): void;
  /** @throws {FrameError} when they are no answers to what was sent */
  onAnswers(peer: Peer, body: Uint8Array): void;
  /** What was sent there and is not answered may have been made. */
  onLost(peer: Peer): void;
}

/** How connections are made. */
export interface PeerOptions {
  readonly session: number;
  readonly secret: string | undefined;
  readonly tls: TlsIdentity | undefined;
  /** Bytes of a message of the cluster, at most. */
  readonly messageBytes: number;
  readonly clock: ClusterClock;
  readonly connect: Connect;
}

/** Connections of one session. */
export class NodePeers {
  readonly #options: PeerOptions;
  readonly #ends: PeerEnds;
  readonly #peers = new Map<number, Peer>();
  readonly #attemptMs = new Map<number, number>();
  /** Why the last attempt has failed. */
  readonly #failures = new Map<number, string>();
  /** Connections so far. */
  #count = 0;
  #isOpen = true;

  constructor(options: PeerOptions, ends: PeerEnds) {
    this.#options = options;
    this.#ends = ends;
  }

  /** All to whom there are connections, or will be soon. */
  all(): Iterable<Peer> {
    return this.#peers.values();
  }

  /** The owner of a slot, if it takes requests now; if not, it is connected to. */
  ownerOf(slot: Slot, view: OwnerView): Peer | undefined {
    return this.peerOf(view.owners[slot]!, view);
  }

  /** A node, if it takes requests now; if not, it is connected to. */
  peerOf(node: number, { addresses }: OwnerView): Peer | undefined {
    const address = addresses.get(node);
    if (address === undefined) return undefined;
    const peer = this.#peers.get(node);
    if (peer === undefined) this.#connect(node, address);
    // Another life of the node, at another place.
    else if (peer.address !== address) peer.link.close();
    else if (peer.link.isWelcome) return peer;
    return undefined;
  }

  /**
   * The map has changed: ends what leads to nodes that are gone, and connects ahead to those that
   * own nothing, if all that own something are reached.
   */
  follow({ owners, addresses }: OwnerView): void {
    for (const { node, address, link, sent } of this.#peers.values()) {
      if (addresses.get(node) !== address && sent.size === 0) link.close();
    }
    const isReached = (node: number) => this.#peers.get(node)?.link.isWelcome === true;
    if (![...new Set(owners)].every(isReached)) return;
    for (const [node, address] of addresses) {
      if (!this.#peers.has(node)) this.#connect(node, address);
    }
  }

  /** Why the owner of a slot cannot be reached; undefined if that is not known. */
  failureOf(slot: Slot, { owners, addresses }: OwnerView): string | undefined {
    const node = owners[slot]!;
    const reason = this.#failures.get(node);
    return reason === undefined
      ? undefined
      : `node ${node} at ${addresses.get(node)} cannot be used: ${reason}`;
  }

  /** Sends what is to be sent. */
  flush(confirmed: number): void {
    for (const peer of this.#peers.values()) {
      const { outgoing: requests, returned, link, welcomedMs, recalled } = peer;
      if (requests.length === 0 && !peer.isRecallUntold) continue;
      peer.outgoing = [];
      peer.isRecallUntold = false;
      const welcomeMs = Math.floor(this.#options.clock.monotonicMs() - welcomedMs);
      link.write(encodeRouted({ confirmed, returned, welcomeMs, recalled, requests }));
    }
  }

  /** Ends all connections, and calls with an error. */
  close(error: Error): void {
    this.#isOpen = false;
    for (const { link, calls } of this.#peers.values()) {
      link.close();
      calls.failAll(error);
    }
    this.#peers.clear();
  }

  #connect(node: number, address: string): void {
    const { session, secret, tls, messageBytes, clock, connect } = this.#options;
    const nowMs = clock.monotonicMs();
    if (!this.#isOpen || nowMs - (this.#attemptMs.get(node) ?? -Infinity) < CONNECT_MS) return;
    this.#attemptMs.set(node, nowMs);
    const link = new NodeLink({
      address,
      node,
      session,
      number: ++this.#count,
      secret,
      tls,
      messageBytes,
      connect,
      ends: {
        onOpen: () => {
          this.#failures.delete(node);
          peer.welcomedMs = clock.monotonicMs();
          this.#ends.onOpen();
        },
        onAnswers: (body) => this.#ends.onAnswers(peer, body),
        onCall: (frame) => peer.calls.receive(frame),
        onEnd: (failure) => this.#lose(peer, failure),
      },
    });
    const peer: Peer = {
      node,
      address,
      link,
      calls: new CallClient({ write: (bytes) => link.write(bytes), errorOf: decodeFailure }),
      sent: new Numbered(),
      returned: 0,
      recalled: 0,
      isRecallUntold: false,
      welcomedMs: 0,
      outgoing: [],
      supersededMs: Infinity,
    };
    this.#peers.set(node, peer);
  }

  #lose(peer: Peer, failure: LinkFailure | undefined): void {
    peer.calls.failAll(new PeerLostError());
    if (failure !== undefined) this.#failures.set(peer.node, failure.reason);
    if (!this.#isOpen || this.#peers.get(peer.node) !== peer) return;
    this.#peers.delete(peer.node);
    this.#ends.onLost(peer);
  }
}

/**
 * Asks a node; undefined if it does not answer. The process waits for it.
 *
 * @throws {DinomoError} with which it has answered
 */
export async function askOnce(
  calls: CallClient,
  content: Uint8Array,
  signal: AbortSignal | undefined,
): Promise<Uint8Array | undefined> {
  const end = new AbortController();
  const timer = startTimer(() => end.abort(new PeerLostError()), RESEND_MS);
  const stop = () => end.abort(signal!.reason);
  signal?.addEventListener("abort", stop);
  try {
    for await (const item of calls.call(content, { signal: end.signal })) return item;
  } catch (error) {
    if (!(error instanceof PeerLostError)) throw error;
  } finally {
    timer.stop();
    signal?.removeEventListener("abort", stop);
  }
  return undefined;
}
