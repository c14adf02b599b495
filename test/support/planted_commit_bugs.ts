/**
 * Planted bugs in atomic commits and transactions.
 *
 * @module
 */
import type { PlantedBug } from "./planted_bug.ts";

const FAILOVERS = "test/simulation/failovers_commits.test.ts";
const LOGGED = "test/simulation/failovers_commits_logged.test.ts";
const READS = "test/simulation/reads_of_commits.test.ts";
const GROUPED = "test/unit/grouped_commits.test.ts";
const HAND_OVER = "test/unit/hand_over.test.ts";
const CARRIER = "lib/client/ring_carrier.ts";
const COMMITS = "test/api/commits.test.ts";
const POWER_LOSS = "test/persistence/logged_power_loss.test.ts";
const VALUES = "test/unit/near_values.test.ts";
const TRANSACTIONS = "test/api/transactions.test.ts";

/** Bugs by which a commit is torn, lost, out of order, or made although a check does not hold. */
export const COMMIT_BUGS: readonly PlantedBug[] = [
  {
    name: "a thread makes a commit itself while another one executes",
    breaks: "I1",
    file: "lib/node/own_commits.ts",
    edits: [["!step.begin()) return false;", "(step.begin(), false)) return false;"]],
    caughtBy: [HAND_OVER],
    inTest: "a commit is made at once",
  },
  {
    name: "a thread makes a commit itself before requests that are in flight",
    breaks: "I4",
    file: CARRIER,
    edits: [[
      "commitAtOnce === undefined || producer.inFlightCount !== 0",
      "commitAtOnce === undefined",
    ]],
    caughtBy: [HAND_OVER],
    inTest: "a commit is made at once",
  },
  {
    name: "a thread makes a commit itself before what is held of its slots",
    breaks: "I4",
    file: CARRIER,
    edits: [["if (this.#inFlight.isPending(slots[i]!)) return false;", ";"]],
    caughtBy: [HAND_OVER],
    inTest: "a commit is not made at once",
  },
  {
    name: "each commit of a tick is written alone",
    breaks: "groups",
    file: "lib/client/own_changes.ts",
    edits: [["const onlyFirst = carrier.sharesWrites === true;", "const onlyFirst = false;"]],
    caughtBy: [COMMITS],
    inTest: "share writes",
  },
  {
    name: "a commit that a thread makes itself is shown before it is logged",
    breaks: "I3",
    file: "lib/node/own_commits.ts",
    edits: [["      group.write();\n      group.publish();\n", "      group.publish();\n"]],
    caughtBy: ["test/simulation/own_commits.test.ts"],
    inTest: "logged: true",
  },
  {
    name: "a commit that a thread has refused itself, as its slot has moved, is never sent",
    breaks: "I5",
    file: CARRIER,
    edits: [["if (status === Status.MOVED) return false;", ""]],
    caughtBy: ["test/simulation/own_commits.test.ts"],
    inTest: "in the middle of a commit",
  },
  {
    name: "a commit is torn: pairs are pointed at records that are not pending",
    breaks: "I4",
    file: "lib/agent/shown_commit.ts",
    edits: [[
      "if (!isPending(meta)) Atomics.store(words, at + RECORD_META, metaAsPending(meta));",
      "",
    ]],
    caughtBy: [READS],
    inTest: "no commit by half",
  },
  {
    name: "a reader takes the state of the next commit for that of a record's own",
    breaks: "I4",
    file: "lib/index/pending_record.ts",
    edits: [["if (!isPending(meta)) return Holds.SETTLED;", ""]],
    caughtBy: [READS],
    inTest: "no commit by half",
  },
  {
    name: "a reader reads an old record that may be gone",
    breaks: "I10",
    file: "lib/index/one_sided_reader.ts",
    edits: [["if (holdsOf(pool, address) !== Holds.OLD) return RACED;", ""]],
    caughtBy: [READS],
    inTest: "no commit by half",
  },
  {
    name: "a reader takes the record of a delete for a value",
    breaks: "I6",
    file: "lib/index/one_sided_reader.ts",
    edits: [[
      "if (metaKind(recordMeta) !== RecordKind.PUT) {",
      "if (metaKind(recordMeta) > RecordKind.DELETE) {",
    ]],
    caughtBy: [READS],
    inTest: "no commit by half",
  },
  {
    name: "a scan that has found a record of a commit takes it though the commit is not made",
    breaks: "I4",
    file: "lib/index/one_sided_reader.ts",
    edits: [["if (metaKind(meta) !== RecordKind.PUT) return undefined;", ""]],
    caughtBy: [VALUES],
  },
  {
    name: "a scan takes the record that it has found though the key has another one by now",
    breaks: "I4",
    file: "lib/index/one_sided_reader.ts",
    edits: [[
      "if (Atomics.load(place.region, place.pairAt) !== address) return undefined;",
      "",
    ]],
    caughtBy: [VALUES],
  },
  {
    name: "a scan takes a key for gone whose record has been moved since it was found",
    breaks: "a scan sees every key that was there all the time",
    file: "lib/index/one_sided_reader.ts",
    edits: [[
      "if (Atomics.load(place.region, place.pairAt) !== address) return undefined;",
      "if (Atomics.load(place.region, place.pairAt) !== address) return false;",
    ]],
    caughtBy: [VALUES],
  },
  {
    name: "a scan takes a record whose memory has another one by now",
    breaks: "I4",
    file: "lib/index/one_sided_reader.ts",
    edits: [[
      "if (!this.#isOfLife(address, generation)) return RACED;",
      "if (address === NO_ADDRESS) return RACED;",
    ]],
    caughtBy: [VALUES],
  },
  {
    name: "a key of a commit that is being made is passed over by a scan that has found its record",
    breaks: "a scan sees every key that was there all the time",
    file: "lib/store/reads/near_values.ts",
    edits: [["?? reader.read(this.#key, true);", "?? false;"]],
    caughtBy: [VALUES],
  },
  {
    name: "what a commit replaces is counted as dead before the commit has been made",
    breaks: "I10",
    file: "lib/agent/slot_writer.ts",
    edits: [[
      "if (this.#ghosts !== undefined) table.foundCount = countWhenOverwritten(table.foundCount);",
      "this.bury(old);",
    ]],
    caughtBy: [READS, FAILOVERS],
  },
  {
    name: "a commit that a dead thread was showing is left as it is",
    breaks: "I5",
    file: "lib/recovery/step_recovery.ts",
    edits: [["if (this.#shown.state !== CommitState.NONE) this.#shown.show();", ""]],
    caughtBy: [FAILOVERS, LOGGED],
  },
  {
    name: "of a commit that a dead thread had prepared one key is changed",
    breaks: "I5",
    file: "lib/recovery/step_recovery.ts",
    edits: [["else if (isCommit) this.#shown.show();", ""]],
    caughtBy: [FAILOVERS],
    inTest: "a KN dies at any access",
  },
  {
    name: "a commit shows itself before its frame is in the file",
    breaks: "I3",
    file: "lib/node/logged_commit.ts",
    edits: [["log.endFrame();", "this.#options.set.show();\n    log.endFrame();"]],
    caughtBy: [LOGGED],
  },
  {
    name: "a change joins a group though a commit of that has its slot",
    breaks: "I4",
    file: "lib/node/logged_commit.ts",
    edits: [[
      "return change.operation !== Operation.CLEAR_SLOT && this.mayLock(change.slot);",
      "return true;",
    ]],
    caughtBy: [GROUPED, LOGGED],
  },
  {
    name: "commits of two segments are in one set",
    breaks: "I12",
    file: "lib/node/shown_set.ts",
    edits: [["return this.isEmpty || this.#pool.segmentOf", "return true || this.#pool.segmentOf"]],
    caughtBy: [GROUPED, LOGGED],
  },
  {
    name: "of a set nothing is shown but its first commit",
    breaks: "I5",
    file: "lib/node/shown_set.ts",
    edits: [[
      "shown.note(isEmpty ? first : begin",
      "if (isEmpty) shown.note(first",
    ]],
    caughtBy: [GROUPED, LOGGED],
  },
  {
    name: "a commit that is refused for want of room in the index is shown with the others",
    breaks: "I12",
    file: "lib/node/shown_set.ts",
    edits: [["else shown.note(begin, end);", ""]],
    caughtBy: [GROUPED],
    inTest: "has no room",
  },
  {
    name: "the slots of a commit are let go before its group is written",
    breaks: "I1",
    file: "lib/node/logged_commit.ts",
    edits: [["this.#group.adopt(slots[i]!, owners[i]!);", "void [slots, owners];"]],
    caughtBy: [GROUPED, LOGGED],
  },
  {
    name: "a delete of nothing that joins a set is answered as if it had deleted something",
    breaks: "I4",
    file: "lib/node/logged_commit.ts",
    edits: [["if (isIdle || !set.mayHold(address))", "if (!set.mayHold(address))"]],
    caughtBy: [GROUPED],
    inTest: "nothing to delete",
  },
  {
    name: "of a set that a dead thread had prepared the first commit alone is made as one",
    breaks: "I12",
    file: "lib/recovery/step_recovery.ts",
    edits: [[
      "const isCommit = this.#shown.has(address);",
      "const isCommit = address !== NO_ADDRESS && address === this.#shown.first;",
    ]],
    caughtBy: [LOGGED],
    inTest: "when its group is sealed",
  },
  {
    name: "a commit that waits for one slot does not keep its place in another",
    breaks: "I4",
    file: "lib/client/gathered_slots.ts",
    edits: [["this.#parts.held.hold(slot);", ""]],
    caughtBy: [COMMITS],
    inTest: "order of their issue",
  },
  {
    name: "a commit waits in the queue of the key that is being updated alone",
    breaks: "I4",
    file: "lib/store/commits/commit_turns.ts",
    edits: [[
      "this.#missingCount = keys.length;",
      "keys = keys.filter((key) => (encoder.encode(key), queues.find(encoder) !== undefined));\n    this.#missingCount = keys.length;",
    ]],
    caughtBy: [COMMITS],
    inTest: "order of their issue",
  },
  {
    name: "a commit waits for the keys that its arrays hold by then",
    breaks: "I4",
    file: "lib/store/commits/commit_writes.ts",
    edits: [[
      "const keys = keysOf(words, this.#key);",
      "const keys = completion.changes.map(({ key }) => key);",
    ]],
    caughtBy: [COMMITS],
    inTest: "as they were given",
  },
  {
    name: "a commit is made although a check does not hold",
    breaks: "I4",
    file: "lib/node/atomic_commits.ts",
    edits: [["if (!admission.holds(change, old))", "if (old < -1)"]],
    caughtBy: [COMMITS],
    inTest: "check fails changes nothing",
  },
  {
    name: "a record of a commit is moved before the commit is on the disk",
    breaks: "I3",
    file: "lib/dpm/cleaner.ts",
    edits: [
      [
        "#mayClean = (victim: SegmentId): boolean => this.#isSynced(victim) &&",
        "#mayClean = (victim: SegmentId): boolean =>",
      ],
      ["if (!this.#isSynced(best)) {", "if (best === NO_SEGMENT) {"],
    ],
    caughtBy: [POWER_LOSS],
    inTest: "when the copy of its other key arrives first",
  },
  {
    name: "a segment that was left before a sync is never known to be synced",
    breaks: "I14",
    file: "lib/persistence/log_file.ts",
    edits: [["state === SegmentState.FREE_PENDING", "state !== SegmentState.OPEN"]],
    caughtBy: [POWER_LOSS],
    inTest: "is whole, when it has been synced",
  },
  {
    name: "a KN waits for a sync that no thread makes",
    breaks: "I14",
    file: "lib/node/cleaning_space.ts",
    edits: [["return this.#cleaners.sync();", "return false;"]],
    caughtBy: [POWER_LOSS],
    inTest: "when no other thread does",
  },
  {
    name: "a commit that is refused leaves records that count as live",
    breaks: "I10",
    file: "lib/node/atomic_commits.ts",
    edits: [[
      "log.cancel(this.#first, this.#recordWords);",
      "this.#options.segments.addLive(this.#first, this.#recordWords * 4);",
    ]],
    caughtBy: [FAILOVERS, LOGGED],
  },
  {
    name: "a transaction does not check what it has read",
    breaks: "I4",
    file: "lib/store/commits/transaction.ts",
    edits: [["commits.check(draft, key, entry?.version ?? null);", "void [key, entry];"]],
    caughtBy: [TRANSACTIONS],
    inTest: "run again when what it has read has changed",
  },
  {
    name: "what a transaction reads is of several moments",
    breaks: "I4",
    file: "lib/store/commits/transaction.ts",
    edits: [["isRight = await source.check([...this.#reads.values()]);", "isRight = true;"]],
    caughtBy: [TRANSACTIONS],
    inTest: "of one moment",
  },
];
