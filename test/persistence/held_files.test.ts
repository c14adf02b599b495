/**
 * What is written by path goes to the directory that was locked, or nowhere: in one thread, over
 * real directories.
 *
 * @module
 */
import {
  linkSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { SnapshotError } from "../../lib/core/errors.ts";
import { type OpenedPool, openPath, type PoolOptions } from "../../lib/store/opening/open_path.ts";
import { abandonLock } from "../support/locks.ts";
import { temporaryPath } from "../support/temporary.ts";

const OPTIONS: PoolOptions = {
  nodes: 1,
  capacityBytes: 64 * 1024,
  capacityBytesMax: undefined,
  segmentBytes: 4096,
  evictedEntriesMax: undefined,
  codec: "binary",
  keys: "mixed",
  durability: "os",
  repair: false,
  onProgress: undefined,
  processorCount: 1,
  processes: false,
  workers: { node: "", dpm: "", gateway: "", cluster: "" },
};

async function close({ log, lock }: OpenedPool): Promise<void> {
  log!.file.close();
  await lock!.release();
}

function contentsOf(path: string): [string, string][] {
  return readdirSync(path).sort().map((name) => [name, readFileSync(join(path, name), "latin1")]);
}

/** Ways to lose a directory; each returns who has it then. */
const WAYS: Readonly<Record<string, (path: string) => Promise<OpenedPool | undefined>>> = {
  "moved, and another one is opened": (path) => {
    renameSync(path, temporaryPath("moved"));
    return openPath(path, OPTIONS);
  },
  "removed, and another one is opened": (path) => {
    rmSync(path, { recursive: true });
    return openPath(path, OPTIONS);
  },
  "replaced by a link to another one": async (path) => {
    const other = temporaryPath("other");
    const opened = await openPath(other, OPTIONS);
    renameSync(path, temporaryPath("moved"));
    symlinkSync(other, path);
    return opened;
  },
  "somebody else's by its lock file": (path) => {
    abandonLock(path);
    return Promise.resolve(undefined);
  },
  "nobody's by its lock file": (path) => {
    rmSync(join(path, "lock"));
    return Promise.resolve(undefined);
  },
};

for (const [way, lose] of Object.entries(WAYS)) {
  test(`a directory that is ${way} is left alone`, async () => {
    const path = temporaryPath();
    const opened = await openPath(path, OPTIONS);
    opened.log!.checkpointer.checkpoint();
    const successor = await lose(path);
    const before = contentsOf(path);
    let error: unknown;
    try {
      opened.log!.checkpointer.checkpoint();
    } catch (thrown) {
      error = thrown;
    }
    assert.instance(error, SnapshotError);
    assert.is((error as SnapshotError).systemCode, "ESTALE", String(error));
    assert.match((error as Error).message, "replaced while the store was open");
    await close(opened);
    assert.equal(contentsOf(path), before);
    if (successor === undefined) return;
    successor.log!.checkpointer.checkpoint();
    await close(successor);
    await close(await openPath(path, OPTIONS));
  });
}

test("what is created is a new file, whatever had its name", async () => {
  const mine = temporaryPath("mine");
  writeFileSync(mine, "mine");
  for (const plant of [linkSync, symlinkSync]) {
    const path = temporaryPath();
    const opened = await openPath(path, OPTIONS);
    plant(mine, join(path, "checkpoint.new"));
    opened.log!.checkpointer.checkpoint();
    await close(opened);
    assert.is(readFileSync(mine, "utf8"), "mine", plant.name);
    assert.is.not(readFileSync(join(path, "checkpoint"), "latin1"), "mine");
  }
});

test.run();
