/**
 * Power that goes at any moment of a snapshot: afterwards there is the old snapshot or the new one,
 * whole, never an error and never a mix. Every key holds the number of the snapshot, so a mix would
 * show.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { MemoryDisk } from "../support/memory_disk.ts";
import { createAnew } from "../../lib/persistence/file_system.ts";
import { PoolFixture, valueOf } from "../support/pool_fixture.ts";
import { type Random, seeded } from "../support/random.ts";
import { readerOf, restore, save } from "../support/snapshots.ts";

const KEYS = Array.from({ length: 40 }, (_, i) => `key ${i}`);

class PowerLoss extends Error {}

function writeGeneration(f: PoolFixture, generation: number): void {
  for (const key of KEYS) assert.ok(f.put(key, valueOf(generation, 40)));
}

/** The generation that all keys have; throws if they differ. */
function readGeneration(disk: MemoryDisk): number {
  const { pool, number } = restore(disk);
  const read = readerOf(pool);
  for (const key of KEYS) {
    assert.equal(read(key), valueOf(number, 40), `${key} of snapshot ${number}`);
  }
  return number;
}

/**
 * Takes a snapshot, and the power at call `last` of it; returns whether it was over before that.
 */
function snapshotUntil(
  f: PoolFixture,
  disk: MemoryDisk,
  generation: number,
  last: number,
): boolean {
  const end = disk.calls.length + last;
  disk.beforeCall = (_call, number) => {
    if (number > end) throw new PowerLoss();
  };
  let isOver = true;
  try {
    save(f, disk, generation);
  } catch {
    isOver = false;
  }
  disk.beforeCall = () => {};
  return isOver;
}

function loseAndCheck(
  random: Random,
  disk: MemoryDisk,
  acknowledged: number,
  begun: number,
): number {
  disk.losePower(random);
  const generation = readGeneration(disk);
  assert.ok(
    generation >= acknowledged && generation <= begun,
    `snapshot ${generation}, acknowledged ${acknowledged}, begun ${begun}`,
  );
  return generation;
}

test(
  "at every call of a snapshot, many times",
  seeded((random) => {
    let [old, fresh] = [0, 0];
    for (let last = 0, isOver = false; !isOver; last++) {
      for (let round = 0; round < 8; round++) {
        const f = new PoolFixture({ segmentCount: 16 });
        const disk = new MemoryDisk();
        writeGeneration(f, 1);
        save(f, disk, 1);
        writeGeneration(f, 2);
        isOver = snapshotUntil(f, disk, 2, last);
        const generation = loseAndCheck(random, disk, isOver ? 2 : 1, 2);
        if (generation === 1) old += 1;
        else fresh += 1;
      }
    }
    // A snapshot that was over is the new one, all eight times.
    assert.ok(old > 50 && fresh > 8, `${old} old, ${fresh} new`);
  }),
);

test(
  "again and again, on a disk with the remains of earlier losses",
  seeded((random) => {
    let disk = new MemoryDisk();
    let f = new PoolFixture({ segmentCount: 16 });
    writeGeneration(f, 1);
    save(f, disk, 1);
    let generation = 1;
    for (let i = 0; i < 120; i++) {
      f = PoolFixture.over(restore(disk).pool);
      writeGeneration(f, generation + 1);
      const isOver = snapshotUntil(f, disk, generation + 1, random.below(40));
      generation = loseAndCheck(random, disk, isOver ? generation + 1 : generation, generation + 1);
      if (i === 60) disk = copyOf(disk);
    }
    assert.ok(generation > 5, `${generation} snapshots survived`);
  }),
);

test(
  "the check fails on a disk that does not sync",
  seeded((random) => {
    let failed = 0;
    for (let round = 0; round < 30; round++) {
      const f = new PoolFixture({ segmentCount: 16 });
      const disk = new MemoryDisk();
      writeGeneration(f, 1);
      save(f, disk, 1);
      disk.honoursSync = false;
      writeGeneration(f, 2);
      save(f, disk, 2);
      try {
        loseAndCheck(random, disk, 2, 2);
      } catch {
        failed += 1;
      }
    }
    assert.ok(failed > 10, `noticed ${failed} times of 30`);
  }),
);

test(
  "the disk forgets: what was not synced can be lost, torn, or kept",
  seeded((random) => {
    const outcomes = new Set<string>();
    for (let i = 0; i < 2000; i++) {
      const disk = new MemoryDisk();
      disk.replaceFile("/pool/a", new Uint8Array(2048).fill(1));
      const isNew = i % 2 === 0;
      const file = isNew ? createAnew(disk, "/pool/a") : disk.openForUpdate("/pool/a");
      disk.write(file, new Uint8Array(2048).fill(2), 0);
      disk.losePower(random);
      if (disk.info("/pool/a") === undefined) {
        assert.ok(isNew, "a file that was there stays there");
        outcomes.add("gone");
        continue;
      }
      const bytes = disk.fileContents("/pool/a");
      outcomes.add(`${bytes.length}:${bytes.filter((byte) => byte === 2).length}`);
    }
    for (const outcome of ["2048:0", "2048:2048", "0:0", "2048:512", "512:512", "gone"]) {
      assert.ok(outcomes.has(outcome), `${outcome} among ${[...outcomes]}`);
    }
  }),
);

function copyOf(disk: MemoryDisk): MemoryDisk {
  const copy = new MemoryDisk();
  for (const name of disk.list("/pool")) {
    copy.replaceFile(`/pool/${name}`, disk.fileContents(`/pool/${name}`));
  }
  return copy;
}

test.run();
