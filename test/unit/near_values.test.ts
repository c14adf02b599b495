/**
 * Values that are read where a walk over the keys has just found their records: those of an atomic
 * commit that is being made, and records whose memory has been reused, are read by their keys.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { GarbageMeter } from "../../lib/client/garbage_meter.ts";
import { NO_ADDRESS, type PoolAddress } from "../../lib/core/brands.ts";
import {
  metaAsPending,
  metaAsShown,
  RECORD_META,
  RECORD_REPLACES,
  RECORD_VALUE_BYTES,
} from "../../lib/log/record_layout.ts";
import { CommitState } from "../../lib/pool/commit_state.ts";
import { AGENT_COMMIT_STATE, GENERATIONS } from "../../lib/pool/control_layout.ts";
import { OperationCounters } from "../../lib/pool/operation_counters.ts";
import { FoundKey } from "../../lib/ordered/found_key.ts";
import type { IndexPlace } from "../../lib/index/one_sided_reader.ts";
import type { KeyWalk } from "../../lib/store/reads/key_walk.ts";
import { NearValues } from "../../lib/store/reads/near_values.ts";
import type { ReadParts } from "../../lib/store/parts/store_parts.ts";
import { PoolFixture } from "../support/pool_fixture.ts";

const AGENT = 0;
const KEY = "key";
const text = new TextDecoder();

/** A key whose record has a value, and one that reads it. */
class Scene {
  readonly fixture = new PoolFixture();
  readonly values: NearValues<string>;

  constructor(value: string | undefined) {
    const { pool, reader, keys } = this.fixture;
    const parts: Partial<ReadParts<string>> = {
      key: keys,
      codec: {
        decode: (bytes, length) => {
          const value = text.decode(bytes.slice(0, length));
          if (value === "bad") throw new Error(value);
          return value;
        },
      },
      cache: undefined,
      garbage: new GarbageMeter(() => 0, undefined),
      counters: new OperationCounters(pool, 0),
    };
    this.values = new NearValues(parts as ReadParts<string>, reader);
    if (value !== undefined) assert.ok(this.fixture.put(KEY, new TextEncoder().encode(value)));
  }

  /** What is read where a walk has come to a record, and whether it is there. */
  at(
    address: PoolAddress,
    generation = this.generationOf(address),
    valueBytes = this.#valueBytesOf(address),
  ): [string | undefined, boolean] {
    const { pool } = this.fixture;
    this.fixture.encode(KEY);
    const [words, recordAt] = [pool.wordsOf(address), pool.wordAt(address)];
    const meta = words[recordAt + RECORD_META]!;
    const walk = { place: { ...this.pair, address, generation, meta, valueBytes } } as KeyWalk;
    const value = this.values.readAtOrPassOver(KEY, walk, undefined);
    return [value, this.values.existsAt(walk)];
  }

  /** What a walk has found of the key. */
  foundNow(generation?: number): FoundKey {
    const { pool } = this.fixture;
    const { hash } = this.fixture.encode(KEY);
    const { region, pairAt } = this.pair;
    const address = this.fixture.find(KEY);
    const found = new FoundKey();
    const life = generation ?? this.generationOf(address);
    found.copyRecord(pool, hash, region, pairAt, address, life, this.values.aheadBytesMax);
    return found;
  }

  /** Where the key's pair has its address. */
  get pair(): Pick<IndexPlace, "region" | "pairAt"> {
    const { pool } = this.fixture;
    const address = this.fixture.find(KEY);
    for (const region of pool.index) {
      const pairAt = region.findIndex((word, i) => i % 2 === 1 && word === address);
      if (address !== NO_ADDRESS && pairAt >= 0) return { region, pairAt };
    }
    throw new Error("the key has no pair");
  }

  generationOf(address: PoolAddress): number {
    const { pool } = this.fixture;
    return pool.control[GENERATIONS + pool.segmentOf(address)]!;
  }

  #valueBytesOf(address: PoolAddress): number {
    const { pool } = this.fixture;
    return pool.wordsOf(address)[pool.wordAt(address) + RECORD_VALUE_BYTES]!;
  }

  /** Points the key at a record of a commit, as far as the commit has come. */
  point(record: PoolAddress, change: (meta: number) => number, state: number): void {
    const { pool, table } = this.fixture;
    const old = this.fixture.find(KEY);
    const words = pool.wordsOf(record);
    const at = pool.wordAt(record);
    if (old !== NO_ADDRESS && old !== record) {
      words[at + RECORD_REPLACES] = old;
      table.move(old, record);
    } else if (old === NO_ADDRESS) {
      const { hash } = this.fixture.encode(KEY);
      assert.ok(table.insert(this.fixture.slotAt(hash), hash, record));
    }
    words[at + RECORD_META] = change(words[at + RECORD_META]!);
    pool.control[pool.agentAt(AGENT) + AGENT_COMMIT_STATE] = state;
  }
}

test("a record of a commit that is being made is read by its key", () => {
  for (const old of ["old", undefined]) {
    const scene = new Scene(old);
    const record = scene.fixture.append(KEY, new TextEncoder().encode("new"));
    scene.point(record, metaAsPending, CommitState.PENDING);
    assert.equal(scene.at(record), [old, old !== undefined]);
    scene.point(record, (meta) => meta, CommitState.DONE);
    assert.equal(scene.at(record), ["new", true]);
    scene.point(record, metaAsShown, CommitState.NONE);
    assert.equal(scene.at(record), ["new", true]);
  }
});

test("a record whose memory has been reused since it was found is read by its key", () => {
  const scene = new Scene("first");
  const record = scene.fixture.find(KEY);
  const generation = scene.generationOf(record);
  assert.equal(scene.at(record), ["first", true]);
  // What was found is of a generation before, in which the record that was there was shorter.
  assert.equal(scene.at(record, generation - 1, 2), ["first", true]);
  // The pair leads elsewhere by now, though the record that was found is still in memory.
  assert.ok(scene.fixture.put(KEY, new TextEncoder().encode("second")));
  assert.equal(scene.at(record), ["second", true]);
  assert.equal(scene.at(record, generation - 1), ["second", true]);
});

test("what was found ahead is read as long as its key holds it", () => {
  const scene = new Scene("first");
  const { fixture, values } = scene;
  const first = scene.foundNow();
  assert.equal([values.decodeAhead(first), values.readAhead(first, 5)], ["first", true]);
  const late = scene.foundNow(first.generation - 1);
  assert.is(values.readAhead(late, 5), false, "whatever was decoded");
  assert.ok(fixture.put(KEY, new TextEncoder().encode("second")));
  assert.is(values.readAhead(first, 5), false);
  const second = scene.foundNow();
  assert.equal([values.decodeAhead(second), values.readAhead(second, 6)], ["second", true]);
});

test("what was found ahead is not read when it has expired, nor while a commit is made", () => {
  const expiring = new Scene(undefined);
  const record = expiring.fixture.append(KEY, new Uint8Array(1), undefined, 2000);
  expiring.point(record, (meta) => meta, CommitState.NONE);
  const found = expiring.foundNow();
  assert.is(expiring.values.readAhead(found, 1), true);
  expiring.fixture.nowMs = 2000;
  assert.is(expiring.values.readAhead(found, 1), false);
  const scene = new Scene("old");
  const next = scene.fixture.append(KEY, new TextEncoder().encode("new"));
  scene.point(next, metaAsPending, CommitState.PENDING);
  const pending = scene.foundNow();
  assert.equal(
    [scene.values.decodeAhead(pending), scene.values.readAhead(pending, 3)],
    [undefined, false],
  );
});

test("what is long, or cannot be decoded, is not decoded ahead", () => {
  for (const length of [0, 1, 4, 5, 1024, 1025]) {
    const value = "x".repeat(length);
    const scene = new Scene(value);
    assert.is(scene.values.decodeAhead(scene.foundNow()), length <= 1024 ? value : undefined);
  }
  const scene = new Scene("bad");
  assert.is(scene.values.decodeAhead(scene.foundNow()), undefined);
});

test.run();
