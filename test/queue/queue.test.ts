/**
 * Queues: each job is done at least once, whoever dies; it comes when it is due, and not while
 * another consumer has it.
 *
 * @module
 */
import { once } from "node:events";
import { setTimeout } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type Job, Queue } from "../../lib/queue/mod.ts";
import { InvalidArgumentError, open, type Store } from "../../mod.ts";
import { assertRejects, assertThrows, errorOf } from "../support/errors.ts";
import { temporaryPath } from "../support/temporary.ts";
import { uncaughtBy } from "../support/uncaught.ts";
import type { QueueClientData } from "../support/workers/queue_client.ts";

const EXTENSION = import.meta.url.endsWith(".ts") ? "ts" : "js";
const INVALID = { type: InvalidArgumentError, code: "DINOMO_INVALID_ARGUMENT" } as const;

/** Methods of a namespace that change keys, and the one of a commit that does. */
const CHANGES = ["put", "putMany", "compareAndSet", "compareAndDelete", "delete", "deleteMany"];
const COMMITS = ["commit"];

const openStore = () => open({ capacity: "16MiB", ordered: true });

async function takeAll<T>(queue: Queue<T>): Promise<Job<T>[]> {
  const jobs: Job<T>[] = [];
  for (let job = await queue.take(); job !== undefined; job = await queue.take()) jobs.push(job);
  return jobs;
}

/** Takes a job as soon as it comes, which must not be before it is due. */
async function takeWhenDue<T>(queue: Queue<T>, dueMs: number): Promise<Job<T>> {
  for (;; await setTimeout(5)) {
    const job = await queue.take();
    if (job === undefined) continue;
    assert.ok(Date.now() >= dueMs, `${dueMs - Date.now()} ms too early`);
    return job;
  }
}

async function until(isSo: () => boolean | Promise<boolean>, what: string): Promise<void> {
  for (let i = 0; i < 1000; i++) {
    if (await isSo()) return;
    await setTimeout(10);
  }
  throw new Error(`not in time: ${what}`);
}

test("jobs come in the order in which they were added, each to one consumer", async () => {
  await using store = await openStore();
  const queue = new Queue<number>(store, "a");
  const ids = [...await queue.addMany([0, 1, 2]), await queue.add(3)];
  for (let i = 4; i < 200; i++) ids.push(await queue.add(i));
  assert.equal(await queue.counts(), { jobs: 200, dead: 0 });
  const others = new Queue<number>(store, "a");
  const first = await queue.take();
  assert.is(first!.value, 0);
  assert.is(first!.attempts, 1);
  assert.is(first!.id, ids[0]);
  const rest = await takeAll(others);
  assert.equal(rest.map(({ value }) => value), Array.from({ length: 199 }, (_, i) => i + 1));
  assert.equal(rest.map(({ id }) => id), ids.slice(1));
  assert.is(await queue.take(), undefined);
  for (const job of [first!, ...rest]) assert.is(await job.ack(), true);
  assert.is(await first!.ack(), false, "a job ends once");
  assert.equal(await queue.counts(), { jobs: 0, dead: 0 });
});

test("a consumer that keeps out of the way of others leaves them nothing that they have not taken", async () => {
  // Another consumer takes all jobs but one at the moment when this one wants its first.
  for (let left = 0; left < 200; left += 9) {
    await using store = await openStore();
    const jobs = store.namespace("queue:a:");
    let hasRival = true;
    const rival = (target: object): object =>
      new Proxy(target, {
        get(object, name) {
          const value = Reflect.get(object, name);
          if (typeof value !== "function") return value;
          return (...args: unknown[]) => {
            if (name === "compareAndSet" && hasRival) {
              hasRival = false;
              for (const key of keys) if (key !== keys[left]) jobs.deleteSync(key);
            }
            return value.apply(object, args);
          };
        },
      });
    const queue = new Queue<number>({ namespace: () => rival(jobs) }, "a");
    await queue.addMany(Array.from({ length: 200 }, (_, i) => i));
    const keys = [...jobs.keysSync()];
    assert.equal((await takeAll(queue)).map(({ value }) => value), [left]);
    assert.not(hasRival);
  }
});

test("a consumer that finds a job each time is told of no changes, and of all when it waits", async () => {
  await using store = await openStore();
  const jobs = store.namespace("queue:a:");
  let watchCount = 0;
  let onWatch = () => {};
  const counted = new Proxy(jobs, {
    get(object, name) {
      const value = Reflect.get(object, name);
      if (typeof value !== "function") return value;
      return (...args: unknown[]) => {
        if (name === "watch") onWatch();
        const result = value.apply(object, args);
        if (name !== "watch") return result;
        watchCount += 1;
        const end = result.return.bind(result);
        result.return = () => {
          watchCount -= 1;
          return end();
        };
        return result;
      };
    },
  });
  const queue = new Queue<number>({ namespace: () => counted }, "a");
  const done: number[] = [];
  const watchCounts: number[] = [];
  let begin = () => {};
  const begun = new Promise<void>((resolve) => begin = resolve);
  const stop = new AbortController();
  const processing = queue.process(async ({ value }) => {
    await begun;
    done.push(value);
    watchCounts.push(watchCount);
  }, { signal: stop.signal });
  await until(() => watchCount === 1, "it waits for a job");
  const numbers = Array.from({ length: 100 }, (_, i) => i);
  for (const number of numbers) await queue.add(number);
  // Before it is told again, a job comes that it is not told of.
  onWatch = () => {
    onWatch = () => {};
    const last = { value: 100, attempts: 0, addedAt: 0, leasedUntil: 0 };
    jobs.putSync("j000000000last", last);
  };
  begin();
  await until(() => done.length === 101, "it looks for a job again before it waits");
  assert.equal(done, [...numbers, 100]);
  assert.is(watchCounts[0], 1);
  assert.is(watchCounts[99], 0);
  await until(() => watchCount === 1, "it waits again");
  await queue.add(101);
  await until(() => done.length === 102, "it is told of a job");
  stop.abort();
  await processing;
  assert.is(watchCount, 0);
});

test("what is asked of a job while its lease is prolonged comes after that", async () => {
  await using store = await openStore();
  const queue = new Queue<string>(store, "a");
  const changes = ["ack", "release", "retry", "bury"] as const;
  for (const change of changes) {
    await queue.add(change);
    const job = (await queue.take())!;
    const outcomes = await Promise.all([job.extend(), job.extend(), job[change]()]);
    assert.equal(outcomes, [true, true, true], change);
    if (change === "release") await (await queue.take())!.ack();
  }
});

test("a job's signal is aborted when its lease has ended, whether it was asked for before or not", async () => {
  await using store = await openStore();
  const queue = new Queue<string>(store, "a", { leaseMs: 10 });
  for (const isBefore of [true, false]) {
    await queue.add("slow");
    const job = (await queue.take())!;
    const before = isBefore ? job.lost : undefined;
    assert.is(before?.aborted ?? false, false);
    await setTimeout(20);
    const other = (await queue.take())!;
    assert.is(await job.extend(), false);
    assert.is(job.lost.aborted, true);
    assert.is(job.lost, before ?? job.lost);
    assert.match((job.lost.reason as Error).message, `job ${job.id}`);
    assert.is(other.lost.aborted, false);
    await other.extend(60_000);
    await other.ack();
  }
});

test("queues of one store know nothing of each other, nor of its other keys", async () => {
  await using store = await openStore();
  await store.put("queue:a", 1);
  await store.put("z", 2);
  const [a, ab] = [new Queue<string>(store, "a"), new Queue<string>(store, "ab")];
  const inner = new Queue<string>(store.namespace("inner:"), "a");
  await a.add("of a");
  await ab.add("of ab");
  await inner.add("of inner");
  assert.equal((await takeAll(a)).map(({ value }) => value), ["of a"]);
  assert.equal((await takeAll(ab)).map(({ value }) => value), ["of ab"]);
  assert.equal((await takeAll(inner)).map(({ value }) => value), ["of inner"]);
});

test("a job with a delay is not due before, and one that was taken comes back when its lease ends", async () => {
  await using store = await openStore();
  const queue = new Queue<string>(store, "a", { leaseMs: 1500 });
  const dueMs = Date.now() + 400;
  await queue.add("later", { delayMs: 400 });
  await queue.add("now");
  const now = (await queue.take())!;
  assert.is(now.value, "now");
  const later = await takeWhenDue(queue, dueMs);
  assert.is(later.value, "later");
  assert.is(await later.extend(60_000), true);
  await setTimeout(Math.max(0, now.leasedUntil - Date.now() + 10));
  const again = (await queue.take())!;
  assert.is(again.value, "now");
  assert.is(again.attempts, 2);
  assert.is(await now.ack(), false, "another consumer has it");
  assert.is(await now.extend(), false);
  assert.is(await now.retry(), false);
  assert.is(await now.bury(), false);
  assert.is(await again.ack(), true);
  assert.is(await later.ack(), true);
  assert.equal(await queue.counts(), { jobs: 0, dead: 0 });
});

test("a job that is given back as it was comes at once, as often tried as before", async () => {
  await using store = await openStore();
  const queue = new Queue<string>(store, "a", { attempts: 1 });
  await queue.add("a");
  const first = (await queue.take())!;
  assert.is(await first.release(), true);
  assert.is(await first.release(), false, "once");
  assert.is(await first.ack(), false, "it has it no more");
  const second = (await queue.take())!;
  assert.is(second.id, first.id);
  assert.is(second.attempts, 1);
  assert.is(await second.ack(), true);
  assert.equal(await queue.counts(), { jobs: 0, dead: 0 });
});

test("every change of a job is as durable as its queue says", async () => {
  const asked: [name: unknown, durability: unknown][] = [];
  // What a queue asks of its namespace, with the options of each change.
  const recorded = (target: object, names: readonly string[]): object =>
    new Proxy(target, {
      get(object, name) {
        const value = Reflect.get(object, name);
        if (typeof value !== "function") return value;
        return (...args: unknown[]) => {
          if (names.includes(String(name))) {
            asked.push([name, (args.at(-1) as { durability?: string } | undefined)?.durability]);
          }
          const result = value.apply(object, args);
          return name === "atomic" || result === object ? recorded(result, COMMITS) : result;
        };
      },
    });
  await using store = await openStore();
  const space = { namespace: (prefix: string) => recorded(store.namespace(prefix), CHANGES) };
  const queue = new Queue<string>(space, "a", { durability: "memory", backoffMs: 0 });
  await queue.addMany(["a", "b"]);
  await queue.add("c");
  const [a, b, c] = await takeAll(queue);
  await a!.extend();
  await a!.ack();
  await b!.release();
  await c!.retry();
  const [again, other] = await takeAll(queue);
  await again!.bury();
  await other!.bury();
  await queue.revive(again!.id);
  await queue.discard(other!.id);
  assert.equal(asked.filter(([, durability]) => durability !== "memory"), []);
  const made = new Set(asked.map(([name]) => name));
  assert.equal([...made].sort(), ["commit", "compareAndSet", "put", "putMany"]);
});

test("jobs that are taken after the signal was aborted are given back", async () => {
  await using store = await openStore();
  const queue = new Queue<number>(store, "a");
  await queue.addMany([0, 1, 2, 3, 4, 5, 6, 7]);
  const stop = new AbortController();
  const begun: number[] = [];
  const processing = queue.process((job) => void begun.push(job.value), {
    concurrency: 4,
    signal: stop.signal,
  });
  stop.abort();
  await processing;
  assert.equal(begun, []);
  const left = await takeAll(queue);
  assert.equal(left.map(({ value }) => value).sort(), [0, 1, 2, 3, 4, 5, 6, 7]);
  assert.ok(left.every(({ attempts }) => attempts === 1));
});

test("a job that fails is tried again after a pause, and becomes a dead letter at last", async () => {
  await using store = await openStore();
  const pauses: number[] = [];
  const backoffMs = (attempts: number) => {
    pauses.push(attempts);
    return 300 * attempts;
  };
  const queue = new Queue<string>(store, "a", { attempts: 3, backoffMs });
  const id = await queue.add("bad");
  const addedAt = (await queue.take())!;
  const dueMs = Date.now() + 300;
  assert.is(await addedAt.retry(new TypeError("no")), true);
  const second = await takeWhenDue(queue, dueMs);
  assert.is(second.attempts, 2);
  assert.is(second.addedAt, addedAt.addedAt);
  assert.is(await second.retry("at once", { delayMs: 0 }), true);
  const third = (await queue.take())!;
  assert.is(await third.retry(new RangeError("never")), true);
  assert.equal(pauses.slice(0, 1), [1]);
  assert.equal(await queue.counts(), { jobs: 0, dead: 1 });
  const letters = [];
  for await (const letter of queue.deadLetters()) letters.push(letter);
  assert.is(letters.length, 1);
  const { diedAt, ...letter } = letters[0]!;
  assert.ok(diedAt >= addedAt.addedAt);
  const expected = { id, value: "bad", attempts: 3, addedAt: addedAt.addedAt };
  assert.equal(letter, { ...expected, reason: "RangeError: never" });
  assert.is(await queue.revive("another"), false);
  assert.is(await queue.revive(id), true);
  const revived = (await queue.take())!;
  assert.is(revived.attempts, 1);
  assert.is(revived.id, id);
  assert.is(await revived.bury("enough"), true);
  assert.is(await queue.discard(id), true);
  assert.is(await queue.discard(id), false);
  assert.equal(await queue.counts(), { jobs: 0, dead: 0 });
});

test("a pause that is none is refused, and the job comes back when its lease ends", async () => {
  await using store = await openStore();
  for (const ms of [NaN, Infinity, -1, 1e15, "5", undefined]) {
    const options = { attempts: 2, leaseMs: 20, backoffMs: () => ms as number };
    const queue = new Queue<string>(store, `a${ms}`, options);
    await queue.add("bad");
    const job = (await queue.take())!;
    await assertRejects(() => job.retry("no"), { ...INVALID, says: /what backoffMs returns must/ });
    assert.is(await queue.take(), undefined);
    const again = await takeWhenDue(queue, job.leasedUntil);
    assert.is(again.attempts, 2);
    // The last time no pause is asked for.
    assert.is(await again.retry("no"), true);
    assert.equal(await queue.counts(), { jobs: 0, dead: 1 });
  }
});

test("a job whose consumers die again and again becomes a dead letter", async () => {
  await using store = await openStore();
  const queue = new Queue<string>(store, "a", { attempts: 2, leaseMs: 15 });
  await queue.add("deadly");
  for (let attempt = 1; attempt <= 2; attempt++) {
    assert.is((await queue.take())?.attempts, attempt);
    await setTimeout(25);
  }
  assert.is(await queue.take(), undefined);
  assert.equal(await queue.counts(), { jobs: 0, dead: 1 });
});

test("a job is added exactly if the commit is made", async () => {
  await using store = await openStore();
  const queue = new Queue<string>(store, "a");
  const commit = store.atomic().check("user", null).put("user", "Ada");
  const id = queue.addTo(commit, "welcome");
  assert.ok(await commit.commit() !== null);
  const again = store.atomic().check("user", null).put("user", "Ada");
  queue.addTo(again, "welcome");
  assert.is(await again.commit(), null);
  assert.equal((await takeAll(queue)).map((job) => job.id), [id]);
});

test("a consumer waits for jobs, and gets them as they are added or become due", async () => {
  await using store = await openStore();
  const queue = new Queue<number>(store, "a");
  const producer = new Queue<number>(store, "a");
  const values: number[] = [];
  void (async () => {
    await setTimeout(30);
    await producer.add(1);
    await producer.add(3, { delayMs: 900 });
    await setTimeout(30);
    await producer.add(2);
  })();
  for await (const job of queue.jobs()) {
    values.push(job.value);
    await job.ack();
    if (values.length === 3) break;
  }
  assert.equal(values, [1, 2, 3]);
});

test("a thread consumes more queues than it can watch", async () => {
  await using store = await openStore();
  const queues = Array.from({ length: 24 }, (_, i) => new Queue<number>(store, `queue ${i}`));
  const stop = new AbortController();
  const done = new Set<number>();
  const processing = queues.map((queue) => {
    return queue.process((job) => void done.add(job.value), { signal: stop.signal });
  });
  await setTimeout(30);
  for (const [i, queue] of queues.entries()) await queue.add(i);
  await until(() => done.size === queues.length, "a job of each queue");
  stop.abort();
  await Promise.all(processing);
});

test("waiting ends by a signal, and by the end of the store", async () => {
  const store = await openStore();
  const queue = new Queue<number>(store, "a");
  const controller = new AbortController();
  const aborted = errorOf(async () => {
    for await (const _ of queue.jobs({ signal: controller.signal }));
  });
  const closed = errorOf(async () => {
    for await (const _ of queue.jobs());
  });
  const processed = errorOf(() => queue.process(() => {}));
  await setTimeout(20);
  controller.abort(new Error("enough"));
  assert.is(((await aborted) as Error).message, "enough");
  await store.close();
  assert.is(((await closed) as { code?: string }).code, "DINOMO_CLOSED");
  assert.is(((await processed) as { code?: string }).code, "DINOMO_CLOSED");
});

test("workers do all jobs, so many at once, renew leases, and retry what has failed", async () => {
  await using store = await openStore();
  const queue = new Queue<number>(store, "a", { leaseMs: 1200, backoffMs: 5, attempts: 3 });
  await queue.addMany(Array.from({ length: 40 }, (_, i) => i));
  const done = new Set<number>();
  const errors: string[] = [];
  let running = 0;
  let most = 0;
  const stop = new AbortController();
  const processing = queue.process(async (job) => {
    running += 1;
    most = Math.max(most, running);
    // One takes longer than a lease.
    await setTimeout(job.value === 5 ? 1300 : 1);
    assert.not(job.lost.aborted);
    running -= 1;
    if (job.value === 7) throw new Error("always");
    if (job.value === 8 && job.attempts === 1) throw new Error("once");
    assert.not(done.has(job.value), `job ${job.value} is done once`);
    done.add(job.value);
  }, {
    concurrency: 4,
    signal: stop.signal,
    onError: (error, id) => {
      errors.push(`${(error as Error).message}`);
      assert.type(id, "string");
    },
  });
  await until(async () => done.size === 39 && (await queue.counts()).dead === 1, "39 jobs");
  stop.abort();
  await processing;
  assert.is(most, 4);
  assert.equal(errors.sort(), ["always", "always", "always", "once"]);
  assert.equal(await queue.counts(), { jobs: 0, dead: 1 });
});

test("what onError throws is uncaught, and the next jobs are worked on", async () => {
  await using store = await openStore();
  const queue = new Queue<number>(store, "untold", { attempts: 1 });
  for (let i = 0; i < 3; i++) await queue.add(i);
  const stop = new AbortController();
  const thrown = await uncaughtBy(async () => {
    const processing = queue.process(({ value }) => {
      throw new Error(`job ${value}`);
    }, {
      signal: stop.signal,
      onError: (error) => {
        throw error;
      },
    });
    await until(async () => (await queue.counts()).dead === 3, "3 dead letters");
    stop.abort();
    await processing;
  }, 3);
  assert.equal(thrown.sort(), ["job 0", "job 1", "job 2"]);
});

test("a worker does not cut a lease short that its handler has extended further", async () => {
  await using store = await openStore();
  const queue = new Queue<string>(store, "long", { leaseMs: 60 });
  await queue.add("job");
  const stop = new AbortController();
  let isShorter = false;
  await queue.process(async (job) => {
    await job.extend(60_000);
    const extendedTo = job.leasedUntil;
    // Renewed meanwhile, several times.
    for (let i = 0; i < 20 && !isShorter; i++) {
      await setTimeout(10);
      isShorter = job.leasedUntil < extendedTo;
    }
    stop.abort();
  }, { signal: stop.signal });
  assert.not(isShorter);
});

test("threads of which some die do every job at least once", async () => {
  await using store = await openStore();
  const JOBS = 400;
  const done = new Int32Array(new SharedArrayBuffer(JOBS * 4));
  const start = async (diesAfter: number) => {
    const data: QueueClientData = { handle: store.share(), done, leaseMs: 200, diesAfter };
    const url = new URL(`../support/workers/queue_client.${EXTENSION}`, import.meta.url);
    const worker = new Worker(url, { workerData: data });
    const exited = once(worker, "exit");
    await once(worker, "message");
    return { worker, exited };
  };
  const queue = new Queue<number>(store, "jobs");
  const threads = [await start(Infinity), await start(20), await start(35)];
  const half = Array.from({ length: JOBS / 2 }, (_, i) => i);
  await queue.addMany(half);
  for (const i of half) await queue.add(JOBS / 2 + i);
  await until(() => done.every((count) => count > 0), "every job");
  await until(async () => (await queue.counts()).jobs === 0, "no job is left");
  // Of those that die, one may not have come to that.
  for (const { worker } of threads) worker.postMessage("stop");
  await Promise.all(threads.map(({ exited }) => exited));
});

test("jobs and dead letters are there in the next life", async () => {
  const path = temporaryPath();
  const options = { path, capacity: "16MiB", ordered: true, durability: "os" } as const;
  for (let life = 0; life < 3; life++) {
    await using store: Store<unknown> = await open(options);
    const queue = new Queue<string>(store, "a");
    if (life > 0) {
      await setTimeout(15);
      const jobs = await takeAll(new Queue<string>(store, "a"));
      assert.equal(jobs.map(({ value }) => value), [`taken ${life - 1}`, `waits ${life - 1}`]);
      for (const job of jobs) await job.ack();
    }
    assert.equal(await queue.counts(), { jobs: 0, dead: life });
    await queue.add(`dead ${life}`);
    await (await queue.take())!.bury();
    await queue.add(`taken ${life}`);
    await new Queue<string>(store, "a", { leaseMs: 10 }).take();
    await queue.add(`waits ${life}`);
  }
});

test("a store without order is refused by what adds jobs, and by what takes them", async () => {
  await using store = await open({ capacity: "8MiB" });
  const queue = new Queue<number>(store, "a");
  const refusal = { ...INVALID, says: /ordered: true/ };
  for (const _ of [1, 2]) {
    await assertRejects(() => queue.add(1), refusal);
    await assertRejects(() => queue.addMany([1, 2]), refusal);
    await assertRejects(() => queue.take(), refusal);
  }
});

test("names and options that are none, or not what they must be, are refused", async () => {
  await using store = await openStore();
  for (const name of ["", "a:b", 5]) {
    assertThrows(() => new Queue(store, name as string), { ...INVALID, says: /name must be/ });
  }
  for (const none of [undefined, null, {}, "store"]) {
    assertThrows(() => new Queue(none as never, "a"), { ...INVALID, says: /store must be what/ });
  }
  const bad: [object, RegExp][] = [
    [{ leaseMs: 1 }, /leaseMs must be from 10/],
    [{ attempts: 0 }, /attempts must be a whole number from 1/],
    [{ backoffMs: -1 }, /backoffMs must be/],
    [{ retries: 5 }, /options must be among/],
  ];
  for (const [options, says] of bad) {
    assertThrows(() => new Queue(store, "a", options), { ...INVALID, says });
  }
  const queue = new Queue<number>(store, "a");
  await assertRejects(() => queue.add(1, { delayMs: NaN }), { ...INVALID, says: /delayMs must/ });
  await assertRejects(() => queue.process(5 as never), { ...INVALID, says: /handler must/ });
  const badly = (options: object) => queue.process(() => {}, options);
  await assertRejects(() => badly({ concurrency: 0 }), { ...INVALID, says: /concurrency must/ });
  await assertRejects(() => badly({ onError: 1 }), { ...INVALID, says: /onError must/ });
  await assertRejects(() => badly({ keepAlive: 1 }), { ...INVALID, says: /keepAlive must/ });
  await assertRejects(() => badly({ signal: 1 }), { ...INVALID, says: /signal must/ });
  await queue.add(1);
  const job = (await queue.take())!;
  await assertRejects(() => job.extend(1), { ...INVALID, says: /leaseMs must/ });
});

test.run();
