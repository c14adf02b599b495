/**
 * A store that lives and ends again and again, and beside it a process that restores its pool
 * ahead, which takes it over in the end.
 *
 * What is taken over must be what an ordinary opening of the same files makes: the same records of
 * the same keys, and every count.
 *
 * @module
 */
import * as assert from "uvu/assert";
import { NO_ADDRESS, type PoolAddress, type SegmentId, type Slot } from "../../lib/core/brands.ts";
import { SLOT_COUNT } from "../../lib/core/limits.ts";
import { IndexSpace } from "../../lib/index/index_space.ts";
import { SlotTable } from "../../lib/index/slot_table.ts";
import { RECORD_META, RECORD_VALUE_BYTES, recordWords } from "../../lib/log/record_layout.ts";
import type { FileSystem } from "../../lib/persistence/file_system.ts";
import { IndexCheck } from "../../lib/persistence/index_check.ts";
import { PoolStandby } from "../../lib/persistence/pool_standby.ts";
import { readSnapshot, type RestoredPool } from "../../lib/persistence/snapshot_reader.ts";
import {
  AGENT_HOST,
  SLOT_EXPIRING_COUNT,
  SLOT_RECORD_COUNT,
} from "../../lib/pool/control_layout.ts";
import { SEGMENT_LOST_BYTES, SEGMENT_USED_BYTES } from "../../lib/pool/segment_layout.ts";
import type { Pool } from "../../lib/pool/pool.ts";
import { slotVersion } from "../../lib/pool/slot_version.ts";
import { type DurableWorld, ProcessEnd } from "./durable_world.ts";
import type { Random } from "./random.ts";
import { CHECKPOINT_PATH, DIRECTORY } from "./snapshots.ts";

const REQUESTED = { codec: "binary", capacityBytes: undefined, segmentBytes: undefined } as const;

/** What standbys have done, so that a test that tests nothing is noticed. */
export interface StandbyFigures {
  refreshes: number;
  warm: number;
  takenOver: number;
  restoredAnew: number;
}

/** A standby beside a world. */
export class StandbyBeside {
  readonly #world: DurableWorld;
  readonly #random: Random;
  readonly #figures: StandbyFigures;
  #standby: PoolStandby;
  #isLooking = false;

  constructor(world: DurableWorld, random: Random, figures: StandbyFigures) {
    this.#world = world;
    this.#random = random;
    this.#figures = figures;
    this.#standby = this.#make();
    world.beside = () => {
      if (random.next() < 0.02) this.refresh(false);
    };
    world.takeOver = () => this.#takeOver();
  }

  /** The standby's process ends as well, and another one is started. */
  restart(): void {
    this.#standby = this.#make();
  }

  /** Looks at the files; the store may go on between two calls. */
  refresh(isAlone: boolean): void {
    if (this.#isLooking) return;
    this.#isLooking = true;
    const { disk } = this.#world;
    const before = disk.beforeCall;
    disk.beforeCall = () => {};
    try {
      this.#mayStep = isAlone;
      const report = this.#standby.refresh();
      this.#figures.refreshes += 1;
      if (report.isWarm) this.#figures.warm += 1;
    } finally {
      this.#mayStep = false;
      disk.beforeCall = before;
      this.#isLooking = false;
    }
  }

  #mayStep = false;

  #make(): PoolStandby {
    return new PoolStandby(this.#files(), DIRECTORY, REQUESTED, { isLogged: true });
  }

  #takeOver(): RestoredPool | undefined {
    const { disk } = this.#world;
    // It is the same process as the store's from now on: its calls may be its last ones.
    const standby = this.#standby;
    this.restart();
    const taken = standby.takeOver(disk);
    if (taken === undefined) {
      this.#figures.restoredAnew += 1;
      return undefined;
    }
    this.#figures.takenOver += 1;
    const before = disk.beforeCall;
    disk.beforeCall = () => {};
    const ordinary = readSnapshot(disk, DIRECTORY, REQUESTED, { isLogged: true });
    disk.beforeCall = before;
    assertSame(taken, ordinary);
    return taken;
  }

  /** The files as the standby sees them: a read may be of two moments. */
  #files(): FileSystem {
    const { disk } = this.#world;
    const world = this.#world;
    const random = this.#random;
    const step = () => {
      if (!this.#mayStep || world.isDown || random.next() > 0.15) return;
      this.#mayStep = false;
      try {
        for (let i = random.between(1, 30); i > 0 && !world.isDown; i--) world.step();
      } catch (error) {
        if (!(error instanceof ProcessEnd)) throw error;
      }
      this.#mayStep = true;
    };
    return new Proxy(disk as FileSystem, {
      get(target, name) {
        if (name === "read") {
          return (file: number, bytes: Uint8Array, position: number) => {
            step();
            const half = random.below(bytes.length + 1);
            const first = target.read(file, bytes.subarray(0, half), position);
            if (first < half) return first;
            step();
            return first + target.read(file, bytes.subarray(half), position + half);
          };
        }
        const value = target[name as keyof FileSystem];
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
  }
}

/** Asserts that two restored pools are the same to all that use them. */
export function assertSame(taken: RestoredPool, ordinary: RestoredPool): void {
  assert.equal(
    [taken.number, taken.image, taken.codec, taken.recovery],
    [ordinary.number, ordinary.image, ordinary.codec, ordinary.recovery],
  );
  const [pool, other] = [taken.pool, ordinary.pool];
  assert.is(pool.segmentLimit, other.segmentLimit);
  for (let i = 0; i < pool.segmentLimit; i++) assertSameSegment(pool, other, i as SegmentId);
  for (let i = 0; i < SLOT_COUNT; i++) assertSameSlot(pool, other, i as Slot);
  // Every count is that of the index and the log, by the check that does not know of standbys.
  const check = new IndexCheck(pool, CHECKPOINT_PATH);
  check.checkTables();
  check.checkRecords();
}

function assertSameSegment(pool: Pool, other: Pool, segment: SegmentId): void {
  const [at, otherAt] = [pool.segmentAt(segment), other.segmentAt(segment)];
  const what = `segment ${segment}`;
  assert.is(pool.loadGeneration(segment), other.loadGeneration(segment), `${what}: generation`);
  for (const word of [SEGMENT_USED_BYTES, SEGMENT_LOST_BYTES]) {
    assert.is(pool.control[at + word], other.control[otherAt + word], `${what}: word ${word}`);
  }
  const address = pool.segmentAddress(segment);
  const length = pool.control[at + SEGMENT_USED_BYTES];
  const [from, otherFrom] = [pool.wordAt(address) * 4, other.wordAt(address) * 4];
  const bytes = pool.bytesOf(address).subarray(from, from + length);
  const others = other.bytesOf(address).subarray(otherFrom, otherFrom + length);
  assert.ok(bytes.every((byte, i) => byte === others[i]), `${what}: bytes`);
}

function assertSameSlot(pool: Pool, other: Pool, slot: Slot): void {
  const [at, otherAt] = [pool.slotAt(slot), other.slotAt(slot)];
  assert.is(slotVersion(pool.control, at), slotVersion(other.control, otherAt), `slot ${slot}`);
  for (const word of [SLOT_RECORD_COUNT, SLOT_EXPIRING_COUNT]) {
    assert.is(pool.control[at + word], other.control[otherAt + word], `slot ${slot}: ${word}`);
  }
  assert.equal(recordsOf(pool, slot), recordsOf(other, slot), `slot ${slot}`);
}

/**
 * The records of a slot, word by word: of a copy and what it was copied from either may be there.
 */
function recordsOf(pool: Pool, slot: Slot): string[] {
  const records: string[] = [];
  new SlotTable(pool, new IndexSpace(pool, AGENT_HOST)).forEach(pool.slotAt(slot), (address) => {
    assert.is.not(address, NO_ADDRESS as PoolAddress);
    const words = pool.wordsOf(address);
    const from = pool.wordAt(address);
    const length = recordWords(words[from + RECORD_META], words[from + RECORD_VALUE_BYTES]);
    records.push(words.subarray(from, from + length).join(" "));
  });
  return records.sort();
}
