/**
 * Atomic commits that are queued at a KN share a group of its log: one write, one sync, one moment.
 * What shares a slot with the group, or would stand in another segment, is in the next one.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { DurabilityLevel } from "../../lib/pool/durability.ts";
import { Condition, Status } from "../../lib/rings/ring_layout.ts";
import type { DurableKey } from "../support/durable_model.ts";
import { DurableWorld } from "../support/durable_world.ts";
import { systemError } from "../support/memory_disk.ts";

/**
 * A store of one KN at the level "disk", in which keys of three slots are put, and nothing
 * intrudes.
 */
class Fixture {
  readonly world: DurableWorld;
  /** The keys of each slot. */
  readonly keys: DurableKey[][];

  constructor({ evicts = false, bucketCount = undefined as number | undefined } = {}) {
    const level = DurabilityLevel.DISK;
    const options = bucketCount === undefined ? {} : { bucketCount };
    this.world = new DurableWorld({
      seed: 1,
      level,
      intrudes: false,
      segmentCount: 12,
      nodeCount: 1,
      evicts,
      ...options,
    });
    assert.ok(this.world.open());
    const { models } = this.world;
    const slots = [...new Set(models.map(({ key }) => key.slot))];
    this.keys = slots.map((slot) => models.filter(({ key }) => key.slot === slot));
  }

  /**
   * Issues something in one tick, lets it end, and returns the calls by which the image was
   * changed.
   */
  run(issue: () => void): string[] {
    const { world } = this;
    const before = world.disk.calls.length;
    issue();
    world.drain();
    return world.disk.calls.slice(before).filter((call) => call === "write" || call === "sync");
  }

  /** How often operations have ended with a status. */
  endedWith(status: number): number {
    return this.world.ended.get(status) ?? 0;
  }

  /** Power goes, and nothing may be missing. */
  losePower(): void {
    const { world } = this;
    world.checkVisible();
    world.end();
    world.disk.losePower(world.random);
    assert.ok(world.open());
    world.checkRecovered("acknowledged");
  }
}

test("commits, puts and deletes that share no slot share one write and one sync", () => {
  const fixture = new Fixture();
  const { world, keys: [a, b, c] } = fixture;
  fixture.run(() => world.put(c![0]!, 50));
  const calls = fixture.run(() => {
    world.commit([a![0]!, a![1]!], [], 50);
    world.commit([b![0]!, b![1]!, b![2]!], [], 50);
    world.delete(c![0]!);
  });
  assert.equal(calls, ["write", "sync"]);
  assert.is(fixture.endedWith(Status.OK), 4);
  fixture.losePower();
  assert.is(world.wholeCommits, 2);
});

test("a change before the first commit is in the same group", () => {
  const fixture = new Fixture();
  const { world, keys: [a, b, c] } = fixture;
  const calls = fixture.run(() => {
    world.put(c![0]!, 50);
    world.put(c![0]!, 60);
    world.commit([a![0]!, a![1]!], [], 50);
    world.commit([b![0]!], [], 50);
  });
  assert.equal(calls, ["write", "sync"]);
  fixture.losePower();
});

test("what shares a slot with a commit comes after it, and finds what it has changed", () => {
  const fixture = new Fixture();
  const { world, keys: [a, b] } = fixture;
  fixture.run(() => world.put(a![1]!, 50));
  const calls = fixture.run(() => {
    world.commit([a![0]!], [a![1]!], 50);
    world.commit([a![0]!, b![0]!], [], 60);
    world.put(a![1]!, 50, { condition: Condition.ABSENT });
  });
  assert.equal(calls, ["write", "sync", "write", "sync", "write", "sync"]);
  assert.is(fixture.endedWith(Status.UNMET), 0, "the first commit has deleted that key");
  fixture.losePower();
});

test("a change of a slot that a commit has, or a commit of one that a put has, is not in its group", () => {
  for (const isPutFirst of [true, false]) {
    const fixture = new Fixture();
    const { world, keys: [a] } = fixture;
    const parts = [
      () => world.put(a![1]!, 50),
      () => world.commit([a![0]!, a![2]!], [], 50),
    ];
    if (!isPutFirst) parts.reverse();
    const calls = fixture.run(() => parts.forEach((issue) => issue()));
    assert.equal(calls, ["write", "sync", "write", "sync"]);
    fixture.losePower();
  }
});

test("what does not fit the segment of a group's commits is in the next group", () => {
  for (const isCommitLast of [true, false]) {
    const fixture = new Fixture();
    const { world, keys: [a, b, c] } = fixture;
    const calls = fixture.run(() => {
      world.commit([a![0]!, a![1]!], [], 900);
      if (isCommitLast) world.put(c![0]!, 900);
      world.commit([b![0]!, b![1]!], [], 900);
      if (!isCommitLast) world.put(c![0]!, 900);
    });
    assert.equal(calls, ["write", "sync", "write", "sync"]);
    fixture.losePower();
    assert.is(world.wholeCommits, 2);
  }
});

test("a delete that is logged though there is nothing to delete says so", () => {
  const fixture = new Fixture({ evicts: true });
  const { world, keys: [a, b] } = fixture;
  fixture.run(() => {
    world.commit([a![0]!, a![1]!], [], 50);
    world.delete(b![0]!);
  });
  assert.is(fixture.endedWith(Status.UNMET), 1);
});

test("what was refused by a change that cannot be written is not durable either", () => {
  const fixture = new Fixture();
  const { world, keys: [a, b, c] } = fixture;
  const [kept, absent, expiring] = [a![0]!, b![0]!, c![0]!];
  fixture.run(() => [kept, expiring].forEach((model) => world.put(model, 50)));
  const before = [kept, absent, expiring].map((model) => world.find(model));
  const { beforeCall } = world.disk;
  world.disk.beforeCall = (call, number) => {
    beforeCall(call, number);
    if (call === "write") throw systemError("EIO", call);
  };
  fixture.run(() => {
    world.delete(kept);
    world.put(kept, 50, { condition: Condition.VERSION });
    world.put(absent, 50);
    world.put(absent, 50, { condition: Condition.ABSENT });
    world.put(expiring, 50, { expiresAtMs: world.nowMs - 1 });
    world.delete(expiring);
  });
  assert.is(fixture.endedWith(Status.NOT_DURABLE), 6, "each was decided by what was not written");
  assert.equal([kept, absent, expiring].map((model) => world.find(model)), before);
});

test("a commit for which the index has no room takes nothing away from the group's others", () => {
  let fullCount = 0;
  for (let bucketCount = 4; bucketCount < 8; bucketCount++) {
    const fixture = new Fixture({ bucketCount });
    const { world, keys } = fixture;
    fixture.run(() => {
      for (const slot of keys) world.commit(slot.slice(0, 8), [], 50);
    });
    fullCount += fixture.endedWith(Status.INDEX_FULL);
    fixture.losePower();
  }
  assert.ok(fullCount > 0, `${fullCount} commits were refused`);
});

test.run();
