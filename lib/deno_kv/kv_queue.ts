/**
 * The queue of Deno KV, by the queue of the store.
 *
 * @module
 */
import { describe } from "../core/errors.ts";
import type { Job } from "../queue/job.ts";
import { Queue, type QueueStore } from "../queue/queue.ts";
import type { AtomicCommit } from "../store/commits/atomic_commit.ts";
import { type StampClock, storedOf, type StoredValue } from "./kv_values.ts";
import { encodeStoredKey, type KvKey, nameOfKey } from "./tuple_key.ts";

/** How a message is delivered. */
export interface EnqueueOptions {
  /** Milliseconds after which it is delivered, 30 days at most. @default 0 */
  delay?: number | undefined;
  /** Keys that are set to the message if no handler succeeds. @default none */
  keysIfUndelivered?: KvKey[] | undefined;
  /**
   * Milliseconds to wait before each further try, 30 days at most each.
   * @default 100, 1000, 5000, 30000, 60000
   */
  backoffSchedule?: number[] | undefined;
}

/** A message in the queue. */
interface Message {
  readonly value: unknown;
  readonly keysIfUndelivered: readonly Uint8Array[];
  readonly backoffSchedule: readonly number[];
}

/** What the queue needs of a store. */
export interface KvQueueStore extends QueueStore {
  atomic(): AtomicCommit<StoredValue, Uint8Array>;
}

/** 30 days, as for Deno's own. */
const DELAY_MS_MAX = 30 * 24 * 60 * 60 * 1000;
const BACKOFF_SCHEDULE = [100, 1000, 5000, 30_000, 60_000];
/** Messages that one listener has at once. */
const CONCURRENCY = 64;
/** The queue itself gives no message up: how often one is tried is its own. */
const ATTEMPTS = 1_000_000;

/** The queue of one store. */
export class KvQueue {
  readonly #store: KvQueueStore;
  readonly #clock: StampClock;
  readonly #queue: Queue<Message>;

  /** The queue of a store. */
  constructor(store: KvQueueStore, clock: StampClock) {
    this.#store = store;
    this.#clock = clock;
    this.#queue = new Queue<Message>(store, "deno-kv", { attempts: ATTEMPTS });
  }

  /** Checks how a message is to be delivered. */
  assertOptions(options: EnqueueOptions = {}): void {
    const { delay = 0, backoffSchedule = [], keysIfUndelivered = [] } = options;
    if (!isDelay(delay)) {
      throw new TypeError(
        `delay must be a number of milliseconds from 0 to ${DELAY_MS_MAX}, got ${describe(delay)}`,
      );
    }
    const isRight = Array.isArray(backoffSchedule) && backoffSchedule.every(isDelay);
    if (!isRight) {
      throw new TypeError(
        `backoffSchedule must be an array of milliseconds from 0 to ${DELAY_MS_MAX}`,
      );
    }
    for (const key of keysIfUndelivered) encodeStoredKey(key);
  }

  /** Has a commit add a message. */
  addTo(
    commit: AtomicCommit<StoredValue, Uint8Array>,
    value: unknown,
    options: EnqueueOptions = {},
  ): void {
    const { delay = 0, keysIfUndelivered = [], backoffSchedule = BACKOFF_SCHEDULE } = options;
    // Each once: a commit changes a key once.
    const keys = new Map<string, Uint8Array>();
    for (const key of keysIfUndelivered) {
      const bytes = encodeStoredKey(key);
      keys.set(nameOfKey(bytes), bytes);
    }
    const message: Message = { value, keysIfUndelivered: [...keys.values()], backoffSchedule };
    this.#queue.addTo(commit as never, message, { delayMs: delay });
  }

  /** Delivers messages until the signal is aborted, or the store is closed. */
  async listen(
    handler: (value: unknown) => unknown,
    signal: AbortSignal,
  ): Promise<void> {
    const deliver = async (job: Job<Message>) => {
      try {
        await handler(job.value.value);
      } catch (error) {
        await this.#deliverLater(job, error);
      }
    };
    await this.#queue.process(deliver, { concurrency: CONCURRENCY, signal, keepAlive: false });
  }

  /** After a failure: delivers a message once more, or sets the keys for those that are not. */
  async #deliverLater(job: Job<Message>, error: unknown): Promise<void> {
    const { value, keysIfUndelivered, backoffSchedule } = job.value;
    const delayMs = backoffSchedule[job.attempts - 1];
    if (delayMs !== undefined) {
      await job.retry(error, { delayMs });
      return;
    }
    if (keysIfUndelivered.length === 0) return;
    const commit = this.#store.atomic();
    const stamp = this.#clock.next();
    for (const key of keysIfUndelivered) commit.put(key, storedOf(stamp, value));
    await commit.commit();
  }
}

function isDelay(ms: unknown): boolean {
  return typeof ms === "number" && ms >= 0 && ms <= DELAY_MS_MAX;
}
