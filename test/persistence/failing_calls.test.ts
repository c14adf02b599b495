/**
 * Every call of the file system that opening a pool, a checkpoint, and closing it make, fails once,
 * with each code that the system has for it: the outcome is an error of the store that says which,
 * or a success, and never an error of the system's own; and the directory can be opened again, with
 * everything that was in it.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { DinomoError } from "../../lib/core/errors.ts";
import { systemCodeOf } from "../../lib/core/system_code.ts";
import {
  DurabilityFailure,
  durabilityFailure,
  DurabilityLevel,
} from "../../lib/pool/durability.ts";
import { type OpenedPool, openPath, type PoolOptions } from "../../lib/store/opening/open_path.ts";
import { CAMPAIGN_FACTOR, isOfThisShare, SHARE_COUNT } from "../support/campaign.ts";
import { DurableWorld } from "../support/durable_world.ts";
import { errorOf } from "../support/errors.ts";
import { MemoryDisk, systemError } from "../support/memory_disk.ts";
import { SEED } from "../support/random.ts";
import { DIRECTORY, readerOf } from "../support/snapshots.ts";

const CODES = [
  "EIO",
  "ENOSPC",
  "EDQUOT",
  "EACCES",
  "EPERM",
  "EROFS",
  "EMFILE",
  "ENFILE",
  "ELOOP",
  "EISDIR",
  "ENOTDIR",
  "ESPIPE",
  "ESTALE",
] as const;

/** One code for each call; a campaign tries all. */
const IS_SHORT = CAMPAIGN_FACTOR === 1 && SHARE_COUNT > 1;
const START = SEED % CODES.length;

const OPTIONS: PoolOptions = {
  nodes: 1,
  capacityBytes: undefined,
  capacityBytesMax: undefined,
  segmentBytes: undefined,
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
const NEW: PoolOptions = { ...OPTIONS, capacityBytes: 64 * 1024, segmentBytes: 4096 };

/** What a directory is like before it is opened. */
interface Scene {
  readonly name: string;
  readonly options: PoolOptions;
  /** Makes it. */
  readonly prepare: () => MemoryDisk;
  /** Keys that must be found, whatever has failed. */
  readonly keys: readonly string[];
}

/** The files of a pool whose process was killed, with frames behind its checkpoint. */
function killed(): { files: [string, Uint8Array][]; keys: string[] } {
  const world = new DurableWorld({ seed: 5, level: DurabilityLevel.OS, segmentCount: 8 });
  assert.ok(world.open());
  for (const model of world.models) world.put(model, 60);
  world.drain();
  assert.ok(world.checkpoint());
  for (const model of world.models) world.put(model, 60);
  world.drain();
  const files = world.disk.list(DIRECTORY).map((name): [string, Uint8Array] => {
    return [name, world.disk.fileContents(`${DIRECTORY}/${name}`)];
  });
  return { files, keys: world.models.map(({ key }) => key.text) };
}

const KILLED = killed();
const SCENES: readonly Scene[] = [
  {
    name: "a new pool",
    options: NEW,
    prepare: () => {
      const disk = new MemoryDisk();
      disk.directory = undefined;
      return disk;
    },
    keys: [],
  },
  {
    name: "a pool whose process was killed",
    options: OPTIONS,
    prepare: () => {
      const disk = new MemoryDisk();
      for (const [name, bytes] of KILLED.files) disk.replaceFile(`${DIRECTORY}/${name}`, bytes);
      // A lock file of nobody, and the draft of a checkpoint.
      disk.replaceFile(`${DIRECTORY}/lock`, new Uint8Array(0));
      disk.replaceFile(`${DIRECTORY}/checkpoint.new`, new Uint8Array(10));
      return disk;
    },
    keys: KILLED.keys,
  },
];

/** Opens, writes a checkpoint, and closes; what was opened is let go whatever happens. */
async function use(disk: MemoryDisk, scene: Scene, seen: (opened: OpenedPool) => void) {
  // The kernel's socket would say who is there; here the lock file has to do.
  const lockOptions = { files: disk, useSocket: false };
  const opened = await openPath(DIRECTORY, scene.options, lockOptions);
  try {
    seen(opened);
    opened.log!.checkpointer.checkpoint();
  } finally {
    opened.log!.file.close();
    await opened.lock!.release();
  }
}

function checkKeys({ pool }: OpenedPool, { keys }: Scene, context: string): void {
  const read = readerOf(pool);
  for (const key of keys) assert.ok(read(key) !== undefined, `${context}: ${key}`);
}

for (const scene of SCENES) {
  test(`${scene.name}: every call fails once, with every code`, async () => {
    const healthy = scene.prepare();
    await use(healthy, scene, (opened) => checkKeys(opened, scene, "without a failure"));
    const { calls } = healthy;
    assert.ok(calls.length > 40, `${calls.length} calls`);
    let refusedCount = 0;
    for (const [index, call] of calls.entries()) {
      // Segments are read one after the other, in the same way: the runtimes share those.
      if (call === "read" && !isOfThisShare(index, calls.length)) continue;
      // Each call with one of the codes in every run, each code with many calls, and others on each
      // runtime and in each run.
      for (const code of CODES) {
        if (IS_SHORT && code !== CODES[(index + START) % CODES.length]) continue;
        const context = `${scene.name}, call ${index}, ${call}, fails with ${code}, seed ${SEED}`;
        const disk = scene.prepare();
        const failing = disk.calls.length + index + 1;
        let hasFailed = false;
        disk.beforeCall = (name, number) => {
          if (number !== failing) return;
          hasFailed = true;
          throw systemError(code, name);
        };
        const error = await errorOf(() =>
          use(disk, scene, (opened) => {
            checkKeys(opened, scene, context);
            // A full disk can be read.
            const isLost = durabilityFailure(opened.pool) !== DurabilityFailure.NONE;
            assert.ok(!isLost || code === "ENOSPC" || code === "EDQUOT", context);
          })
        );
        assert.ok(hasFailed, context);
        if (error !== undefined) {
          assert.ok(error instanceof DinomoError, `${context}: got ${String(error)}`);
          assert.is(error.systemCode, code, `${context}: ${error.message}`);
          assert.ok(systemCodeOf(error.cause) === code, `${context}: the cause`);
          refusedCount += 1;
        }
        disk.beforeCall = () => {};
        assert.is(disk.openCount, 0, `${context}: every file is closed`);
        await use(disk, scene, (opened) => checkKeys(opened, scene, `again after ${context}`));
        assert.ok(!disk.list(DIRECTORY).includes("lock"), `${context}: the lock is given back`);
      }
    }
    assert.ok(refusedCount > calls.length / 4, `${refusedCount} refusals`);
  });
}

test("a disk without room is opened for reading, and for writing when there is some", async () => {
  const scene = SCENES[1]!;
  for (const code of ["ENOSPC", "EDQUOT"]) {
    // There may be room for the lock file, and for the checkpoint not.
    const disk = scene.prepare();
    let isFull = true;
    let room = 1;
    disk.beforeCall = (call) => {
      if (isFull && call === "write" && room-- <= 0) throw systemError(code, call);
    };
    const error = await errorOf(() =>
      use(disk, scene, (opened) => {
        checkKeys(opened, scene, code);
        assert.is(durabilityFailure(opened.pool), DurabilityFailure.CHECKPOINT);
        assert.is(opened.log!.file.sync(), false, "nothing is durable");
      })
    );
    assert.is((error as DinomoError).code, "DINOMO_DURABILITY", String(error));
    assert.is((error as DinomoError).systemCode, code);
    assert.ok(!disk.list(DIRECTORY).includes("checkpoint.new"), "the draft gives its room back");
    isFull = false;
    await use(disk, scene, (opened) => {
      checkKeys(opened, scene, "with room");
      assert.is(durabilityFailure(opened.pool), DurabilityFailure.NONE);
    });
  }
});

test.run();
