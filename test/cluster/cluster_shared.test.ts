/**
 * Values that a node shares with the thread that has started it: what that one reads is what the
 * node would answer, whatever happens in the middle of a read, and in seeded simulations.
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
import type { ReadCompletion, ReadSource } from "../../lib/far/client/routed_reads.ts";
import { RequestedReads } from "../../lib/store/reads/requested_reads.ts";
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
  const nodesKey = new KeyEncoder(...HASH_KEY);
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
  const hashOf = (name: string) => nodesKey.encode(name);
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

type Access = (...parts: unknown[]) => unknown;

/**
 * Runs something, and another thing just before its access of a number to memory; returns whether
 * there was one.
 */
function interrupt(run: () => void, at: number, other: () => void): boolean {
  const bytes = Object.getPrototypeOf(Uint8Array.prototype) as object;
  const accesses = [
    ...["load", "store", "add"].map((name) => [Atomics, name] as const),
    ...["set", "subarray"].map((name) => [bytes, name] as const),
  ];
  const originals = accesses.map(([owner, name]) => Reflect.get(owner, name) as Access);
  let count = 0;
  let isInside = false;
  accesses.forEach(([owner, name], i) => {
    const interrupted = function (this: unknown, ...parts: unknown[]): unknown {
      if (!isInside && count++ === at) {
        isInside = true;
        other();
        isInside = false;
      }
      return originals[i]!.apply(this, parts);
    };
    Reflect.set(owner, name, interrupted);
  });
  try {
    run();
  } finally {
    accesses.forEach(([owner, name], i) => Reflect.set(owner, name, originals[i]));
  }
  return count > at;
}

test("wherever a read is interrupted, it finds what was shared before or afterwards, or nothing", () => {
  const others: [expected: string[], (of: ReturnType<typeof sharing>) => void][] = [
    [["1", "2"], ({ change }) => change("a", "2")],
    [["1"], ({ change }) => change("a", undefined)],
    [["1"], ({ values, slotOf }) => values.end(slotOf("a"))],
    [["1"], ({ share }) => {
      for (let i = 0; i < 12; i++) share(`a${i}`, "x".repeat(i));
    }],
  ];
  for (const [expected, other] of others) {
    let isReached = true;
    for (let at = 0; isReached; at++) {
      const made = sharing({ ringBytes: 512 });
      made.share("a", "1");
      let found: string | undefined;
      isReached = interrupt(() => found = made.get("a"), at, () => other(made));
      assert.ok(found === undefined || expected.includes(found), `${at}: ${found}`);
      assert.ok(at > 4 || isReached);
    }
  }
});

test("a node whose lease was over when a read began answers nothing by its next one", () => {
  let isReached = true;
  for (let at = 0; isReached; at++) {
    const { values, clock, share, get } = sharing();
    share("a", "1");
    clock.monotonicMs += 1000;
    let found: string | undefined;
    isReached = interrupt(() => found = get("a"), at, () => {
      values.endAll();
      values.prolong({ since: { ...clock }, ms: 100 });
    });
    assert.is(found, undefined, `access ${at}`);
  }
});

test("wherever the node is interrupted, what is found is what it has answered last, or is about to", () => {
  let isReached = true;
  for (let at = 0; isReached; at++) {
    // The ring has room for these keys exactly: the place of an entry is that of the one before it.
    const { change, read, share, values } = sharing({ ringBytes: 512 });
    const keys = Array.from({ length: 8 }, (_, i) => `key ${i}`);
    const valueOf = (name: string, version: number) => `${name}: ${version}`.padEnd(24, ".");
    let version = 0;
    const known = new Map<string, [number, number]>();
    const put = (name: string, put: (name: string, value: string) => void) => {
      const [, last = 0] = known.get(name) ?? [];
      known.set(name, [last, ++version]);
      put(name, valueOf(name, version));
      known.set(name, [version, version]);
    };
    for (const name of keys) put(name, share);
    const node = () => {
      for (let round = 0; round < 2; round++) for (const name of keys) put(name, change);
      put(keys[2]!, share);
      values.prolong(LEASE);
    };
    isReached = interrupt(node, at, () => {
      for (const name of keys) {
        const found = read(name);
        if (found === undefined) continue;
        assert.ok(known.get(name)!.includes(found.version), `${at}: ${name} of ${found.version}`);
        assert.is(text(found.bytes), valueOf(name, found.version));
      }
    });
    assert.ok(at > 60 || isReached);
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

test("a thread reads what it has changed, and only what nobody is asked for", async () => {
  const key = new KeyEncoder(...HASH_KEY);
  const issued: string[] = [];
  const state = { isPending: false, shared: "1" as string | undefined, looks: 0 };
  const carrier: ReadSource = {
    take: () => undefined,
    readHere: () => {
      state.looks += 1;
      if (state.shared === undefined) return undefined;
      return { bytes: new TextEncoder().encode(state.shared), version: 1, expiresAtMs: Infinity };
    },
  };
  const queues = { has: () => state.isPending };
  const client = {
    begin: () => 1,
    end: () => {},
    isSlotPending: () => state.isPending,
    get: (asked: KeyEncoder, _withValue: boolean, completion: ReadCompletion) => {
      issued.push(String(asked.key));
      completion.settle(0, 0, 0, 0);
    },
  };
  const lifetime = { assertNotFailed: () => {}, assertOpen: () => {} };
  const counters = { read: () => {} };
  const parts = { client, queues: { has: () => false }, counters, lifetime };
  const reads = new RequestedReads(parts as never, key, carrier, 10);
  assert.is(text(reads.readHere("a", true)?.value?.bytes), "1");
  assert.is(reads.readHere("a", false)?.exists, true);
  assert.is(reads.readHere("a", false)?.value, undefined);
  assert.is(text((await reads.read("a", true)).value?.bytes), "1");
  const found = await reads.each(["a", "b"], undefined, true, ({ value }) => text(value?.bytes));
  assert.equal(found, ["1", "1"]);
  assert.equal(issued, []);
  state.isPending = true;
  assert.is(reads.readHere("a", true), undefined, "something of its slot is on its way");
  await reads.read("a", true);
  state.isPending = false;
  state.shared = undefined;
  state.looks = 0;
  await reads.read("b", true);
  await reads.each(["c"], undefined, true, () => {});
  await reads.issue("d", true);
  assert.equal(issued, ["a", "b", "c", "d"]);
  assert.is(state.looks, 2, "what is missed is looked for once");
  const queued = new RequestedReads({ ...parts, queues } as never, key, carrier, 10);
  state.isPending = true;
  assert.is(queued.readHere("a", true), undefined, "it waits for its turn");
});

for (const { name, runs, plan } of SHARED_WORLDS) {
  test(name, () => {
    let shared = 0;
    forEachSeed(runs, (seed) => shared += runChecked({ seed, ...plan }).sharedCount);
    assert.ok(shared > 0, `${shared} reads`);
  });
}

test.run();
