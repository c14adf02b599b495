/**
 * Planted bugs in what is built on the store: locks, queues, and the interface of Deno KV.
 *
 * @module
 */
import type { PlantedBug } from "./planted_bug.ts";

const LOCK = "test/lock/lock.test.ts";
const MOVED_CLOCK = "test/lock/moved_clock.test.ts";
const QUEUE = "test/queue/queue.test.ts";
const KV = "test/deno_kv/kv.test.ts";
const KV_INTERFACE = "test/deno_kv/kv_interface.test.ts";
const TUPLES = "test/deno_kv/tuple_key.test.ts";

/** Bugs in modules. */
export const MODULE_BUGS: readonly PlantedBug[] = [
  {
    name: "a lock that is held is taken from its holder",
    breaks: "one holder at a time",
    file: "lib/lock/lock.ts",
    edits: [[
      "version = await records.compareAndSet(name, null, record, { expiresAt, durability });",
      "version = await records.put(name, record, { expiresAt, durability });",
    ]],
    caughtBy: [LOCK],
    inTest: "not given to others",
  },
  {
    name: "a holder releases a lock that another one has by now",
    breaks: "one holder at a time",
    file: "lib/lock/lock.ts",
    edits: [[
      "async (version) => await this.#records.compareAndDelete(this.name, version),",
      "async () => await this.#records.delete(this.name),",
    ]],
    caughtBy: [LOCK],
    inTest: "a lease is renewed",
  },
  {
    name: "the token of a lock changes when its lease is renewed, and not with its holder",
    breaks: "fencing",
    file: "lib/lock/lock.ts",
    edits: [["this.token = this.#version = version;", "this.#version = version; this.token = 1;"]],
    caughtBy: [LOCK],
    inTest: "not given to others",
  },
  {
    name: "a lease lasts as much longer as the clock was set back",
    breaks: "what a holder has that dies is free in time",
    file: "lib/lock/lease_left.ts",
    edits: [["Math.min(givenMs, endsAt - epochMs())", "endsAt - epochMs() || givenMs"]],
    caughtBy: [MOVED_CLOCK],
  },
  {
    name: "a job is taken by two consumers that have read it at the same time",
    breaks: "a job has one consumer",
    file: "lib/queue/consumer.ts",
    edits: [[
      "if (leasedUntil > nowMs) this.#soonestMs",
      "if (leasedUntil < 0) this.#soonestMs",
    ]],
    caughtBy: [QUEUE],
    inTest: "each to one consumer",
  },
  {
    name: "a consumer does not look at jobs in front of those that it has read",
    breaks: "at least once",
    file: "lib/queue/consumer.ts",
    edits: [["if (monotonicMs() - this.#begunMs > BEGIN_EVERY_MS) this.#begin();", ""], [
      "if (hasBegun && !this.#hasLeftSome) break; hasBegun = true; this.#begin();",
      "if (hasBegun) break; hasBegun = true;",
    ], [
      "this.#last = this.#window.at(-1);",
      "this.#last = this.#window.at(-1) ?? this.#last ?? JOB;",
    ], [
      "await this.#readWindow();",
      "await this.#readWindow(); if (this.#window.length === 0) break;",
    ]],
    caughtBy: [QUEUE],
    inTest: "comes back when its lease ends",
  },
  {
    name: "a consumer does not come back to the jobs that it has left to others",
    breaks: "every job is found",
    file: "lib/queue/consumer.ts",
    edits: [["if (hasBegun && !this.#hasLeftSome) break;", "if (hasBegun) break;"]],
    caughtBy: [QUEUE],
    inTest: "keeps out of the way",
  },
  {
    name: "a consumer is told of every change of a job, though it has always another one",
    breaks: "a job costs those who change it nothing that nobody needs",
    file: "lib/queue/job_stream.ts",
    edits: [["this.#takeCount += 1;", ""]],
    caughtBy: [QUEUE],
    inTest: "told of no changes",
  },
  {
    name: "a consumer that is told of changes again waits without another look",
    breaks: "every job is found",
    file: "lib/queue/job_stream.ts",
    edits: [[
      "await this.#arrivals.begin(); taken = await this.#source.take(count);",
      "await this.#arrivals.begin();",
    ]],
    caughtBy: [QUEUE],
    inTest: "told of no changes",
  },
  {
    name: "a job is ended by a consumer that has it no more",
    breaks: "a job has one consumer",
    file: "lib/queue/job.ts",
    edits: [["return records.compareAndDelete(key, version);", "return records.delete(key);"]],
    caughtBy: [QUEUE],
    inTest: "comes back when its lease ends",
  },
  {
    name: "the end of a job does not wait for the lease that is being prolonged",
    breaks: "a job ends by its consumer",
    file: "lib/queue/job.ts",
    edits: [[
      "return this.#extensions === undefined ? work() : this.#extensions.run(work);",
      "return work();",
    ]],
    caughtBy: [QUEUE],
    inTest: "comes after that",
  },
  {
    name: "a handler is not told that its job is lost",
    breaks: "a job has one consumer",
    file: "lib/queue/job.ts",
    edits: [["this.#noteLost(); return false;", "return false;"]],
    caughtBy: [QUEUE],
    inTest: "signal is aborted",
  },
  {
    name: "a job that is given back keeps its old place, too",
    breaks: "a job is one job",
    file: "lib/queue/job.ts",
    edits: [["if (key !== this.#key) commit.delete(this.#key);", ""]],
    caughtBy: [QUEUE],
    inTest: "tried again after a pause",
  },
  {
    name: "an atomic operation of Deno KV does not look at versionstamps",
    breaks: "checks",
    file: "lib/deno_kv/kv_atomic.ts",
    edits: [[
      "if (plan.stamps.some((expected) => expected !== text)) return { ok: false };",
      "",
    ]],
    caughtBy: [KV],
    inTest: "all keys of an operation",
  },
  {
    name: "a sum of Deno KV does not see that the key has changed since it was read",
    breaks: "atomic sums",
    file: "lib/deno_kv/kv_atomic.ts",
    edits: [["commit.check(plan.bytes, entry?.version ?? null);", ""]],
    caughtBy: [KV],
    inTest: "many at once add",
  },
  {
    name: "negative numbers in keys sort by their size",
    breaks: "order of keys",
    file: "lib/deno_kv/tuple_key.ts",
    edits: [["if (isNegative) return INVERTED;", "if (isNegative) return index === 0 ? SIGN : 0;"]],
    caughtBy: [TUPLES],
  },
  {
    name: "a list of all keys of Deno KV comes to the messages of its queue",
    breaks: "lists",
    file: "lib/deno_kv/tuple_key.ts",
    edits: [["key.length === 0 ? Uint8Array.of(TRUE + 1) : withEnd(key)", "withEnd(key)"]],
    caughtBy: [KV_INTERFACE],
    inTest: "messages and other keys",
  },
  {
    name: "a list of Deno KV ends at a start that its end begins with",
    breaks: "cursors",
    file: "lib/deno_kv/kv_range.ts",
    edits: [['return reverse ? "" : toBase64Url(NO_PART);', 'return "";']],
    caughtBy: [KV_INTERFACE],
    inTest: "goes on behind a key",
  },
  {
    name: "a key of a dead message of Deno KV is set twice by one commit",
    breaks: "undelivered messages",
    file: "lib/deno_kv/kv_queue.ts",
    edits: [["keys.set(nameOfKey(bytes), bytes);", "keys.set(`${keys.size}`, bytes);"]],
    caughtBy: [KV_INTERFACE],
    inTest: "a key is set once",
  },
];
