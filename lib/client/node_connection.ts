/**
 * A client's connection to one KN: its end of the rings, and what waits for the requests in flight.
 *
 * Completions come in the order of the requests, so what belongs to a completion is found by its
 * number, in arrays of the ring's size; there is no map and nothing to allocate per request.
 *
 * @module
 */
import type { NodeId, OwnerWord } from "../core/brands.ts";
import type { EncodedKey } from "../core/key_encoder.ts";
import { RequestProducer } from "../rings/request_producer.ts";
import type { RingHandle } from "../rings/ring_layout.ts";
import type { Lane } from "./carrier.ts";
import type { Completion } from "./completions.ts";

/** How an attempt to put at once has ended. */
export const OwnPut = {
  /** Nothing was done. */
  NOT_MADE: 0,
  /** The answer is that of the ring's next request. */
  ANSWERED: 1,
  /** It has thrown: whether it is made, the end of the ring's next request tells. */
  FAILED: 2,
} as const;

/** See `OwnPuts.put`; returns one of {@linkcode OwnPut}. */
export type PutAtOnce = (
  record: Int32Array,
  length: number,
  key: EncodedKey,
  routedBy: OwnerWord,
) => number;

/** See `OwnCommits.commit`; returns one of {@linkcode OwnPut}. */
export type CommitAtOnce = (words: Int32Array) => number;

/** One client's connection to one KN. */
export class NodeConnection implements Lane {
  readonly nodeId: NodeId;
  /** The KN's agent block, by which it is woken. */
  readonly agentAt: number;
  readonly producer: RequestProducer;
  readonly words: Int32Array;
  readonly bytes: Uint8Array;
  /** By number modulo the ring's size: slot, sequence and completion of each request in flight. */
  readonly slots: Uint16Array;
  readonly sequences: Float64Array;
  readonly completions: (Completion | undefined)[];
  /**
   * Publishes and executes requests in the KN's place; returns how many, 0 if that is not possible
   * now.
   */
  readonly help: () => number;
  /**
   * Makes a put in a step of its own; undefined if this thread may not.
   *
   * @returns one of `OwnPut`
   */
  readonly putAtOnce: PutAtOnce | undefined;
  /** The same for an atomic commit. */
  readonly commitAtOnce: CommitAtOnce | undefined;
  /**
   * Starts the KN's thread, which there is no need for before there is more to do than this thread
   * does itself; undefined once it has been called.
   */
  start: (() => void) | undefined;

  /**
   * Opens a connection; the functions are the helper's `doWork`, `ownPuts.put`,
   * `ownCommits.commit`.
   */
  constructor(
    nodeId: NodeId,
    agentAt: number,
    handle: RingHandle,
    execute: (publish: () => void) => number,
    putAtOnce?: PutAtOnce,
    commitAtOnce?: CommitAtOnce,
  ) {
    this.commitAtOnce = commitAtOnce;
    this.putAtOnce = putAtOnce;
    this.nodeId = nodeId;
    this.agentAt = agentAt;
    this.producer = new RequestProducer(handle);
    const publish = () => this.producer.publish();
    this.help = () => execute(publish);
    const words = this.words = this.producer.words;
    this.bytes = new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
    this.slots = new Uint16Array(handle.inFlightMax);
    this.sequences = new Float64Array(handle.inFlightMax);
    this.completions = new Array<Completion | undefined>(handle.inFlightMax).fill(undefined);
  }

  get newestIndex(): number {
    return this.producer.newestIndex;
  }

  requestAt(index: number): number {
    return this.producer.requestAt(index);
  }

  isUnpublished(index: number): boolean {
    return this.producer.isUnpublished(index);
  }
}
