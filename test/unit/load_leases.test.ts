/**
 * Leases on loading: one client has one, and none is left to a client that has gone.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Pool } from "../../lib/pool/pool.ts";
import { geometryOf } from "../../lib/pool/geometry.ts";
import { claimClient, markClientDead, releaseClient } from "../../lib/routing/client_registry.ts";
import { createLeases, LoadLeases } from "../../lib/routing/load_leases.ts";
import { withAtomicHooks } from "../support/sim_atomics.ts";
import { HASH_KEY } from "../support/sim_keys.ts";

const THREAD = { number: 0, startTicks: 0 };
/** A thread that is not there: no number is as large. */
const ENDED = { number: 2 ** 30, startTicks: 7 };
const CLIENTS = 3;
/** Hashes of one class, and one of another. */
const HASH = 0x12345678;
const OF_SAME_CLASS = 0x7f345678 | 0;
const OTHER = HASH + 1;

function world(thread = THREAD) {
  const pool = Pool.create(geometryOf(16 * 4096, 4096), HASH_KEY);
  const leases = createLeases();
  const join = () => {
    const client = claimClient(pool, CLIENTS, thread)!;
    return { client, leases: new LoadLeases(pool, leases, client) };
  };
  return { pool, join };
}

test("of all clients one has a lease, until it gives it back as often as it has taken it", () => {
  const { join } = world();
  const [first, second] = [join().leases, join().leases];
  assert.ok(first.take(HASH));
  assert.not(second.take(HASH));
  assert.not(second.take(HASH, true), "a thread without a number is not taken for dead");
  assert.ok(second.take(OTHER));
  assert.ok(first.take(HASH), "its own again");
  assert.ok(first.take(OF_SAME_CLASS));
  assert.not(second.take(OF_SAME_CLASS));
  for (const hash of [HASH, OF_SAME_CLASS]) {
    first.give(hash);
    assert.not(second.take(HASH), "it has taken it three times");
  }
  first.give(HASH);
  assert.ok(second.take(HASH));
  assert.not(first.take(HASH));
});

test("it tells for which key a lease was taken last", () => {
  const { join } = world();
  const [first, second] = [join().leases, join().leases];
  first.take(HASH);
  assert.is(second.isOfOtherKey(HASH), false);
  assert.is(second.isOfOtherKey(OF_SAME_CLASS), true);
  first.take(OF_SAME_CLASS);
  assert.is(second.isOfOtherKey(HASH), true);
});

test("the lease of a client that has left, or is dead, is taken by the next one", () => {
  for (const end of [releaseClient, markClientDead]) {
    const { pool, join } = world();
    const [first, second] = [join(), join()];
    assert.ok(first.leases.take(HASH));
    assert.not(second.leases.take(HASH));
    end(pool, first.client);
    assert.ok(second.leases.take(HASH), end.name);
    // What it gives back too late is another client's by now.
    first.leases.give(HASH);
    assert.not(join().leases.take(HASH));
  }
});

test("a place's next client does not have the leases of the one before", () => {
  const { pool, join } = world();
  const first = join();
  const second = join();
  assert.ok(first.leases.take(HASH));
  releaseClient(pool, first.client);
  const third = join();
  assert.is(third.client, first.client);
  assert.ok(second.leases.take(HASH));
  assert.not(third.leases.take(HASH));
  first.leases.give(HASH);
  assert.not(third.leases.take(HASH));
});

test("of clients that come at one moment one has it", () => {
  const { join } = world();
  const [first, second] = [join().leases, join().leases];
  let accesses = 0;
  let isSecondFirst = false;
  // After the first one has seen that the lease is free.
  const onAccess = () => {
    if (++accesses === 2) isSecondFirst = second.take(HASH);
  };
  assert.not(withAtomicHooks({ onAccess }, () => first.take(HASH)));
  assert.ok(isSecondFirst);
});

test("a client whose thread has ended is found out by asking", () => {
  const { join } = world(ENDED);
  const [first, second] = [join().leases, join().leases];
  assert.ok(first.take(HASH));
  assert.not(second.take(HASH));
  assert.ok(second.take(HASH, true));
});

test.run();
