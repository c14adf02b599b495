/**
 * A client's end of the ring to one KN: writes real requests into it, and takes the answers. Every
 * value says which key it is of, and a read that finds another one's is an error: an experiment
 * with a store that loses or mixes up values would show nothing.
 *
 * @module
 */
import type { OwnerWord, Slot } from "../../../../lib/core/brands.ts";
import { KeyEncoder } from "../../../../lib/core/key_encoder.ts";
import { BATCH_REQUESTS_MAX, SLOT_SHIFT } from "../../../../lib/core/limits.ts";
import { NO_VALUE, requestLength } from "../../../../lib/client/request_draft.ts";
import type { ValueBytes } from "../../../../lib/log/record_writer.ts";
import { RequestWriter } from "../../../../lib/client/request_writer.ts";
import { FLAG_BINARY_KEY, packMeta, RecordKind } from "../../../../lib/log/record_layout.ts";
import type { Pool } from "../../../../lib/pool/pool.ts";
import { RequestProducer, RING_FULL } from "../../../../lib/rings/request_producer.ts";
import { ResponseReader } from "../../../../lib/rings/response_ring.ts";
import {
  COMPLETION_ADDRESS,
  COMPLETION_STATUS,
  COMPLETION_VERSION_LOW,
  Condition,
  createRing,
  Operation as RingOperation,
  packOperation,
  REQUEST_OWNER_WORD,
  type RingHandle,
  Status,
  statusOf,
} from "../../../../lib/rings/ring_layout.ts";
import { findRoute, NO_ROUTE } from "../../../../lib/routing/cells.ts";
import { loadOwner } from "../../../../lib/routing/ownership.ts";
import { OperationKind } from "../../workload/mix.ts";
import type { Operation } from "../system.ts";

const KEY_BYTES = 8;
/**
 * Room for as many requests with values as a step takes, four times over: padding at the end
 * included.
 */
const RING_REQUESTS = 4 * BATCH_REQUESTS_MAX;
/** Of a record: header, key, and what rounding adds. */
const RECORD_BYTES_EXTRA = 48;
/** Of a request: its header. */
const REQUEST_BYTES_EXTRA = 32;

/** Bytes of a record in the log, not less. */
export function recordBytesOf(valueBytes: number): number {
  return valueBytes + RECORD_BYTES_EXTRA;
}

/** Keys as the experiments number them, encoded and hashed for one pool. */
export class KeyNumbers {
  readonly encoder: KeyEncoder;
  readonly #pool: Pool;
  readonly #bytes = new Uint8Array(KEY_BYTES);
  readonly #view = new DataView(this.#bytes.buffer);

  constructor(pool: Pool) {
    this.#pool = pool;
    this.encoder = new KeyEncoder(...pool.hashKey);
  }

  /** Encodes a key; returns its slot. */
  encode(key: number): Slot {
    this.#view.setUint32(0, key);
    return (this.encoder.encode(this.#bytes) >>> SLOT_SHIFT) as Slot;
  }

  /**
   * Encodes a key; returns the word by which its requests are routed: that of its cell, if several
   * KNs own it, or of its slot.
   */
  route(key: number): OwnerWord {
    const owner = loadOwner(this.#pool, this.encode(key));
    const { hash, words, byteLength } = this.encoder;
    const route = findRoute(this.#pool, hash, words, 0, byteLength);
    return route === NO_ROUTE ? owner : route;
  }

  /** Encodes a key; returns its hash. */
  hashOf(key: number): number {
    this.encode(key);
    return this.encoder.hash;
  }
}

/** The client's end of one ring. */
export class RequestSender {
  /** The KN's end. */
  readonly ring: RingHandle;
  readonly #keys: KeyNumbers;
  readonly #producer: RequestProducer;
  readonly #bytes: Uint8Array;
  readonly #responses: ResponseReader;
  readonly #writer = new RequestWriter(0);
  readonly #value: ValueBytes;
  /** By place in the ring: the key of a read, or -1. */
  readonly #keysRead: Int32Array;

  constructor(keys: KeyNumbers, valueBytes: number) {
    this.#keys = keys;
    const requestBytes = recordBytesOf(valueBytes) + REQUEST_BYTES_EXTRA;
    const ringBytes = 2 ** Math.ceil(Math.log2(RING_REQUESTS * requestBytes));
    this.ring = createRing(ringBytes, RING_REQUESTS, ringBytes);
    this.#producer = new RequestProducer(this.ring);
    const { buffer, byteOffset, byteLength } = this.#producer.words;
    this.#bytes = new Uint8Array(buffer, byteOffset, byteLength);
    this.#responses = new ResponseReader(this.ring);
    this.#value = { bytes: new Uint8Array(valueBytes), start: 0, end: valueBytes };
    this.#keysRead = new Int32Array(RING_REQUESTS);
  }

  /** Sends a request, by the route of this moment. */
  send({ kind, key }: Operation): void {
    const route = this.#keys.route(key);
    const isRead = kind === OperationKind.READ;
    if (!isRead) new DataView(this.#value.bytes.buffer).setUint32(0, key);
    const draft = {
      operation: packOperation(isRead ? RingOperation.GET : RingOperation.PUT, Condition.NONE),
      meta: packMeta(KEY_BYTES, RecordKind.PUT, FLAG_BINARY_KEY),
      key: this.#keys.encoder,
      value: isRead ? NO_VALUE : this.#value,
      expiresAtMs: Infinity,
      expectedVersion: 0,
    };
    const at = this.#producer.claim(requestLength(draft));
    if (at === RING_FULL) throw new Error("the ring is full: more requests than a step takes");
    this.#writer.write(draft, this.#producer.words, this.#bytes, at);
    this.#producer.words[at + REQUEST_OWNER_WORD] = route;
    this.#keysRead[this.#producer.newestIndex] = isRead ? key : -1;
    this.#producer.publish();
  }

  /** Takes all answers that are there, in the order of the requests; returns how many. */
  takeAnswers(onAnswer: (status: number) => void): number {
    const producer = this.#producer;
    let count = 0;
    for (; producer.hasCompletion(); count++) {
      const { words } = producer;
      const at = producer.completionAt();
      const status = statusOf(words[at + COMPLETION_STATUS]);
      const key = this.#keysRead[producer.oldestIndex];
      if (status === Status.FOUND) {
        const index = words[at + COMPLETION_ADDRESS];
        const { bytes } = this.#responses.take(index, words[at + COMPLETION_VERSION_LOW]);
        const found = new DataView(bytes.buffer).getUint32(0);
        if (found !== key) throw new Error(`a read of key ${key} has found the value of ${found}`);
      } else if (status !== Status.MOVED && (status !== Status.OK || key >= 0)) {
        throw new Error(`a request of key ${key} was answered with status ${status}`);
      }
      producer.settle();
      onAnswer(status);
    }
    return count;
  }
}
