/**
 * A disk that fails under a store whose writes are logged: whichever call it is, and in whatever
 * way, nothing is acknowledged that is not durable, reads go on, and what had been acknowledged is
 * found when the disk is well again.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  DurabilityFailure,
  durabilityFailure,
  DurabilityLevel,
} from "../../lib/pool/durability.ts";
import { Status } from "../../lib/rings/ring_layout.ts";
import { SHARE_COUNT, sharedIndexes } from "../support/campaign.ts";
import { DurableWorld } from "../support/durable_world.ts";
import { type MemoryDisk, systemError } from "../support/memory_disk.ts";

const LEVELS = [DurabilityLevel.OS, DurabilityLevel.DISK] as const;
const CODES = ["EIO", "ENOSPC", "EROFS", "EMFILE"] as const;
/** Ways in which a write fails without an error of its own. */
const SHORT_WRITES = ["no progress", "half"] as const;
const SEED = 3;
const STEP_COUNT = 40;

/** How a call fails, and whether all calls after it do. */
interface Fault {
  readonly at: number;
  readonly way: typeof CODES[number] | typeof SHORT_WRITES[number];
  readonly isSticky: boolean;
}

/** Lets a call fail; returns the calls that have failed. */
function breakDisk(disk: MemoryDisk, { at, way, isSticky }: Fault): string[] {
  const failed: string[] = [];
  const { beforeCall } = disk;
  const isShort = way === "no progress" || way === "half";
  let isHalf = false;
  disk.beforeCall = (call, number) => {
    beforeCall(call, number);
    disk.shortWrite = (length) => length;
    const isNext = number === at || (isSticky && number > at);
    if (isShort && call === "write" && (isNext || isHalf)) {
      // Half of a write is continued, and that fails.
      if (isHalf) throw failure(call, "EIO");
      failed.push(call);
      isHalf = way === "half";
      disk.shortWrite = (length) => isHalf ? length >>> 1 : 0;
    } else if (isNext && !isShort) throw failure(call, way);
  };
  const failure = (call: string, code: string) => {
    failed.push(call);
    isHalf = false;
    return systemError(code, call);
  };
  return failed;
}

/** Lets the disk work again. */
function repairDisk(disk: MemoryDisk): void {
  disk.beforeCall = () => {};
  disk.shortWrite = (length) => length;
}

/**
 * The calls of the workload, on a disk that does not fail: those that open the store, and those of
 * its work.
 */
function callsOf(level: number): { calls: string[]; openCount: number } {
  const world = new DurableWorld({ seed: SEED, level, segmentCount: 12 });
  assert.ok(world.open());
  const openCount = world.disk.calls.length;
  work(world);
  return { calls: world.disk.calls.slice(), openCount };
}

function work(world: DurableWorld): void {
  for (const model of world.models) world.put(model, 60);
  world.drain();
  world.run(STEP_COUNT);
  world.checkpoint();
  world.put(world.models[0]!, 2200);
  world.delete(world.models[1]!);
  world.drain();
  world.flush();
}

function countOk(world: DurableWorld): number {
  return world.ended.get(Status.OK) ?? 0;
}

/** After a failure nothing is acknowledged, and everything can be read. */
function checkRefusals(world: DurableWorld, context: string): void {
  const before = countOk(world);
  const refusals = world.ended.get(Status.NOT_DURABLE) ?? 0;
  const syncs = world.disk.calls.filter((call) => call === "sync").length;
  for (const model of world.models.slice(0, 5)) world.put(model, 40);
  world.delete(world.models[6]!);
  world.put(world.models[7]!, 2300);
  world.commit([world.models[8]!, world.models[9]!], [world.models[10]!], 40);
  world.drain();
  world.checkVisible();
  assert.is(countOk(world), before, `${context}: nothing is acknowledged`);
  assert.is(
    (world.ended.get(Status.NOT_DURABLE) ?? 0) - refusals,
    8,
    `${context}: all are refused`,
  );
  assert.is(world.flush(), false, `${context}: a sync fails`);
  assert.is(world.checkpoint(), false, `${context}: a checkpoint fails`);
  const syncsAfter = world.disk.calls.filter((call) => call === "sync").length;
  assert.is(syncsAfter, syncs, `${context}: nothing is synced any more`);
}

/** Lets one call fail while the store works; returns whether durability was lost by that. */
function failAtWork(level: number, fault: Fault): boolean {
  const context = `level ${level}, call ${fault.at}, ${fault.way}, sticky ${fault.isSticky}`;
  const world = new DurableWorld({ seed: SEED, level, segmentCount: 12 });
  assert.ok(world.open(), context);
  const failed = breakDisk(world.disk, fault);
  let okAtFailure = -1;
  const { beforeCall } = world.disk;
  world.disk.beforeCall = (call, number) => {
    if (failed.length > 0 && okAtFailure < 0) okAtFailure = countOk(world);
    beforeCall(call, number);
  };
  work(world);
  world.checkVisible();
  const failure = durabilityFailure(world.pool);
  const isLost = failure !== DurabilityFailure.NONE;
  // The image's length is only asked for before its end is cut off, which can be left.
  const isHarmless = failed.every((call) => ["list", "unlink", "infoOf"].includes(call));
  assert.is(isLost, !isHarmless, `${context}: ${failed[0]} ends in failure ${failure}`);
  repairDisk(world.disk);
  if (isLost) checkRefusals(world, context);
  else world.drain();
  assert.ok(world.open(), context);
  world.checkRecovered("acknowledged");
  return isLost;
}

for (const level of LEVELS) {
  test(`every call of a store at work can fail, at level ${level}`, () => {
    const { calls, openCount } = callsOf(level);
    let lostCount = 0;
    for (const index of sharedIndexes(calls.length - openCount)) {
      const at = openCount + 1 + index;
      // The library does not look at codes, so each call fails with some of them only.
      const codes = [CODES[at % 2]!, CODES[2 + at % 2]!];
      const isWrite = calls[at - 1] === "write";
      for (const way of [...codes, ...(isWrite ? SHORT_WRITES : [])]) {
        for (const isSticky of [false, true]) {
          if (failAtWork(level, { at, way, isSticky })) lostCount += 1;
        }
      }
    }
    // Some shares have few of the calls that matter.
    assert.ok(lostCount > (SHARE_COUNT === 1 ? 100 : 0), `durability was lost ${lostCount} times`);
  });

  test(`every call of opening a store can fail, at level ${level}`, () => {
    const world = new DurableWorld({ seed: SEED, level, segmentCount: 12 });
    assert.ok(world.open());
    work(world);
    for (let i = 1, hasOpened = false; !hasOpened; i++) {
      assert.ok(i < 1000, "opening ends");
      const at = world.disk.calls.length + i;
      const { beforeCall } = world.disk;
      const failed = breakDisk(world.disk, {
        at,
        way: i % 2 === 0 ? "EIO" : "EMFILE",
        isSticky: false,
      });
      try {
        hasOpened = world.open();
      } catch (error) {
        assert.match(String(error), /simulated|durability is lost/, `call ${i}: ${error}`);
      }
      assert.ok(
        !hasOpened || failed.length === 0,
        `call ${i}, ${failed[0]}, fails and is not noticed`,
      );
      world.disk.beforeCall = beforeCall;
    }
    world.checkRecovered("acknowledged");
  });
}

test.run();
