/**
 * The rings of a KN: from the host, and from the threads that are attached at the moment.
 *
 * @module
 */
import { RequestConsumer } from "../rings/request_consumer.ts";
import { REQUEST_TAIL, type RingHandle } from "../rings/ring_layout.ts";
import { attachedRing, type RingRegion } from "../rings/ring_region.ts";
import { clientsEpoch, HOST_CLIENT, isClientThere } from "../routing/client_registry.ts";
import type { Pool } from "../pool/pool.ts";

/** For how long a client counts as busy that has sent something. */
const BUSY_MS = 5;

/** What was seen of a ring. */
interface Seen {
  tail: number;
  /** When the tail was another one than before. */
  movedMs: number;
}

/** The rings of one KN, as its own thread sees them. */
export class ClientRings {
  /** A consumer for each ring that may hold requests; changed by {@linkcode update}. */
  readonly consumers: RequestConsumer[];
  readonly #pool: Pool;
  readonly #agent: number;
  readonly #region: RingRegion;
  readonly #host: RequestConsumer;
  readonly #attached: (RequestConsumer | undefined)[] = [];
  readonly #seen = new Map<RequestConsumer, Seen>();
  #epoch = 0;

  /** The rings of the KN that has an agent block. */
  constructor(pool: Pool, agent: number, hostRing: RingHandle, region: RingRegion) {
    this.#pool = pool;
    this.#agent = agent;
    this.#region = region;
    this.#host = new RequestConsumer(hostRing);
    this.consumers = [this.#host];
  }

  /** Looks which clients have come and gone; between two steps, one load if none has. */
  update(): void {
    const epoch = clientsEpoch(this.#pool);
    if (epoch === this.#epoch) return;
    this.#epoch = epoch;
    this.consumers.length = 0;
    this.consumers.push(this.#host);
    for (let client = HOST_CLIENT + 1; client < this.#region.clientCount; client++) {
      if (!isClientThere(this.#pool, client)) continue;
      const consumer = this.#attached[client] ??= new RequestConsumer(
        attachedRing(this.#region, client, this.#agent),
      );
      this.consumers.push(consumer);
    }
  }

  /**
   * How many clients have sent requests within the last milliseconds. The clients may have executed
   * them themselves.
   *
   * @param nowMs by a monotonic clock
   */
  busyCount(nowMs: number): number {
    let count = 0;
    for (const consumer of this.consumers) {
      const tail = Atomics.load(consumer.words, REQUEST_TAIL);
      const seen = this.#seen.get(consumer);
      if (seen === undefined) this.#seen.set(consumer, { tail, movedMs: -Infinity });
      else if (seen.tail !== tail) {
        seen.tail = tail;
        seen.movedMs = nowMs;
      }
      if (seen !== undefined && nowMs - seen.movedMs < BUSY_MS) count += 1;
    }
    return count;
  }
}
