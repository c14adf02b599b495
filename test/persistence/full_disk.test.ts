/**
 * A disk that is really full: a small one in memory, where this process may mount one, and the
 * device that always is. Elsewhere failing_calls.test.ts has a simulated one.
 *
 * @module
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { DinomoError, DurabilityError, open, PathError } from "../../mod.ts";
import { errorOf } from "../support/errors.ts";
import { temporaryPath } from "../support/temporary.ts";

const DISK_BYTES = 1024 * 1024;
const SIZES = { capacity: "4MiB", segmentBytes: "64KiB" } as const;
const VALUE = "x".repeat(10_000);

/** Mounts a small disk; undefined where that is not allowed. */
function mountSmallDisk(): string | undefined {
  const path = temporaryPath("disk");
  mkdirSync(path);
  const options = ["-t", "tmpfs", "-o", `size=${DISK_BYTES}`, "tmpfs", path];
  return spawnSync("mount", options).status === 0 ? path : undefined;
}

const disk = mountSmallDisk();
test.after(() => {
  if (disk !== undefined) spawnSync("umount", ["-l", disk]);
});

/** Takes all the room that is left; what is returned gives it back. */
function fill(path: string): () => void {
  const filler = join(path, "filler");
  for (let bytes = DISK_BYTES; bytes >= 4096; bytes >>>= 1) {
    for (;;) {
      try {
        writeFileSync(filler, new Uint8Array(bytes), { flag: "a" });
      } catch {
        break;
      }
    }
  }
  return () => rmSync(filler);
}

if (disk === undefined) {
  // Not skipped in silence: whoever reads the output sees which disk it was, and
  // failing_calls.test.ts has a simulated one.
  console.log("no disk can be mounted here: full disks are simulated only");
}

for (const durability of disk === undefined ? [] : ["os", "disk"] as const) {
  test(`a store on a disk that becomes full, ${durability}`, async () => {
    const path = join(disk!, `pool-${durability}`);
    const store = await open<string>({ path, ...SIZES, durability });
    const acknowledged = new Set<string>();
    let refused: unknown;
    for (let i = 0; i < 500 && refused === undefined; i++) {
      refused = await errorOf(() => store.put(`key ${i}`, VALUE));
      if (refused === undefined) acknowledged.add(`key ${i}`);
    }
    assert.instance(refused, DurabilityError);
    assert.is((refused as DurabilityError).systemCode, "ENOSPC");
    assert.match((refused as Error).message, "the disk is full");
    assert.ok(acknowledged.size > 20, `${acknowledged.size} values`);
    const growth = await errorOf(() => store.grow("8MiB"));
    assert.instance(growth, DurabilityError, String(growth));
    assert.is(store.stats().capacityBytes, 4 * 2 ** 20);
    assert.instance(await errorOf(() => store.close()), DurabilityError);

    const giveBack = fill(disk!);
    const reader = await open<string>({ path, durability });
    for (const key of acknowledged) assert.is(reader.getSync(key), VALUE, key);
    const change = await errorOf(() => reader.put("more", "of it"));
    assert.instance(change, DurabilityError);
    assert.is((change as DurabilityError).systemCode, "ENOSPC");
    const [first] = acknowledged;
    const commit = await errorOf(() =>
      reader.atomic().put("one", "1").put("other", "2").delete(first!).commit()
    );
    assert.instance(commit, DurabilityError);
    assert.equal(reader.getManySync(["one", "other", first!]), [undefined, undefined, VALUE]);
    assert.is(reader.stats().durability.failure, "checkpoint");
    assert.instance(await errorOf(() => reader.close()), DurabilityError);

    const fresh = await errorOf(() => open({ path: join(disk!, "another"), ...SIZES }));
    assert.instance(fresh, PathError, String(fresh));
    assert.is((fresh as PathError).systemCode, "ENOSPC");

    giveBack();
    rmSync(join(disk!, "another"), { recursive: true, force: true });
    // The log takes its room, too: as much as there is on the disk must not be needed twice.
    const writer = await open<string>({ path, durability });
    for (const key of acknowledged) assert.is(writer.getSync(key), VALUE, key);
    await errorOf(() => writer.close());
    assert.ok(!existsSync(join(path, "lock")), readdirSync(path).join());
    rmSync(path, { recursive: true });
  });
}

test("a device that is always full fails with the code of the system", async () => {
  if (process.platform !== "linux") return;
  const { nodeFileSystem, writeFully } = await import("../../lib/persistence/file_system.ts");
  const file = nodeFileSystem.openForUpdate("/dev/full");
  let error: unknown;
  try {
    writeFully(nodeFileSystem, file, new Uint8Array(10), 0);
  } catch (thrown) {
    error = thrown;
  } finally {
    nodeFileSystem.close(file);
  }
  assert.is((error as { code?: string }).code, "ENOSPC");
  assert.not(error instanceof DinomoError);
});

test.run();
