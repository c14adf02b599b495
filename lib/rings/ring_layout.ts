/**
 * Layout of the rings between one client and one KN, in one SharedArrayBuffer. Offsets in words.
 *
 * ```text
 *   word 0     line  REQUEST TAIL      written by the client, loaded by the KN
 *              line  COMPLETION TAIL   written by the KN, loaded by the client
 *              line  CLIENT WAITING    set by the client before it waits, swapped by the KN
 *              line  REQUESTS TAKEN    written and loaded by the KN's executor
 *              line  CONNECTED         written by the client, loaded by the M-node
 *              completion entries      inFlightMax entries of 4 words, written by the KN
 *              request records         requestBytes, written by the client
 *   far only   line  RESPONSES READ    written by the client, loaded by the KN
 *              line  RESPONSES WRITTEN written by the KN, loaded by a client that connects
 *              responses               responseBytes, written by the KN; see response_ring.ts
 * ```
 *
 * Single producer, single consumer. Positions count without bound and wrap as u32: the request tail
 * counts words, the completion tail counts requests. There is no request head for the client to
 * look at: the KN answers every request, in order, and the space of a request is the client's again
 * when the client has handled its completion. So a request that was refused, or whose KN has died,
 * is still there to be sent elsewhere (I5), and the client never has more requests in flight than
 * there are completion entries, so the KN never has to look for room.
 *
 * **Request record**, 8-byte aligned, never wraps: a PAD request fills the end of the ring.
 *
 * ```text
 *   word 0   length in words, this header included
 *   word 1   operation (bits 0-7), condition (bits 8-15), whether it must be synced (bit 16)
 *   word 2   owner word by which the client routed
 *   word 3   version expected by the condition, bits 0-31
 *   word 4   version expected by the condition, bits 32-47
 *   word 5   COMMIT: the address that RESERVE returned; CLEAR_SLOT: the slot; for words 3 to 6
 *            of ATOMIC see commit_words.ts
 *   word 6   the log record, as in log/record_layout.ts, without its version; of ADD and TOUCH
 *            what it is made from, in the place of the value: see derivation_words.ts
 * ```
 *
 * **Completion entry**: status (bits 0-7) and number of the request (bits 8-31), address, version
 * bits 0-31, version bits 32-47. FOUND: index of the response, position behind it, the KN's agent
 * block. FOUND_STAGED: address, 0, the KN's agent block.
 *
 * The number says to which request an entry belongs, so that what a KN has answered before it died
 * is known although the tail does not say so: an entry is written before the slot is unlocked. A
 * *prepared* entry stands for a change that has been begun, under the slot's lock, and that the
 * M-node ends when it tidies up after a dead KN (recovery/step_recovery.ts).
 *
 * @module
 */
import { assert } from "../core/assert.ts";
import { LINE_WORDS } from "../pool/lines.ts";

/**
 * Words of the request stream published so far. Pairs with the KN's load in RequestConsumer.poll.
 */
export const REQUEST_TAIL = 0;
/** Completions published so far. Pairs with the client's load in RequestProducer.completionTail. */
export const COMPLETION_TAIL = LINE_WORDS;
/** 1 while the client waits on COMPLETION_TAIL. */
export const CLIENT_WAITING = 2 * LINE_WORDS;
/** Words of the request stream taken so far: where the KN's next executor goes on. */
export const REQUESTS_TAKEN = 3 * LINE_WORDS;
/**
 * The KN to which the client is connected by this ring, as identity + 1; 0 when it will not touch
 * the ring.
 */
export const CONNECTED_NODE = 4 * LINE_WORDS;
/** First completion entry. */
export const COMPLETIONS = 5 * LINE_WORDS;
/** Words of a completion entry. */
export const COMPLETION_WORDS = 4;
export const COMPLETION_STATUS = 0;
export const COMPLETION_ADDRESS = 1;
export const COMPLETION_VERSION_LOW = 2;
export const COMPLETION_VERSION_HIGH = 3;

export const REQUEST_LENGTH = 0;
export const REQUEST_OPERATION = 1;
export const REQUEST_OWNER_WORD = 2;
export const REQUEST_VERSION_LOW = 3;
export const REQUEST_VERSION_HIGH = 4;
export const REQUEST_ARGUMENT = 5;
export const REQUEST_RECORD = 6;

/**
 * Response part: words of the response stream that the client has taken. Pairs with the KN's load
 * in ResponseWriter.claim.
 */
export const RESPONSES_READ = 0;
/**
 * Response part: words of the response stream that the KN has written, for the ring's next client.
 */
export const RESPONSES_WRITTEN = LINE_WORDS;
/** Response part: first word of the responses. */
export const RESPONSES = 2 * LINE_WORDS;

/** What a request asks for. */
export const Operation = {
  /** Fills the end of the ring; not answered. */
  PAD: 0,
  PUT: 1,
  DELETE: 2,
  /** Reserve the record's space; the client writes the value into it. */
  RESERVE: 3,
  /** Make a reserved record the key's newest. */
  COMMIT: 4,
  /** Delete every key of a slot. */
  CLEAR_SLOT: 5,
  /** Far placement: read a key's value, or find out whether there is one. */
  GET: 6,
  HAS: 7,
  /** Far placement: answer when nothing of a slot waits to be merged. */
  MERGE_SLOT: 8,
  /** Put the sum of the stored number and another one; see derivation_words.ts. */
  ADD: 9,
  /** Put what is stored with another expiry time. */
  TOUCH: 10,
  /** Check and change several keys, together or not at all; see commit_words.ts. */
  ATOMIC: 11,
} as const;

/** When a request applies. */
export const Condition = {
  NONE: 0,
  /** Only if the key does not exist. */
  ABSENT: 1,
  /** Only if the key's newest version is the expected one. */
  VERSION: 2,
} as const;

/** How a request ended. */
export const Status = {
  /** Applied. */
  OK: 0,
  /** Nothing to do: the key did not exist, or the condition did not hold. */
  UNMET: 1,
  /** Not applied: the slot has another owner by now. */
  MOVED: 2,
  /** Not applied: the log has no room for it. */
  LOG_FULL: 3,
  /** Not applied: the index has no room for it. */
  INDEX_FULL: 4,
  /**
   * Not applied as far as any reader can see, but durability is lost: after a restart it may be
   * there.
   */
  NOT_DURABLE: 5,
  /** A value was read, and is in the response ring. */
  FOUND: 6,
  /**
   * A value was read, and is too large for the response ring: it is staged in the pool, for the
   * client to take and to give back.
   */
  FOUND_STAGED: 7,
  /**
   * Not applied: a KN that has failed holds what the request needs, and has not let go for too
   * long.
   */
  UNAVAILABLE: 8,
  /** Not applied: what is stored is no number, or the sum would not be finite. */
  NOT_A_NUMBER: 9,
} as const;

/** Whether the answer to a change that was not made tells what its key holds. */
export function tellsOfKey(status: number): boolean {
  return status === Status.UNMET || status === Status.NOT_A_NUMBER;
}

const CONDITION_SHIFT = 8;
const OPERATION_MASK = 0xff;
/** Bit of word 1: the request is answered when it is on the disk, whatever the store's level. */
const SYNC_FLAG = 1 << 16;

/** Packs word 1 of a request. */
export function packOperation(operation: number, condition: number, mustSync = false): number {
  return operation | (condition << CONDITION_SHIFT) | (mustSync ? SYNC_FLAG : 0);
}

/** Whether word 1 of a request asks for syncing. */
export function mustSyncOf(word: number): boolean {
  return (word & SYNC_FLAG) !== 0;
}

/** The operation in word 1 of a request. */
export function operationOf(word: number): number {
  return word & OPERATION_MASK;
}

const NUMBER_SHIFT = 8;
const STATUS_MASK = 0x7f;
const PREPARED = 0x80;

/**
 * Packs word 0 of a completion entry.
 *
 * @param number of the request, counted from 1; its low 24 bits count
 */
export function packStatus(status: number, number: number, isPrepared = false): number {
  return status | (isPrepared ? PREPARED : 0) | (number << NUMBER_SHIFT);
}

/** The status in word 0 of a completion entry. */
export function statusOf(word: number): number {
  return word & STATUS_MASK;
}

/** Whether a completion entry stands for a change that was begun. */
export function isPrepared(word: number): boolean {
  return (word & PREPARED) !== 0;
}

/** Word 0 of the entry of a change that was begun, when the change has been made. */
export function withoutPrepared(word: number): number {
  return word & ~PREPARED;
}

/** Whether a completion entry belongs to a request, and not to one of an earlier round. */
export function isOfRequest(word: number, number: number): boolean {
  return word >>> NUMBER_SHIFT === (number << NUMBER_SHIFT) >>> NUMBER_SHIFT;
}

/** Index of the completion entry of a request, counted from 1. */
export function completionEntry(number: number, inFlightMax: number): number {
  return COMPLETIONS + ((number - 1) & (inFlightMax - 1)) * COMPLETION_WORDS;
}

/** The condition in word 1 of a request. */
export function conditionOf(word: number): number {
  return (word >>> CONDITION_SHIFT) & OPERATION_MASK;
}

/** A ring's buffer and sizes; structured-cloneable. */
export interface RingHandle {
  readonly buffer: SharedArrayBuffer;
  /** Where the ring begins in it, in bytes. */
  readonly byteOffset: number;
  /** Words of the request part, a power of two. */
  readonly requestWords: number;
  /** Completion entries, a power of two. */
  readonly inFlightMax: number;
  /**
   * Words of the response part, a power of two; 0 in the near placement, where there is none.
   * @default 0
   */
  readonly responseWords?: number;
}

/**
 * Allocates the rings between a client and a KN.
 *
 * @param requestBytes bytes for requests, a power of two
 * @param inFlightMax requests in flight, a power of two
 * @param responseBytes bytes for what is read, a power of two; 0 in the near placement
 */
export function createRing(
  requestBytes: number,
  inFlightMax: number,
  responseBytes = 0,
): RingHandle {
  assert(Math.log2(requestBytes) % 1 === 0, "ring sizes are powers of two");
  assert(Math.log2(inFlightMax) % 1 === 0, "ring sizes are powers of two");
  const buffer = new SharedArrayBuffer(ringBytes(requestBytes, inFlightMax, responseBytes));
  const responseWords = responseBytes / 4;
  return { buffer, byteOffset: 0, requestWords: requestBytes / 4, inFlightMax, responseWords };
}

/** Bytes of the rings between a client and a KN, a multiple of a line. */
export function ringBytes(
  requestBytes: number,
  inFlightMax: number,
  responseBytes: number,
): number {
  const ofResponses = responseBytes === 0 ? 0 : RESPONSES * 4 + responseBytes;
  return requestStart(inFlightMax) * 4 + requestBytes + ofResponses;
}

/** The response part of a ring: {@linkcode RESPONSES_READ}, then the responses. */
export function responseWordsOf(handle: RingHandle): Int32Array {
  const { buffer, byteOffset, requestWords, inFlightMax, responseWords = 0 } = handle;
  const start = byteOffset + (requestStart(inFlightMax) + requestWords) * 4;
  return new Int32Array(buffer, start, RESPONSES + responseWords);
}

/** One thread's view of a ring. */
export function ringWords(handle: RingHandle): Int32Array {
  const { buffer, byteOffset, requestWords, inFlightMax } = handle;
  return new Int32Array(buffer, byteOffset, requestStart(inFlightMax) + requestWords);
}

/** Whether a KN has answered a request, counted from 1, as its client sees it or will see it. */
export function isAnswered(handle: RingHandle, number: number): boolean {
  const words = ringWords(handle);
  if (((Atomics.load(words, COMPLETION_TAIL) - number) | 0) >= 0) return true;
  const word = Atomics.load(words, completionEntry(number, handle.inFlightMax) + COMPLETION_STATUS);
  return isOfRequest(word, number) && !isPrepared(word);
}

/** Whether a client uses the ring. */
export function isConnected(handle: RingHandle): boolean {
  return Atomics.load(ringWords(handle), CONNECTED_NODE) !== 0;
}

/** Says for a client that has ended that it does not use the ring any more. */
export function disconnectRing(handle: RingHandle): void {
  Atomics.store(ringWords(handle), CONNECTED_NODE, 0);
}

/** Whether the KN has taken everything that the client has sent. */
export function isTakenEmpty(handle: RingHandle): boolean {
  const words = ringWords(handle);
  return Atomics.load(words, REQUEST_TAIL) === Atomics.load(words, REQUESTS_TAKEN);
}

/**
 * Forgets what is in a ring that neither side uses. Requests go on to be numbered from beyond any
 * that may have been answered without being counted, so that no such answer is ever taken for one
 * of theirs.
 */
export function resetRing(handle: RingHandle): void {
  const words = ringWords(handle);
  const tail = words[COMPLETION_TAIL] + handle.inFlightMax;
  Atomics.store(words, REQUESTS_TAKEN, Atomics.load(words, REQUEST_TAIL));
  Atomics.store(words, COMPLETION_TAIL, tail | 0);
  Atomics.store(words, CLIENT_WAITING, 0);
  Atomics.store(words, CONNECTED_NODE, 0);
}

/** Index of the first word of the request part. */
export function requestStart(inFlightMax: number): number {
  return COMPLETIONS + inFlightMax * COMPLETION_WORDS;
}

assert(REQUEST_RECORD % 2 === 0, "records in requests are aligned like records in the log");
