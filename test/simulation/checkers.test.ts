/**
 * The simulations' checkers, on histories and pools that must fail.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { SegmentId, Slot } from "../../lib/core/brands.ts";
import {
  FREE_SEGMENT_COUNT,
  SLOT_EXPIRING_COUNT,
  SLOT_EXTENTS,
  SLOT_LOCK,
  SLOT_OVERFLOW_COUNT,
  SLOT_RECORD_COUNT,
  SLOT_VERSION_LOW,
} from "../../lib/pool/control_layout.ts";
import {
  SEGMENT_LIVE_BYTES,
  SEGMENT_STATE,
  SEGMENT_USED_BYTES,
} from "../../lib/pool/segment_layout.ts";
import { FreeSegments } from "../../lib/pool/free_segments.ts";
import { bucketWord } from "../../lib/index/bucket_layout.ts";
import { Status } from "../../lib/rings/ring_layout.ts";
import { keysOfSlots } from "../support/sim_keys.ts";
import { KeyModel, type OperationKind, type SimOperation } from "../support/sim_model.ts";
import { checkPool } from "../support/sim_pool_check.ts";
import { makeValue, readValue } from "../support/sim_values.ts";
import { SimWorld } from "../support/sim_world.ts";

const [KEY] = keysOfSlots([3 as Slot], 1);
const NOW_MS = 1000;

/** A history of one key, in a few words. */
class History {
  readonly model = new KeyModel(KEY!);
  #count = 0;

  issue(kind: OperationKind, expectedVersion = 0, expiresAtMs = Infinity): SimOperation {
    const number = ++this.#count;
    const issuedAtMs = NOW_MS;
    const operation = { kind, number, expiresAtMs, expectedVersion, issuedAtMs, status: undefined };
    this.model.operations.push(operation);
    return operation;
  }

  end(operation: SimOperation, status: number, version = 0): void {
    operation.status = status;
    this.model.end(operation, status, version, NOW_MS);
  }

  put(version: number): SimOperation {
    const operation = this.issue("put");
    this.end(operation, Status.OK, version);
    return operation;
  }

  read(operation: number | undefined, version = 0): void {
    const seen = operation === undefined ? undefined : { operation, version };
    this.model.endRead(this.model.beginRead(), seen, NOW_MS);
  }
}

/** Histories, whether they are legal, and what is said about those that are not. */
const HISTORIES: readonly [name: string, rule: RegExp | undefined, run: (h: History) => void][] = [
  ["a read of what was put", undefined, (h) => h.read(h.put(1).number, 1)],
  ["a read of what is on its way", undefined, (h) => h.read(h.issue("put").number, 7)],
  ["a miss of what is on its way", undefined, (h) => (h.issue("put"), h.read(undefined))],
  ["a miss while a delete is on its way", undefined, (h) => {
    h.put(1);
    h.issue("delete");
    h.read(undefined);
  }],
  ["a miss of what has expired", undefined, (h) => {
    h.end(h.issue("put", 0, NOW_MS), Status.OK, 1);
    h.read(undefined);
  }],
  ["a refused put that ends first", undefined, (h) => {
    const first = h.issue("put");
    h.end(h.issue("put"), Status.LOG_FULL);
    h.end(first, Status.OK, 1);
  }],
  ["a lost put", /I4/, (h) => (h.put(1), h.read(undefined))],
  ["a stale read", /I4/, (h) => (h.put(1), h.put(2), h.read(1, 1))],
  ["a read of nothing that was issued", /I4/, (h) => h.read(5, 1)],
  ["a read of a refused put", /I4/, (h) => {
    const refused = h.issue("put");
    h.end(refused, Status.LOG_FULL);
    h.read(refused.number, 1);
  }],
  ["a read that goes back", /I9/, (h) => {
    const [first, second] = [h.issue("put"), h.issue("put")];
    h.read(second.number, 2);
    h.read(first.number, 1);
  }],
  ["operations that end out of order", /I4/, (h) => (h.issue("put"), h.put(1))],
  ["an operation that ends twice", /I4/, (h) => h.end(h.put(1), Status.OK, 2)],
  ["a version that is used twice", /I9/, (h) => (h.put(1), h.put(1))],
  ["a delete that missed", /I4/, (h) => (h.put(1), h.end(h.issue("delete"), Status.UNMET))],
  ["a put of an absent key that exists", /I4/, (h) => {
    h.put(1);
    h.end(h.issue("put-absent"), Status.OK, 2);
  }],
  ["a put that expected another version", /I4/, (h) => {
    h.put(5);
    h.end(h.issue("put-version", 4), Status.OK, 6);
  }],
  ["a listing without a key", /I4/, (h) => {
    h.put(1);
    h.model.endListing(h.model.beginRead(), 0, NOW_MS);
  }],
  ["a listing with a key twice", /I4/, (h) => {
    h.put(1);
    h.model.endListing(h.model.beginRead(), 2, NOW_MS);
  }],
  ["a listing with a key that was never put", /I4/, (h) => {
    h.model.endListing(h.model.beginRead(), 1, NOW_MS);
  }],
];

for (const [name, rule, run] of HISTORIES) {
  test(`the model ${rule ? "refuses" : "allows"} ${name}`, () => {
    if (rule === undefined) run(new History());
    else assert.throws(() => run(new History()), (error: Error) => rule.test(error.message));
  });
}

test("a value with one byte of another is refused", () => {
  const value = makeValue(7, 100, 64);
  assert.is(readValue(value, 64, 7).operation, 100);
  for (let i = 0; i < value.length; i++) {
    const torn = value.slice();
    torn[i]! ^= 1;
    assert.throws(() => readValue(torn, 64, 7), /I2/);
  }
  assert.throws(() => readValue(value, 63, 7), /I2/);
});

test("a pool in which one word is wrong is refused", () => {
  const world = new SimWorld({ seed: 1, interruptShare: 0, segmentCount: 16 });
  world.run(300);
  world.finish();
  const { pool, slots } = world;
  const [slot] = slots;
  checkPool(pool, slots);
  const slotAt = pool.slotAt(slot!);
  const segmentIds = [...Array(pool.geometry.segmentCount).keys()] as SegmentId[];
  const isUsed = (id: SegmentId) => pool.control[pool.segmentAt(id) + SEGMENT_LIVE_BYTES] > 0;
  const usedAt = pool.segmentAt(segmentIds.find(isUsed)!);
  const freeAt = pool.segmentAt(new FreeSegments(pool).first);
  const home = bucketWord(pool.control[slotAt + SLOT_EXTENTS] as never);
  const pair = [0, 2, 4, 6, 8, 10, 12].find((word) => pool.index[0]![home + word + 1] !== 0)!;
  const address = pool.index[0]![home + pair + 1];
  const corruptions: [words: Int32Array, at: number, value: number][] = [
    [pool.control, usedAt + SEGMENT_LIVE_BYTES, pool.control[usedAt + SEGMENT_LIVE_BYTES] - 8],
    [pool.control, usedAt + SEGMENT_STATE, 0],
    [pool.control, usedAt + SEGMENT_USED_BYTES, 64],
    [pool.control, freeAt + SEGMENT_STATE, 2],
    [pool.control, FREE_SEGMENT_COUNT, pool.control[FREE_SEGMENT_COUNT] + 1],
    [pool.control, pool.freeBits, 0],
    [pool.control, slotAt + SLOT_LOCK, pool.control[slotAt + SLOT_LOCK] | 1],
    [pool.control, slotAt + SLOT_RECORD_COUNT, 0],
    [pool.control, slotAt + SLOT_EXPIRING_COUNT, 1000],
    [pool.control, slotAt + SLOT_OVERFLOW_COUNT, 1000],
    [pool.control, slotAt + SLOT_VERSION_LOW, 0],
    [pool.index[0]!, home + pair, pool.index[0]![home + pair] ^ 0x100],
    [pool.index[0]!, home + pair + 1, 0],
    [pool.index[0]!, home + pair + 1, address + 1],
    [pool.words[0]!, address * 2 + 7, -1],
  ];
  for (const [words, at, value] of corruptions) {
    const before = words[at];
    words[at] = value;
    assert.throws(() => checkPool(pool, slots), undefined, `word ${at} is ${value}`);
    words[at] = before;
    checkPool(pool, slots);
  }
});

test.run();
