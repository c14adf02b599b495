/**
 * A disk that fails: whichever call it is, the snapshot reports it, the one before it stays valid,
 * and the next one works.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { SnapshotError } from "../../lib/core/errors.ts";
import { readFully, writeFully } from "../../lib/persistence/file_system.ts";
import { MemoryDisk, systemError } from "../support/memory_disk.ts";
import { valueOf } from "../support/pool_fixture.ts";
import { CHECKPOINT_PATH, readerOf, restore, save, savedPool } from "../support/snapshots.ts";

/** Calls that a snapshot makes, counted on a disk that does not fail. */
function callsOfSnapshot(): string[] {
  const { f, disk } = savedPool();
  const before = disk.calls.length;
  save(f, disk, 2);
  return disk.calls.slice(before);
}

test("every call of a snapshot can fail", () => {
  const calls = callsOfSnapshot();
  const kinds = ["close", "create", "list", "rename", "sync", "syncDirectory", "unlink", "write"];
  assert.equal([...new Set(calls)].sort(), kinds);
  const renameIndex = calls.indexOf("rename");
  for (const [index, call] of calls.entries()) {
    for (const code of ["EIO", "ENOSPC"]) {
      const { f, disk, model } = savedPool();
      const failing = disk.calls.length + index + 1;
      disk.beforeCall = (name, number) => {
        if (number === failing) throw systemError(code, name);
      };
      f.put("key 1", valueOf(-1));
      const context = `call ${index}, ${call}, fails with ${code}`;
      let error: unknown;
      try {
        save(f, disk, 2);
      } catch (thrown) {
        error = thrown;
      }
      // What fails after the rename cannot take the new snapshot back.
      assert.ok(error instanceof SnapshotError || index > renameIndex + 1, `${context}: ${error}`);
      if (error instanceof SnapshotError) {
        assert.match(error.message, code);
        assert.is((error.cause as { code: string }).code, code);
      }
      disk.beforeCall = () => {};
      const read = readerOf(restore(disk).pool);
      const expected = index <= renameIndex ? model.get("key 1") : valueOf(-1);
      assert.equal(read("key 1"), expected, context);
      assert.equal(read("key 2"), model.get("key 2"), context);
      checkGoesOn(f, disk, context);
    }
  }
});

/**
 * After a failure the pool works, segments are freed again, and the next snapshot holds everything.
 */
function checkGoesOn(
  f: ReturnType<typeof savedPool>["f"],
  disk: MemoryDisk,
  context: string,
): void {
  for (let i = 0; i < 300; i++) assert.ok(f.put("key 1", valueOf(i, 300)), `${context}: put ${i}`);
  save(f, disk, 3);
  assert.equal(readerOf(restore(disk).pool)("key 1"), valueOf(299, 300), context);
  assert.equal(disk.list("/pool").sort(), ["checkpoint", "image-3"], context);
  assert.is(disk.openCount, 0, `${context}: every file is closed`);
}

test("short writes are continued", () => {
  const { f, disk, model } = savedPool();
  let round = 0;
  disk.shortWrite = (length) => Math.min(length, 1 + (round++ % 7) * 991);
  save(f, disk, 2);
  const read = readerOf(restore(disk).pool);
  for (const [key, value] of model) assert.equal(read(key), value, key);
});

test("writes that make no progress are a failure, not a hang", () => {
  const { f, disk } = savedPool();
  disk.shortWrite = () => 0;
  assert.throws(() => save(f, disk, 2), (error: unknown) => error instanceof SnapshotError);
  disk.shortWrite = (length) => length;
  assert.is(restore(disk).number, 1);
});

test("reads that fail are reported with their cause, and close what was opened", () => {
  const { disk } = savedPool();
  const before = disk.calls.length;
  restore(disk);
  const calls = disk.calls.slice(before);
  assert.ok(calls.length >= 6);
  for (const [index, call] of calls.entries()) {
    const failing = disk.calls.length + index + 1;
    disk.beforeCall = (name, number) => {
      if (number === failing) throw systemError("EIO", name);
    };
    let error: unknown;
    try {
      restore(disk);
    } catch (thrown) {
      error = thrown;
    }
    disk.beforeCall = () => {};
    assert.instance(error, Error, `call ${index}, ${call}`);
    assert.match((error as Error).message, "EIO", `call ${index}, ${call}`);
    assert.is(disk.openCount, 0, `call ${index}, ${call}: every file is closed`);
  }
  assert.is(restore(disk).number, 1);
});

test("large files are read and written in pieces", () => {
  const disk = new MemoryDisk();
  const bytes = Uint8Array.from({ length: 9 * 2 ** 20 + 5 }, (_, i) => i * 31 >>> 3);
  const file = disk.create("/pool/large");
  writeFully(disk, file, bytes, 100);
  assert.ok(disk.calls.filter((call) => call === "write").length >= 3);
  const back = new Uint8Array(bytes.length);
  assert.is(readFully(disk, file, back, 100), bytes.length);
  assert.is(back.every((byte, i) => byte === bytes[i]), true);
  assert.is(readFully(disk, file, back, bytes.length + 50), 50, "up to the end of the file");
  assert.is(disk.info(CHECKPOINT_PATH), undefined);
});

test.run();
