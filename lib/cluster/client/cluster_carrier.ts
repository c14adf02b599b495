/**
 * Carries the requests of one application thread to the nodes that own their slots.
 *
 * A request has a name, (session, number), from when it is sent first until it has ended. A node
 * that gets a request whose name stands in a record answers what that one has come to, and does not
 * execute it again: so it may be sent again, to whichever node owns the slot by then (I5).
 *
 * Order (I4). What is on its way for a slot is on its way to one node, by one connection, routed by
 * one assignment. If one of these requests comes back (its node does not own the slot, or cannot
 * say what became of it), or the connection ends, the slot is *stalled*: nothing of it is sent
 * until all that was on its way has been answered or has come back. Then all of that is sent again,
 * in its order, before what has been issued since. The node sees to it that nothing that was sent
 * behind a request that has come back is executed (node_session.ts), and what may be sent behind
 * what is decided by request_order.ts, as for processes of one machine.
 *
 * What is sent again is executed by nobody else later on: by the node's session of an ended
 * connection not, since that one stops taking when the thread connects again; and by a node that
 * has lost the slot not, since a request names the assignment by which it was routed.
 *
 * Reads of a key of which there is a copy (lent_copies.ts) are answered here, if nothing of the
 * slot is on its way: what is behind something that is on its way waits for that, as if it had come
 * back. So a thread's reads find its own changes, and none finds something older than one before
 * it.
 *
 * A request is sent again for {@linkcode RESEND_MS} at most, as nodes keep in mind what they have
 * applied for longer than that, and not for ever.
 *
 * @module
 */
import type { Carrier, Lane, RequestEnds } from "../../client/carrier.ts";
import { NO_LANE } from "../../client/carrier.ts";
import type { Completion } from "../../client/completions.ts";
import type { KeyPlace } from "../../client/key_place.ts";
import { assert } from "../../core/assert.ts";
import type { Slot } from "../../core/brands.ts";
import type { TlsIdentity } from "../../core/cluster_identity.ts";
import { type DinomoError, StoreClosedError } from "../../core/errors.ts";
import type { EncodedKey } from "../../core/key_encoder.ts";
import { REMOTE_REQUESTS_MAX, SESSION_REQUESTS_MAX } from "../../core/limits.ts";
import { runMicrotask, type Timer } from "../../platform/runtime.ts";
import type { ReadSource } from "../../far/client/routed_reads.ts";
import { Numbered } from "../../gateway/numbered.ts";
import { OpenParcels } from "../../gateway/open_parcels.ts";
import { isUnknown, takeAnswer } from "../../gateway/parcel.ts";
import { decodeAnswers } from "../../gateway/request_frames.ts";
import { RequestOrder } from "../../gateway/request_order.ts";
import { RECORD_REQUEST_POSITION } from "../../log/record_layout.ts";
import type { ReadValue } from "../../rings/response_ring.ts";
import { REQUEST_RECORD, Status } from "../../rings/ring_layout.ts";
import { FrameError } from "../../wire/frame.ts";
import type { Connect } from "../network/node_link.ts";
import type { ClusterClock } from "../node/cluster_clock.ts";
import { isOfNode, isReturned, LENT, RECALL } from "../network/cluster_frames.ts";
import { clientSegmentBytes } from "../network/record_sizes.ts";
import type { SharedReads } from "../shared/shared_reads.ts";
import { AnswerTurns, LentCopies } from "./lent_copies.ts";
import { askOnce, ClusterParcel, NodePeers, type Peer, PeerLostError } from "./node_peers.ts";
import { NO_VIEW, type OwnerView } from "./owner_view.ts";
import { RequestAges } from "./request_ages.ts";
import { SlotTraffic } from "./slot_traffic.ts";
import { notKnown, notMade } from "./unanswered.ts";

/** How often what is on its way, or waits for an owner, is looked after. */
const LOOK_MS = 25;

/** What a carrier is made of. */
export interface ClusterCarrierOptions {
  readonly secret: string | undefined;
  readonly tls: TlsIdentity | undefined;
  /** Bytes of a message of the cluster, at most. */
  readonly messageBytes: number;
  /** Makes the number of a session, that no other one ever has. */
  readonly makeSession: () => number;
  /** Called when there is something to settle. */
  readonly onArrival: () => void;
  /** Called when nothing is settled any more. */
  readonly onClose: () => void;
  readonly clock: ClusterClock;
  readonly connect: Connect;
  /** Copies that owners have lent; left out: it makes them. */
  readonly lentCopies?: LentCopies;
}

/** Carries requests to nodes. */
export class ClusterCarrier implements Carrier, ReadSource {
  readonly requestWordsMax: number;
  readonly canBlock = false;
  /** By which nodes are waited for. */
  readonly clock: ClusterClock;
  /** How many requests were sent again. */
  resentCount = 0;
  /** Called when owners have changed, or connections have opened or ended. */
  onChange = (): void => {};
  readonly #options: ClusterCarrierOptions;
  readonly #ages: RequestAges;
  readonly #copies: LentCopies;
  readonly #turns: AnswerTurns;
  #view: OwnerView = NO_VIEW;
  #peers: NodePeers;
  #shared: SharedReads | undefined;
  /** Requests that have not been settled. */
  readonly #open: OpenParcels<ClusterParcel>;
  #newest!: ClusterParcel;
  #claimed: ClusterParcel[] = [];
  readonly #order = new RequestOrder<ClusterParcel>();
  /** Those that may be sent and have no number yet. */
  #admitted: ClusterParcel[] = [];
  /** Those that have a number and have not ended, in the order of their numbers. */
  readonly #named = new Numbered<ClusterParcel>();
  #number = 0;
  /** What is on its way for each slot, and what waits. */
  readonly #traffic: SlotTraffic;
  #timer: Timer | undefined;
  #isOpen = true;

  /** Makes a carrier that knows no owner yet; `ends` is told what has ended. */
  constructor(ends: RequestEnds, options: ClusterCarrierOptions) {
    this.#open = new OpenParcels(ends);
    this.#options = options;
    this.requestWordsMax = REQUEST_RECORD + clientSegmentBytes(options.messageBytes) / 4;
    this.clock = options.clock;
    this.#ages = new RequestAges(options.clock);
    this.#traffic = new SlotTraffic(options.clock);
    this.#copies = options.lentCopies ?? new LentCopies(options.clock);
    this.#turns = new AnswerTurns(options.clock, options.onArrival);
    this.#peers = this.#makePeers();
  }

  get isCrowded(): boolean {
    return this.#open.isCrowded;
  }

  get isFull(): boolean {
    return this.#open.isFull;
  }

  get lane(): Lane {
    return this.#newest;
  }

  /** Reads that were answered from copies. */
  get copiedReads(): number {
    return this.#copies.readCount;
  }

  /** What this process's node shares can be read; undefined: nothing. */
  share(reads: SharedReads | undefined): void {
    this.#shared = reads;
  }

  readHere(key: EncodedKey, withValue: boolean): ReadValue | undefined {
    return this.#isOpen ? this.#shared?.read(key, withValue) : undefined;
  }

  /** Nodes to which there are connections. */
  connected(): number[] {
    const open = [...this.#peers.all()].filter(({ link }) => link.isWelcome);
    return open.map(({ node }) => node).sort((a, b) => a - b);
  }

  claim(
    slot: Slot,
    _key: KeyPlace,
    sequence: number,
    length: number,
    completion: Completion,
  ): number {
    if (!this.#isOpen || !this.#open.hasRoomFor(length)) return NO_LANE;
    const { memory } = this.#open;
    const parcel = this.#newest = new ClusterParcel(slot, sequence, length, completion, memory);
    this.#ages.begin(parcel);
    this.#open.add(parcel);
    this.#claimed.push(parcel);
    return 0;
  }

  publish(): void {
    const claimed = this.#claimed;
    this.#claimed = [];
    for (const parcel of claimed) if (this.#order.admit(parcel)) this.#admitted.push(parcel);
    this.#send();
    if (this.#open.hasEnded) this.#turns.answered();
  }

  /** Nodes execute requests. */
  help(): void {}

  /** The agent knows more of who owns what. */
  update(view: OwnerView): void {
    this.#view = view;
    this.#peers.follow(view);
    this.#resumeAll();
    this.onChange();
  }

  /** Who owns what, as far as this thread knows. */
  get view(): OwnerView {
    return this.#view;
  }

  /** A node, if it takes calls now; if not, it is connected to. */
  peerOf(node: number): Peer | undefined {
    return this.#isOpen ? this.#peers.peerOf(node, this.#view) : undefined;
  }

  /**
   * Asks the owner of a slot, once; undefined if it cannot be asked now.
   *
   * @throws {DinomoError} with which it has answered
   */
  ask(
    slot: number,
    content: Uint8Array,
    signal: AbortSignal | undefined,
  ): Promise<Uint8Array | undefined> {
    const calls = this.#peers.ownerOf(slot as Slot, this.#view)?.calls;
    return calls === undefined ? Promise.resolve(undefined) : askOnce(calls, content, signal);
  }

  settle(): number {
    return this.#open.settle();
  }

  take(): ReadValue | undefined {
    return this.#open.read;
  }

  wait(): never {
    assert(false, "calls that block are refused before");
  }

  withdraw(): never {
    assert(false, "calls that block are refused before");
  }

  isGivenUp(): boolean {
    return false;
  }

  givesUp(): boolean {
    return false;
  }

  firstOf(): never {
    assert(false, "a request of any length is carried as one");
  }

  close(): void {
    this.#isOpen = false;
    this.#timer?.stop();
    this.#timer = undefined;
    this.#peers.close(new StoreClosedError("the store must be open, and has been closed"));
    this.#options.onClose();
  }

  failAll(error: DinomoError): void {
    this.close();
    this.#named.clear();
    this.#traffic.clear();
    this.#order.clear();
    this.#claimed = this.#admitted = [];
    this.#open.failAll((parcel) => isUnknown(parcel) ? notKnown(error) : error);
    // When what is held has failed, too.
    runMicrotask(this.#options.onArrival);
  }

  /** The number up to which all answers have come. */
  get #confirmed(): number {
    const oldest = this.#named.lowest;
    return oldest === undefined ? this.#number : oldest - 1;
  }

  #makePeers(): NodePeers {
    const session = this.#options.makeSession();
    return new NodePeers({ ...this.#options, session }, {
      onOpen: () => {
        this.#resumeAll();
        this.onChange();
      },
      onAnswers: (peer, body) => this.#receive(peer, body),
      onLost: (peer) => {
        for (const parcel of peer.sent.all()) this.#comeBack(parcel);
        this.#resumeAll();
        this.onChange();
      },
    });
  }

  /**
   * Gives what may be sent its numbers, as far as nodes keep in mind how it ends, and routes it.
   */
  #send(): void {
    if (this.#admitted.length > 0 && this.#number === SESSION_REQUESTS_MAX) this.#renewSession();
    // What is answered from a copy lets others be admitted.
    for (let count = this.#sendable; count > 0; count = this.#sendable) {
      for (const parcel of this.#admitted.splice(0, count)) {
        if (!this.#traffic.isStalled(parcel.slot) && this.#answerHere(parcel)) continue;
        parcel.number = ++this.#number;
        parcel.words[REQUEST_RECORD + RECORD_REQUEST_POSITION] = parcel.number;
        this.#named.add(parcel);
        this.#route(parcel);
      }
    }
    this.#peers.flush(this.#confirmed);
    this.#lookLater();
  }

  /** How many requests may get numbers. */
  get #sendable(): number {
    const last = Math.min(this.#confirmed + REMOTE_REQUESTS_MAX, SESSION_REQUESTS_MAX);
    return Math.min(last - this.#number, this.#admitted.length);
  }

  /** No number is left; when all that have one have ended, there is another session. */
  #renewSession(): void {
    if (this.#named.size > 0) return;
    this.#peers.close(new PeerLostError());
    this.#peers = this.#makePeers();
    this.#number = 0;
  }

  #route(parcel: ClusterParcel): void {
    const { slot } = parcel;
    const traffic = this.#traffic;
    if (traffic.isStalled(slot) || this.#copies.has(parcel)) return traffic.stall(parcel);
    const peer = this.#peers.ownerOf(slot, this.#view);
    const isOtherWay = traffic.isBusy(slot) && traffic.isSuperseded(slot, this.#view);
    if (peer === undefined || isOtherWay) return traffic.stall(parcel);
    this.#sendTo(peer, parcel);
  }

  /** Answers a read from a copy, if nothing of its slot is on its way. */
  #answerHere(parcel: ClusterParcel): boolean {
    if (this.#traffic.isBusy(parcel.slot) || !this.#copies.answer(parcel)) return false;
    this.#end(parcel);
    return true;
  }

  #sendTo(peer: Peer, parcel: ClusterParcel): void {
    const { slot, words } = parcel;
    if (parcel.isSent) this.resentCount += 1;
    parcel.isSent = true;
    const assignedAt = this.#view.assignedAt[slot]!;
    this.#traffic.begin(slot, this.#view);
    parcel.sentAt = this.#copies.now();
    parcel.lentMs = 0;
    peer.sent.add(parcel);
    const ageMs = this.#ages.ageMs(parcel);
    const copiedReads = this.#copies.tellReads(parcel);
    peer.outgoing.push({ assignedAt, ageMs, copiedReads, words });
  }

  #receive(peer: Peer, body: Uint8Array): void {
    if (!this.#isOpen) return;
    for (const answer of decodeAnswers(body, isOfNode)) {
      if (answer.status === RECALL) {
        this.#copies.drop(answer.versionLow);
        peer.recalled += 1;
        peer.isRecallUntold = true;
        continue;
      }
      const parcel = peer.sent.get(answer.number);
      if (parcel === undefined) {
        throw new FrameError(`an answer must be to a request in flight, got ${answer.number}`);
      }
      if (answer.status === LENT) {
        parcel.lentMs = answer.versionLow;
        continue;
      }
      // One that is wrong ends the connection, and its request comes back with all others.
      if (!isReturned(answer.status)) takeAnswer(parcel, answer);
      peer.sent.delete(answer.number);
      if (parcel.lentMs > 0 && answer.status === Status.FOUND) this.#copies.take(parcel, answer);
      if (isReturned(answer.status)) this.#return(peer, parcel);
      else this.#note(parcel);
    }
    this.#send();
    this.#options.onArrival();
  }

  /** A node has given a request back. */
  #return(peer: Peer, parcel: ClusterParcel): void {
    peer.returned += 1;
    this.#comeBack(parcel);
    this.#traffic.refuse(parcel.slot);
    this.#resume(parcel.slot);
  }

  /** A request that was sent has come back. */
  #comeBack(parcel: ClusterParcel): void {
    this.#traffic.end(parcel.slot);
    this.#traffic.stall(parcel);
  }

  /** A request was answered. */
  #note(parcel: ClusterParcel): void {
    const { slot } = parcel;
    this.#traffic.end(slot);
    this.#end(parcel);
    if (this.#traffic.isStalled(slot)) this.#resume(slot);
  }

  #end(parcel: ClusterParcel): void {
    this.#named.delete(parcel.number);
    this.#open.end(parcel);
    this.#order.end(parcel, this.#admitted);
  }

  #resumeAll(): void {
    if (!this.#isOpen) return;
    for (const slot of this.#traffic.stalledSlots()) this.#resume(slot);
    this.#send();
    if (this.#open.hasEnded) this.#options.onArrival();
  }

  /** Sends what waits of a slot, if nothing of it is on its way, and its owner takes it. */
  #resume(slot: Slot): void {
    if (this.#traffic.isBusy(slot) || this.#traffic.isRefused(slot, this.#view)) return;
    const { live, over } = this.#ages.divide(this.#traffic.takeStalled(slot));
    for (const parcel of over) this.#giveUp(parcel);
    const peer = live.length > 0 ? this.#peers.ownerOf(slot, this.#view) : undefined;
    for (const parcel of live) {
      if (peer === undefined) this.#traffic.stall(parcel);
      else if (!this.#answerHere(parcel)) this.#sendTo(peer, parcel);
    }
  }

  #giveUp(parcel: ClusterParcel): void {
    const why = this.#peers.failureOf(parcel.slot, this.#view);
    parcel.error = isUnknown(parcel) ? notKnown() : notMade(why);
    this.#end(parcel);
  }

  #lookLater(): void {
    if (this.#named.size === 0 || this.#timer !== undefined || !this.#isOpen) return;
    this.#timer = this.#options.clock.after(LOOK_MS, () => {
      this.#timer = undefined;
      this.#look();
    });
  }

  /** Ends connections that will not answer any more, and tries again to send what waits. */
  #look(): void {
    const hasGone = (slot: Slot) => this.#traffic.isSuperseded(slot, this.#view);
    for (const peer of [...this.#peers.all()]) {
      if (this.#ages.isLate(peer, hasGone)) peer.link.close();
    }
    this.#resumeAll();
  }
}
