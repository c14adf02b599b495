/**
 * Planted bugs in what makes writes durable, and in what finds them again.
 *
 * @module
 */
import type { PlantedBug } from "./planted_bug.ts";

const POWER_LOSS = "test/persistence/logged_power_loss.test.ts";
const DISK_FAILURES = "test/persistence/logged_disk_failures.test.ts";
const SYNCED_LIVES = "test/persistence/synced_lives.test.ts";
const TORN_TAIL = "test/persistence/logged_torn_tail.test.ts";
const LEVELS = "test/persistence/durability.test.ts";
const NODE = "lib/node/kvs_node.ts";
const LOG_WRITER = "lib/log/log_writer.ts";
const FRAMES = "lib/log/frame_layout.ts";
const LOG_FILE = "lib/persistence/log_file.ts";
const HELD_DIRECTORY = "test/persistence/held_files.test.ts";
const FAILING_CALLS = "test/persistence/failing_calls.test.ts";
const HELD_FILES = "lib/persistence/held_files.ts";
const FILE_SYSTEM = "lib/persistence/file_system.ts";
const PATH_ERROR = "lib/persistence/path_error.ts";
const DURABILITY = "lib/pool/durability.ts";
const REPLAY = "lib/persistence/frame_replay.ts";
const OPEN_LOG = "lib/persistence/open_log.ts";
const CHECKPOINTER = "lib/persistence/checkpointer.ts";
const SNAPSHOT = "lib/persistence/snapshot_writer.ts";
const SEGMENT_TABLE = "lib/pool/segment_table.ts";
const LOGGED = "lib/node/logged_commit.ts";
const SLOT_WRITER = "lib/agent/slot_writer.ts";
const APPLY = "lib/agent/apply_record.ts";
const REPLAYED = "lib/persistence/replayed_slots.ts";
const SLOT_COPY = "lib/persistence/slot_copy.ts";

/** Bugs in durability. */
export const DURABILITY_BUGS: readonly PlantedBug[] = [
  {
    name: "what is written while a sync is in progress waits for the next change to be synced",
    breaks: "synced within a second or two",
    file: "lib/dpm/dpm_processors.ts",
    edits: [["if (isSynced && !hasFailed) this.#keepSynced(log);", ""]],
    caughtBy: [LEVELS],
    inTest: "while a sync is in progress",
  },
  {
    name: "a commit that a thread makes itself has the file not looked after",
    breaks: "synced within a second or two",
    file: "lib/client/own_changes.ts",
    edits: [["if (onlyFirst) this.#sender.scheduleFlush();", ""]],
    caughtBy: [LEVELS],
    inTest: "the only change there is",
  },
  {
    name: "a slot whose holder has died with a record that is logged alone counts as unused",
    breaks: "I3",
    file: SLOT_COPY,
    edits: [["holderOf(Atomics.load(control, slotAt + SLOT_LOCK)) < 0 &&", "slotAt >= 0 &&"]],
    caughtBy: ["test/unit/slot_copy.test.ts"],
  },
  {
    name: "segments are replayed before all of them have been read",
    breaks: "I3",
    file: REPLAY,
    edits: [[
      "this.#loaded.push({ segment, start, end: end & ~(ADDRESS_UNIT_BYTES - 1) });",
      "this.#loaded.push({ segment, start, end: end & ~(ADDRESS_UNIT_BYTES - 1) }); this.run();",
    ]],
    caughtBy: [POWER_LOSS],
  },
  {
    name: "a group is acknowledged before it is written",
    breaks: "I3",
    file: NODE,
    edits: [[
      "group.write(); group.publish();",
      "group.publish(); group.write();",
    ]],
    caughtBy: [POWER_LOSS],
  },
  {
    name: "a group is published although it could not be written",
    breaks: "I3",
    file: LOGGED,
    edits: [[
      "if (log.write(group.mustSync || syncsAlways)) return;",
      "log.write(group.mustSync || syncsAlways); if (this.#group !== undefined) return;",
    ]],
    caughtBy: [DISK_FAILURES],
  },
  {
    name: "a delete counts on a put of its own group that was refused",
    breaks: "I8",
    file: SLOT_WRITER,
    edits: [["if (old === NO_ADDRESS) return Applied.ABSENT;", ""]],
    caughtBy: [POWER_LOSS],
    inTest: "takes nothing away from others",
  },
  {
    name: "nothing is synced at the level disk",
    breaks: "I3",
    file: NODE,
    edits: [["syncsAlways: syncsAlways(pool),", "syncsAlways: false,"]],
    caughtBy: [POWER_LOSS],
  },
  {
    name: "a segment is reused before a checkpoint knows that it is empty",
    breaks: "I10",
    file: SEGMENT_TABLE,
    edits: [[
      "if (!isDeferred || this.isStaging(segment)) this.#release(segment, at);",
      "if (isDeferred !== undefined) this.#release(segment, at);",
    ]],
    caughtBy: [POWER_LOSS],
  },
  {
    name: "a checkpoint frees what was emptied after it had been captured",
    breaks: "I10",
    file: CHECKPOINTER,
    edits: [["this.#segments.releasePending(pending);", "this.#segments.releasePending();"]],
    caughtBy: [POWER_LOSS],
  },
  {
    name: "a checkpoint counts on an image that is not synced",
    breaks: "I3",
    file: CHECKPOINTER,
    edits: [["if (!this.#file.sync()) this.#assertDurable();", ""]],
    caughtBy: [POWER_LOSS],
  },
  {
    name: "the directory is not synced after a checkpoint has been renamed",
    breaks: "I10",
    file: SNAPSHOT,
    edits: [[
      "files.rename(temporary, join(directory, CHECKPOINT_FILE)); files.syncDirectory(directory);",
      "files.rename(temporary, join(directory, CHECKPOINT_FILE));",
    ]],
    caughtBy: [POWER_LOSS],
  },
  {
    name: "a checkpoint that was renamed by a process that was killed is not made durable",
    breaks: "I10",
    file: OPEN_LOG,
    edits: [["else files.syncDirectory(place.directory);", ""]],
    caughtBy: [POWER_LOSS],
  },
  {
    name: "a segment without frames counts as used, although the file does not have its header",
    breaks: "I3",
    file: LOG_WRITER,
    edits: [[
      "if (this.#file !== undefined && this.#next === start + HEADER_UNITS) return 0;",
      "",
    ]],
    caughtBy: [POWER_LOSS],
  },
  {
    name: "the lives of a segment that stages values are counted",
    breaks: "I3",
    file: SEGMENT_TABLE,
    edits: [[
      "if (!this.isStaging(segment)) this.#bumpOnce(segment, at, word);",
      "this.#bumpOnce(segment, at, word);",
    ]],
    caughtBy: [POWER_LOSS],
  },
  {
    name: "the CRC of a frame is not checked",
    breaks: "I2",
    file: FRAMES,
    edits: [[
      "if (!isPossible || crcOf(pool, address, payloadBytes) !== words[at + FRAME_CRC])",
      "if (!isPossible)",
    ]],
    caughtBy: [TORN_TAIL],
  },
  {
    name: "the generation of a frame is not checked",
    breaks: "I10",
    file: FRAMES,
    edits: [["&& words[at + FRAME_GENERATION] === generation;", ";"]],
    caughtBy: [POWER_LOSS],
  },
  {
    name: "a sync that has failed is tried again",
    breaks: "I3",
    file: LOG_FILE,
    edits: [["loseDurability(this.#pool, DurabilityFailure.SYNC, error);", ""]],
    caughtBy: [DISK_FAILURES],
  },
  {
    name: "a sync that outlasts a segment's life claims its length for the next one",
    breaks: "I3",
    file: LOG_FILE,
    edits: [
      ["if (this.#pool.loadGeneration(segment) !== generation) continue;", ""],
      ["packSynced(generation, bytes)", "packSynced(this.#pool.loadGeneration(segment), bytes)"],
    ],
    caughtBy: [POWER_LOSS, SYNCED_LIVES],
    inTest: "claims nothing about",
  },
  {
    name: "a write that has failed is forgotten",
    breaks: "I3",
    file: LOG_FILE,
    edits: [["loseDurability(this.#pool, DurabilityFailure.WRITE, error); return", "return"]],
    caughtBy: [DISK_FAILURES],
  },
  {
    name: "a replay forgets deletes",
    breaks: "I3",
    file: REPLAYED,
    edits: [[
      "this.#hasDeletes[this.#slotOf(slotAt)] = 1;",
      "if (slotAt !== 0) return Applied.DONE;",
    ]],
    caughtBy: [POWER_LOSS],
  },
  {
    name: "a replay undoes what a cleaner has moved since the checkpoint",
    breaks: "I14",
    file: REPLAYED,
    edits: [["readonly followsCopies = true;", "readonly followsCopies = false;"]],
    caughtBy: ["test/unit/replayed_slots.test.ts"],
  },
  {
    name: "a replay lets an older record win",
    breaks: "I3",
    file: APPLY,
    edits: [[
      "if (old !== NO_ADDRESS && versionAt(pool, old) >= version)",
      "if (old !== NO_ADDRESS && versionAt(pool, old) === version)",
    ]],
    caughtBy: [POWER_LOSS],
  },
  {
    name: "a replay does not raise the versions of slots",
    breaks: "I9",
    file: REPLAY,
    edits: [["raiseSlotVersion(this.#pool.control, slotAt, version); if", "if"]],
    caughtBy: [POWER_LOSS],
  },
  {
    name: "a segment whose first frame was lost keeps its generation",
    breaks: "I10",
    file: REPLAY,
    edits: [["if (this.#hasLostFrames || hasSegmentHeader(pool, segment, generation)) {", "{"], [
      "Atomics.add(pool.control, GENERATIONS + segment, 1);",
      "",
    ]],
    caughtBy: [TORN_TAIL],
  },
  {
    name: "what a repair has bridged is not written",
    breaks: "I3",
    file: OPEN_LOG,
    edits: [[
      "file.write(((offset / ADDRESS_UNIT_BYTES) | 0)",
      "void ((offset / ADDRESS_UNIT_BYTES | 0)",
    ]],
    caughtBy: [TORN_TAIL],
  },
  {
    name: "a store writes at its path without looking whose directory that is",
    breaks: "I3",
    file: HELD_FILES,
    edits: [["if (info.device === device && info.inode === inode) return;", "if (info) return;"], [
      "if (readLockToken(this.#files, path) === token) return;",
      "if (token) return;",
    ]],
    caughtBy: [HELD_DIRECTORY],
  },
  {
    name: "a store writes although its lock file is somebody else's",
    breaks: "I3",
    file: HELD_FILES,
    edits: [[
      "if (readLockToken(this.#files, path) === token) return;",
      "if (token) return;",
    ]],
    caughtBy: [HELD_DIRECTORY],
  },
  {
    name: "a new file is written through whatever has its name",
    breaks: "I3",
    file: FILE_SYSTEM,
    edits: [["O_RDWR | O_CREAT | O_EXCL |", "O_RDWR | O_CREAT | 512 |"]],
    caughtBy: [HELD_DIRECTORY],
  },
  {
    name: "a call that fails on the way to an open pool is thrown as it is",
    breaks: "errors are typed",
    file: PATH_ERROR,
    edits: [["if (error instanceof AssertionError) return error;", "if (error) return error;"]],
    caughtBy: [FAILING_CALLS],
  },
  {
    name: "the code of the call that failed is forgotten",
    breaks: "errors are typed",
    file: DURABILITY,
    edits: [[
      "(systemCodeNumber(error) << FAILURE_BITS)",
      "(systemCodeNumber(undefined) << FAILURE_BITS)",
    ]],
    caughtBy: [FAILING_CALLS],
    inTest: "is opened for reading",
  },
];
