/**
 * Planted bugs in pools that are restored ahead.
 *
 * @module
 */
import type { PlantedBug } from "./planted_bug.ts";

const LIVES_TEST = "test/persistence/standby.test.ts";
const SEGMENTS_TEST = "test/unit/loaded_segments.test.ts";
const SESSION_LIVES = "test/simulation/session_lives.test.ts";
const STANDBY = "lib/persistence/pool_standby.ts";
const LOADER = "lib/persistence/segment_loader.ts";
const LOADED = "lib/persistence/loaded_segments.ts";
const AHEAD = "lib/persistence/frames_ahead.ts";
const REPLAY = "lib/persistence/frame_replay.ts";
const PAIRS = "lib/persistence/verified_pairs.ts";
const SNAPSHOT = "lib/persistence/snapshot_reader.ts";

/** Bugs by which another pool is taken over than the one that an opening would have made. */
export const STANDBY_BUGS: readonly PlantedBug[] = [
  {
    name: "a segment is not read again when it has begun another life",
    breaks: "I10",
    file: LOADER,
    edits: [["if (!loaded.isOf(segment, generation)) return false;", ""], [
      "return read.crc(0, used, 0) === crc;",
      "return true;",
    ], ["return read.crc(have, used, loaded.crc(segment)) === crc;", "return true;"]],
    caughtBy: [LIVES_TEST],
  },
  {
    name: "the CRC of a segment that has grown is not compared",
    breaks: "I2",
    file: LOADER,
    edits: [["return read.crc(have, used, loaded.crc(segment)) === crc;", "return true;"]],
    caughtBy: [LIVES_TEST],
  },
  {
    name: "what was read of a segment is not read on, up to where the checkpoint saw its end",
    breaks: "I3",
    file: LOADER,
    edits: [["read.fill(have, used);", "return true;"]],
    caughtBy: [LIVES_TEST],
  },
  {
    name: "a checkpoint that has appeared meanwhile is not noticed",
    breaks: "I3",
    file: STANDBY,
    edits: [[
      "if (mark !== this.#mark) this.#restoreAnew(files);",
      'if (mark === "") return undefined;',
    ]],
    caughtBy: [LIVES_TEST],
  },
  {
    name: "what was read of two checkpoints is gone on with",
    breaks: "I3",
    file: STANDBY,
    edits: [["if (this.#markOf(this.#files) !== mark) return", 'if (mark === "") return'], [
      "      this.#mark = mark;",
      "      this.#mark = this.#markOf(this.#files);",
    ]],
    caughtBy: [LIVES_TEST],
  },
  {
    name: "frames that the disk has forgotten are taken over",
    breaks: "I3",
    file: STANDBY,
    edits: [["else if (!this.#restore.isAsFollowed()) return undefined;", ""]],
    caughtBy: [LIVES_TEST],
  },
  {
    name: "a frame that is being written is the end of the log",
    breaks: "I3",
    file: AHEAD,
    edits: [[
      "return next === start ? undefined : { segment, start, end: next };",
      "return { segment, start, end: Math.max(start, end & ~7) };",
    ]],
    caughtBy: [LIVES_TEST],
  },
  {
    name: "records are replayed ahead into an index that is not the checkpoint's any more",
    breaks: "I4",
    file: SNAPSHOT,
    edits: [["if (reused !== undefined) emptyPool(this.pool, checkpoint.bucketCount);", ""]],
    caughtBy: [LIVES_TEST],
  },
  {
    name: "of sessions the pool has what an older checkpoint says",
    breaks: "I5",
    file: SNAPSHOT,
    edits: [[
      "if (checkpoint.ledger.length > 0) {",
      "if (checkpoint.ledger.length > 0 && reused === undefined) {",
    ]],
    caughtBy: [SESSION_LIVES],
    inTest: "restored ahead",
  },
  {
    name: "pairs are known although memory was written anew under them",
    breaks: "I2",
    file: LOADED,
    edits: [[
      "this.#readBytes[segment] = this.#crcs[segment] = this.#walkedBytes[segment] = 0;",
      "this.#readBytes[segment] = this.#crcs[segment] = 0;",
    ]],
    caughtBy: [SEGMENTS_TEST],
  },
  {
    name: "the bytes of pairs that are known are not counted",
    breaks: "I10",
    file: PAIRS,
    edits: [["else this.#count(slot, address, fact);", "else this.#liveCount += 1;"]],
    caughtBy: [LIVES_TEST],
  },
  {
    name: "keys that expire are not counted",
    breaks: "counts",
    file: PAIRS,
    edits: [["this.#expiring[slot] += fact & EXPIRES;", ""]],
    caughtBy: [LIVES_TEST],
  },
  {
    name: "deletes that were replayed ahead stay in the index",
    breaks: "I4",
    file: REPLAY,
    edits: [["this.#finish();", "if (this.#frames === 0) this.#finish();"]],
    caughtBy: [LIVES_TEST],
  },
];
