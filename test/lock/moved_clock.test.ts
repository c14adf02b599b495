/**
 * A clock that is set while locks and jobs are held, and waited for. Set back, leases get no longer
 * by that than they were given, so that what a holder has that dies then is free in time; set
 * forward, what is due by it is not waited for.
 *
 * @module
 */
import { setClockAhead } from "../support/movable_clock.ts";
import { setTimeout } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { acquireLock, readLock } from "../../lib/lock/mod.ts";
import { Queue } from "../../lib/queue/mod.ts";
import { open } from "../../mod.ts";

const HOUR_MS = 3_600_000;
/** Longer than the timers of the runtimes take. */
const YEAR_MS = 365 * 24 * HOUR_MS;
const LEASE_MS = 300;

async function until(isSo: () => Promise<boolean>): Promise<void> {
  for (let i = 0; i < 500 && !await isSo(); i++) await setTimeout(10);
  assert.ok(await isSo());
}

for (const aheadMs of [HOUR_MS, YEAR_MS]) {
  test(`a lock that is renewed after a clock was set back by ${aheadMs} ms lasts as long as ever`, async () => {
    await using store = await open({ capacity: "8MiB" });
    setClockAhead(aheadMs);
    await using lock = await acquireLock(store, "a", { leaseMs: LEASE_MS });
    setClockAhead(0);
    await until(async () => (await readLock(store, "a"))!.expiresAt <= Date.now() + LEASE_MS);
    assert.ok(lock.isHeld && lock.expiresAt <= Date.now() + LEASE_MS);
    const { version } = (await store.getEntry("lock:a"))!;
    assert.ok(version - lock.token < 20, `${version - lock.token} times`);
  });

  test(`nothing looks after a lock all the time after a clock was set back by ${aheadMs} ms`, async () => {
    await using store = await open({ capacity: "8MiB" });
    setClockAhead(aheadMs);
    const lock = await acquireLock(store, "a", { leaseMs: LEASE_MS, renew: false });
    setClockAhead(0);
    await setTimeout(2 * LEASE_MS);
    // Others go by the same clock: it is held, and goes on to be so.
    assert.ok(lock.isHeld && !lock.signal.aborted);
    await lock.extend();
    await until(() => Promise.resolve(lock.signal.aborted));
  });

  test(`a job that is worked on when a clock is set back by ${aheadMs} ms has a lease as ever`, async () => {
    await using store = await open({ capacity: "8MiB", ordered: true });
    const queue = new Queue<string>(store, "q", { leaseMs: LEASE_MS });
    await queue.add("a");
    setClockAhead(aheadMs);
    const end = new AbortController();
    let leftMs = Infinity;
    await queue.process(async (job) => {
      setClockAhead(0);
      for (let i = 0; i < 500 && leftMs > LEASE_MS; i++) {
        await setTimeout(10);
        leftMs = job.leasedUntil - Date.now();
      }
      end.abort();
    }, { signal: end.signal });
    assert.ok(leftMs <= LEASE_MS, `${leftMs} ms`);
  });
}

test("a consumer that sleeps when a clock is set forward gets what is added then", async () => {
  await using store = await open({ capacity: "8MiB", ordered: true });
  const queue = new Queue<string>(store, "q");
  const jobs = queue.jobs();
  const next = jobs.next();
  // Until it has found nothing, and waits for a minute.
  await setTimeout(100);
  setClockAhead(HOUR_MS);
  try {
    await queue.add("a");
    const taken = await Promise.race([next, setTimeout(5000, undefined)]);
    assert.is(taken?.value?.value, "a");
  } finally {
    setClockAhead(0);
    await store.close();
  }
});

test("a lease that is longer than timers take is not renewed all the time", async () => {
  await using store = await open({ capacity: "8MiB", ordered: true });
  const queue = new Queue<string>(store, "q", { leaseMs: YEAR_MS });
  await queue.add("a");
  const end = new AbortController();
  let renewals = 0;
  await queue.process(async (job) => {
    const { leasedUntil } = job;
    await setTimeout(100);
    renewals = job.leasedUntil - leasedUntil;
    end.abort();
  }, { signal: end.signal });
  assert.is(renewals, 0);
  assert.is((await queue.counts()).jobs, 0);
});

test.run();
