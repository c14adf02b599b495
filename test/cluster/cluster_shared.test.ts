/**
 * Values that a node shares with the thread that has started it: what that one reads is what the node would answer, whatever happens in the
 * middle of a read, and in seeded simulations.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { LogRecord } from "../../lib/cluster/messages/log_codec.ts";
import { NO_ORIGIN } from "../../lib/cluster/messages/log_codec.ts";
import { makeShared, ringBytesFor } from "../../lib/cluster/shared/shared_layout.ts";
import { SharedReads } from "../../lib/cluster/shared/shared_reads.ts";
import { SharedValues } from "../../lib/cluster/shared/shared_values.ts";
import { KeyEncoder } from "../../lib/core/key_encoder.ts";
import { SLOT_SHIFT } from "../../lib/core/limits.ts";
import { forEachSeed } from "../support/sim_seeds.ts";
import { type Random, seeded } from "../support/random.ts";
import { runChecked, SHARED_WORLDS } from "../support/cluster/sim_worlds.ts";

const HASH_KEY = [1, 2] as const;
const LEASE = { since: { monotonicMs: 1000, epochMs: 5000 }, ms: 100 };
const text = (bytes: Uint8Array | undefined) => bytes && new TextDecoder().decode(bytes);

/** A node and a thread, which share memory, and the clocks of both. */
function sharing({ ringBytes = 4096, next }: { ringBytes?: number; next?: number } = {}) {
  const memory = makeShared(ringBytes);
  const values = new SharedValues(memory, next);
  const key = new KeyEncoder(...HASH_KEY);
  const clock = { monotonicMs: 1000, epochMs: 5000 };
  /** What happens when a read has copied what it has found. */
  const middle = { run: () => {} };
  const reads = new SharedReads(memory, {
    monotonicMs: () => clock.monotonicMs,
    epochMs: () => {
      const { run } = middle;
      middle.run = () => {};
      run();
      return clock.epochMs;
    },
  });
  let version = 0;
  const record = (name: string, value: string | undefined, expiresAtMs = Infinity): LogRecord => ({
    key: { bytes: new TextEncoder().encode(name), isBinary: false },
    version: ++version,
    value: value === undefined ? undefined : new TextEncoder().encode(value),
    expiresAtMs,
    origin: NO_ORIGIN,
  });
  const hashOf = (name: string) => key.encode(name);
  const share = (name: string, value: string, expiresAtMs?: number) => {
    const made = record(name, value, expiresAtMs);
    return values.share(made.key, hashOf(name), made);
  };
  const change = (name: string, value: string | undefined) =>
    values.change(hashOf(name), record(name, value));
  const read = (name: string, withValue = true) => {
    key.encode(name);
    return reads.read(key, withValue);
  };
  const get = (name: string) => text(read(name)?.bytes);
  values.prolong(LEASE);
  const slotOf = (name: string) => hashOf(name) >>> SLOT_SHIFT;
  return { values, clock, middle, share, change, read, get, record, hashOf, slotOf };
}

test("what is shared is found, with its version and its expiry, and counted", () => {
  const { values, share, read, get } = sharing();
  assert.is(read("a"), undefined);
  assert.ok(share("a", "1", 6000));
  assert.ok(share("b", ""));
  const { bytes, ...ends } = read("a")!;
  assert.is(text(bytes), "1");
  assert.equal(ends, { version: 1, expiresAtMs: 6000 });
  assert.equal(read("a", false)!.bytes.length, 0);
  assert.is(get("b"), "");
  assert.is(get("c"), undefined);
  assert.is(values.readCount, 3);
});

test("a change takes the place of what is shared, and a key that is not shared stays so", () => {
  const { values, share, change, get, read, record, hashOf } = sharing();
  change("a", "0");
  assert.is(get("a"), undefined);
  share("a", "1");
  change("a", "2");
  assert.is(get("a"), "2");
  assert.is(read("a")!.version, 3);
  // A log is read once more.
  values.change(hashOf("a"), { ...record("a", "1"), version: 1 });
  assert.is(get("a"), "2");
  change("a", "x".repeat(600));
  assert.is(get("a"), undefined, "it is too long");
  assert.is(share("a", "x".repeat(600)), false);
  share("a", "5");
  change("a", undefined);
  assert.is(get("a"), undefined);
});

test("what has expired by the time of day is not found", () => {
  const { clock, share, get } = sharing();
  share("a", "1", 5001);
  assert.is(get("a"), "1");
  clock.epochMs = 5001;
  assert.is(get("a"), undefined);
});

test("nothing is found when the lease is over, by whichever clock", () => {
  for (const name of ["monotonicMs", "epochMs"] as const) {
    const { values, clock, share, get } = sharing();
    share("a", "1");
    clock[name] += 99;
    assert.is(get("a"), "1");
    clock[name] += 1;
    assert.is(get("a"), undefined);
    values.prolong({ since: { ...LEASE.since, [name]: LEASE.since[name] + 1 }, ms: 100 });
    assert.is(get("a"), "1");
  }
  const memory = makeShared(4096);
  const key = new KeyEncoder(...HASH_KEY);
  const made = { key: { bytes: new Uint8Array([97]), isBinary: false }, value: new Uint8Array(1) };
  const hash = key.encode("a");
  new SharedValues(memory).share(made.key, hash, {
    ...made,
    version: 1,
    expiresAtMs: Infinity,
    origin: NO_ORIGIN,
  });
  const never = new SharedReads(memory, { monotonicMs: () => -1e9, epochMs: () => -1e9 });
  assert.is(never.read(key, true), undefined, "there was no lease");
});

test("a slot that is not served any more has nothing, also when it is served again", () => {
  const { values, share, change, get, slotOf } = sharing();
  share("a", "1");
  share("b", "2");
  values.end(slotOf("a"));
  assert.is(get("a"), undefined);
  assert.is(get("b"), "2");
  // Of another node, which owns the slot meanwhile.
  change("a", "3");
  assert.is(get("a"), undefined);
  share("a", "4");
  assert.is(get("a"), "4");
  values.endAll();
  assert.is(get("a"), undefined);
  assert.is(get("b"), undefined);
});

test("what happens in the middle of a read is noticed", () => {
  type Sharing = ReturnType<typeof sharing>;
  const happenings: [string, (of: Sharing) => void][] = [
    ["it is changed", ({ change }) => change("a", "2")],
    ["it is deleted", ({ change }) => change("a", undefined)],
    ["its slot goes", ({ values, slotOf }) => values.end(slotOf("a"))],
    ["the term ends, and another one begins", ({ values, clock }) => {
      values.endAll();
      clock.monotonicMs += 1000;
      clock.epochMs += 1000;
      values.prolong({ since: { ...clock }, ms: 100 });
    }],
    ["the lease ends", ({ clock }) => clock.monotonicMs += 100],
    ["it is overwritten", ({ share }) => {
      for (let i = 0; i < 80; i++) share(`other ${i}`, "x".repeat(50));
    }],
  ];
  for (const [name, happen] of happenings) {
    const made = sharing();
    made.share("a", "1");
    let hasHappened = false;
    made.middle.run = () => {
      hasHappened = true;
      happen(made);
    };
    assert.is(made.get("a"), undefined, name);
    assert.ok(hasHappened);
  }
});

test("what a read has found may be overwritten a moment later, and is whole", () => {
  const { share, read } = sharing({ ringBytes: 512 });
  share("a", "1");
  const { bytes } = read("a")!;
  for (let i = 0; i < 80; i++) share("b", "2");
  assert.is(text(bytes), "1");
});

test(
  "what is found is the newest, while entries are overwritten and positions begin anew",
  seeded((random) => {
    for (let i = 0; i < 40; i++) overwrite(random);
  }),
);

function overwrite(random: Random): void {
  const ringBytes = random.pick([512, 1024, 2048]);
  const pieces = ringBytes / 8;
  // A few times round the ring before positions end.
  const next = random.pick([undefined, 2 ** 32 - pieces * random.between(1, 20)]);
  const made = sharing({ ringBytes, ...(next !== undefined && { next }) });
  const newest = new Map<string, string>();
  const keys = Array.from({ length: 12 }, (_, i) => "k".repeat(1 + random.below(9)) + i);
  let found = 0;
  for (let i = 0; i < 600; i++) {
    const name = random.pick(keys);
    const value = `${i}`.repeat(random.between(1, 6));
    switch (random.below(5)) {
      case 0:
        made.change(name, value);
        newest.set(name, value);
        break;
      case 1:
        if (newest.has(name)) made.share(name, newest.get(name)!);
        break;
      case 2:
        if (random.below(8) > 0) break;
        made.change(name, undefined);
        newest.delete(name);
        break;
      default: {
        const value = made.get(name);
        if (value === undefined) break;
        found += 1;
        assert.is(value, newest.get(name));
      }
    }
  }
  assert.ok(found > 0);
}

test("a node with little memory shares nothing, others a quarter of it at most", () => {
  assert.is(ringBytesFor(0), 0);
  assert.is(ringBytesFor(200_000), 0);
  for (const bytes of [2 ** 18, 2 ** 26, 2 ** 40]) {
    const ringBytes = ringBytesFor(bytes);
    assert.ok(ringBytes >= 65_536 && ringBytes <= bytes / 4);
    if (bytes < 2 ** 30) assert.ok(makeShared(ringBytes).byteLength < bytes / 3);
  }
});

for (const { name, runs, plan } of SHARED_WORLDS) {
  test(name, () => {
    let shared = 0;
    forEachSeed(runs, (seed) => shared += runChecked({ seed, ...plan }).sharedCount);
    assert.ok(shared > 0, `${shared} reads`);
  });
}

test.run();
