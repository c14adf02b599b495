/**
 * Planted bugs in how stores are opened: to be read only, or found again.
 *
 * @module
 */
import type { PlantedBug } from "./planted_bug.ts";

const READ_ONLY_TEST = "test/persistence/read_only.test.ts";
const REUSE_TEST = "test/api/reused_stores.test.ts";
const UNLOCKED_READ = "lib/persistence/unlocked_read.ts";
const LOCK_FILE = "lib/persistence/lock_file.ts";
const OPEN = "lib/store/open_store.ts";
const REUSED = "lib/store/opening/reused_stores.ts";
const FLIGHT = "lib/store/writes/single_flight.ts";

/**
 * Bugs by which a reader writes, reads two moments, or reads what another one writes, and by which
 * a store is found that should not be.
 */
export const OPENING_BUGS: readonly PlantedBug[] = [
  {
    name: "the KN of a new pool owns its slots in the table only",
    breaks: "I1",
    file: "lib/routing/ownership.ts",
    edits: [["control[lock] = word;", ""]],
    caughtBy: ["test/unit/ownership.test.ts"],
    inTest: "one KN owns all slots",
  },
  {
    name: "a pool is read while a store has it open",
    breaks: "I3",
    file: UNLOCKED_READ,
    edits: [["if (possible === undefined)", "if (true)"]],
    caughtBy: [READ_ONLY_TEST],
    inTest: "while a store has the pool open",
  },
  {
    name: "a holder of which nothing is known counts as ended",
    breaks: "I3",
    file: UNLOCKED_READ,
    edits: [["path) === false)", "path) !== true)"]],
    caughtBy: [READ_ONLY_TEST],
    inTest: "a lock file is believed",
  },
  {
    name: "the lock file of a process that was killed keeps readers away",
    breaks: "I14",
    file: LOCK_FILE,
    edits: [["if (holder === undefined || isVoid(holder, name))", "if (holder === undefined)"]],
    caughtBy: [READ_ONLY_TEST],
    inTest: "reads work",
  },
  {
    name: "what has changed while it was read is believed",
    breaks: "I2",
    file: UNLOCKED_READ,
    edits: [["if (stateOf(files, directory) !== before)", "if (false)"]],
    caughtBy: [READ_ONLY_TEST],
    inTest: "what changes while it is read",
  },
  {
    name: "a store that is read only writes a snapshot when it is closed",
    breaks: "read only",
    file: OPEN,
    edits: [["path: resolved.readOnly ? undefined : opened.path", "path: opened.path"]],
    caughtBy: [READ_ONLY_TEST],
    inTest: "every method that changes something",
  },
  {
    name: "a value is loaded that cannot be stored",
    breaks: "read only",
    file: FLIGHT,
    edits: [['this.#lifetime.assertWritable("getOrPut");', ""]],
    caughtBy: [READ_ONLY_TEST],
    inTest: "every method that changes something",
  },
  {
    name: "a store that is being closed is found again",
    breaks: "reuse",
    file: REUSED,
    edits: [[" && found.isOpen(store)", ""]],
    caughtBy: [REUSE_TEST],
    inTest: "close closes it for all",
  },
  {
    name: "a pool is opened while the store is being closed that was there before",
    breaks: "reuse",
    file: REUSED,
    edits: [["await found.close(store)", "void found.close(store)"]],
    caughtBy: [REUSE_TEST],
    inTest: "close closes it for all",
  },
  {
    name: "a store is found that was opened with other options",
    breaks: "reuse",
    file: REUSED,
    edits: [["wanted[name] !== has[name]", "false"]],
    caughtBy: [REUSE_TEST],
    inTest: "other options are refused",
  },
  {
    name: "the errors of another copy of the library are none",
    breaks: "reuse",
    file: "lib/core/errors.ts",
    edits: [["if (!isKnown ||", "if (true ||"]],
    caughtBy: [REUSE_TEST],
    inTest: "another copy of the library",
  },
];
