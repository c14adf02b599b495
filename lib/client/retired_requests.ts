/**
 * Requests in flight to KNs that are gone: which of them have been applied, and which have to be
 * sent elsewhere (I5).
 *
 * Why that can be told, request by request:
 *
 * - A KN writes the answer to a change before it unlocks the slot, and the slot is taken away from
 *   it by swapping its unlocked word. So once the owner table names another KN, every change that
 *   the gone KN has made or will ever make to the slot is an answer in the ring. Answers that were
 *   only prepared have been completed by then, or taken back (recovery/step_recovery.ts).
 * - An answer is recognised by the number of its request, so one of an earlier round is not taken
 *   for it.
 * - A request without an answer has not been applied, and never will be: it carries an outdated
 *   owner word. It is looked at once and then forgotten here, so an answer that a zombie writes too
 *   late (that the slot has moved, or that a condition did not hold) is taken by no client.
 *
 * The same holds for a key that several KNs own: its cell is taken away from a KN that is gone by
 * swapping the cell's unlocked word, and then clients route by another word.
 *
 * While the table still names the gone KN, its thread is in the middle of a change of the slot. The
 * requests wait, and with them everything that is issued for the slot. When the M-node declares the
 * slot unavailable, they end without an answer.
 *
 * @module
 */
import type { NodeId, OwnerWord, Slot } from "../core/brands.ts";
import type { Pool } from "../pool/pool.ts";
import {
  COMPLETION_ADDRESS,
  COMPLETION_STATUS,
  COMPLETION_VERSION_HIGH,
  COMPLETION_VERSION_LOW,
  isOfRequest,
  isPrepared,
  REQUEST_LENGTH,
  REQUEST_OWNER_WORD,
  Status,
  statusOf,
} from "../rings/ring_layout.ts";
import { NO_NODE } from "../routing/node_directory.ts";
import { cellNode, cellOf, isCellWord, loadRoute, NO_ROUTE } from "../routing/cells.ts";
import { HOLDER_MASK, loadOwner, ownerOf } from "../routing/ownership.ts";
import type { NodeConnection } from "./node_connection.ts";
import type { HeldRequest } from "./completions.ts";

/** A request to a KN that is gone. */
export interface RetiredRequest extends HeldRequest {
  readonly connection: NodeConnection;
  /**
   * Its number in the ring, and indices of its first word and of its completion entry. The ring
   * stays as it is until the request is decided.
   */
  readonly number: number;
  readonly requestAt: number;
  readonly entryAt: number;
}

/** What a gone KN has answered. */
export interface RetiredAnswer {
  readonly status: number;
  readonly address: number;
  readonly versionLow: number;
  readonly versionHigh: number;
}

/**
 * A request to a retired KN about which all is known that ever will be: the answer, that there is
 * none, or that no agent can know.
 */
export interface DecidedRequest extends RetiredRequest {
  readonly answer: RetiredAnswer | "none" | "unknown";
}

/** The requests of one client to retired KNs, in the order of their rings. */
export class RetiredRequests {
  readonly #pool: Pool;
  #requests: RetiredRequest[] = [];
  /** Connections that still have requests here: their rings must not be used by others. */
  readonly #open = new Map<NodeConnection, number>();

  /** Makes an empty list. */
  constructor(pool: Pool) {
    this.#pool = pool;
  }

  /** Requests that are not decided. */
  get count(): number {
    return this.#requests.length;
  }

  /** Takes everything that is in flight on a connection. */
  take(connection: NodeConnection): void {
    const { producer } = connection;
    let count = 0;
    while (producer.inFlightCount !== 0) {
      const index = producer.oldestIndex;
      const at = producer.oldestRequestAt();
      this.#requests.push({
        connection,
        number: (producer.settledCount + 1) | 0,
        requestAt: at,
        entryAt: producer.completionAt(),
        slot: connection.slots[index] as Slot,
        sequence: connection.sequences[index],
        words: producer.words.slice(at, at + producer.words[at + REQUEST_LENGTH]),
        completion: connection.completions[index]!,
      });
      connection.completions[index] = undefined;
      producer.settle();
      count += 1;
    }
    if (count === 0) producer.setConnected(0);
    else this.#open.set(connection, count);
  }

  /** Takes the requests whose slots have another owner by now. */
  takeDecided(): DecidedRequest[] {
    const decided: DecidedRequest[] = [];
    this.#requests = this.#requests.filter((request) => {
      const owner = this.#ownerOf(request);
      if (owner === request.connection.nodeId) return true;
      const answer = answerTo(request, owner);
      decided.push({ ...request, answer });
      this.#close(request.connection);
      return false;
    });
    return decided;
  }

  /**
   * The owner of what a request was routed by: the KN that is gone, as long as it may have it
   * locked.
   */
  #ownerOf({ words, slot, connection }: RetiredRequest): NodeId {
    const word = words[REQUEST_OWNER_WORD] as OwnerWord;
    if (!isCellWord(word)) return ownerOf(loadOwner(this.#pool, slot));
    const cell = cellOf(word);
    const route = loadRoute(this.#pool, cell);
    if ((route & ~HOLDER_MASK) === word) return connection.nodeId;
    // A cell is freed after it was taken away from all its owners. The pseudo node id of the cell
    // names no KN.
    return route === NO_ROUTE ? cellNode(cell) : ownerOf(route);
  }

  /** Takes all of them, to fail them. */
  takeAll(): RetiredRequest[] {
    const all = this.#requests;
    this.#requests = [];
    for (const { connection } of all) this.#close(connection);
    return all;
  }

  #close(connection: NodeConnection): void {
    const count = this.#open.get(connection)! - 1;
    this.#open.set(connection, count);
    if (count > 0) return;
    this.#open.delete(connection);
    connection.producer.setConnected(0);
  }
}

function answerTo(request: RetiredRequest, owner: NodeId): DecidedRequest["answer"] {
  const { words } = request.connection.producer;
  const { entryAt, number } = request;
  // Loaded once, and before the rest of the entry: a zombie may be writing it.
  const word = Atomics.load(words, entryAt + COMPLETION_STATUS);
  const isAnswered = isOfRequest(word, number) && !isPrepared(word);
  if (!isAnswered && owner === NO_NODE) return "unknown";
  if (!isAnswered || statusOf(word) === Status.MOVED) return "none";
  return {
    status: statusOf(word),
    address: words[entryAt + COMPLETION_ADDRESS],
    versionLow: words[entryAt + COMPLETION_VERSION_LOW],
    versionHigh: words[entryAt + COMPLETION_VERSION_HIGH],
  };
}
