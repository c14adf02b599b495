/**
 * Planted bugs in the index of a cluster: merging, checkpoints, takeovers, cleaning, purging,
 * caching.
 *
 * @module
 */
import type { PlantedBug } from "./planted_bug.ts";

const STATE = "lib/cluster/control/control_state.ts";
const NEEDS = "lib/cluster/control/log_needs.ts";
const SLOT = "lib/cluster/index/slot_index.ts";
const MERGE = "lib/cluster/index/slot_merge.ts";
const ROUND = "lib/cluster/index/checkpoint_round.ts";
const TABLE = "lib/cluster/index/indexed_table.ts";
const KEEPER = "lib/cluster/index/index_keeper.ts";
const TAILS = "lib/cluster/index/kept_tails.ts";
const TAKEOVER = "lib/cluster/index/takeover.ts";
const INTAKE = "lib/cluster/node/request_intake.ts";
const NODE = "lib/cluster/node/cluster_node.ts";
const PARTS = "test/cluster/index_parts.test.ts";
const NODES = "test/cluster/cluster_index.test.ts";
const REQUESTS = "test/cluster/cluster_requests.test.ts";
const SIMULATION = "test/cluster/index_simulation.test.ts";

/** Bugs by which an acknowledged write is lost, or an old value is seen. */
export const INDEX_BUGS: readonly PlantedBug[] = [
  {
    name: "a change that is merged already is merged again",
    breaks: "I9",
    file: SLOT,
    edits: [["if (entry.version <= this.version) return;", ""]],
    caughtBy: [PARTS, NODES],
  },
  {
    name: "the change that comes last wins, whatever its version",
    breaks: "I9",
    file: SLOT,
    edits: [["known === undefined || entry.version > known.version", "known !== entry"]],
    caughtBy: [PARTS],
    inTest: "changes nothing",
  },
  {
    name: "what is changed while a slot is merged counts as merged",
    breaks: "I15",
    file: MERGE,
    edits: [["slot.endMerge(version, ", "slot.endMerge(slot.versionMax, "]],
    caughtBy: [PARTS],
  },
  {
    name: "a delete is dropped before it has met the put",
    breaks: "I4",
    file: MERGE,
    edits: [[
      "change.version > known.version) merged",
      "change.version > known.version) if (!change.isDelete) merged",
    ]],
    caughtBy: [NODES, SIMULATION],
  },
  {
    name: "a checkpoint names the directories of the one before",
    breaks: "I15",
    file: SLOT,
    edits: [[
      "this.merging = undefined;\n    this.directory = undefined;",
      "this.merging = undefined;",
    ]],
    caughtBy: [NODES],
  },
  {
    name: "logs are purged before the records in them that pages name have moved",
    breaks: "I15",
    file: ROUND,
    edits: [["for (const [log, sequence] of page.floors) need(logStream(log), sequence);", ""]],
    caughtBy: [NODES, SIMULATION],
  },
  {
    name: "pages are purged that a checkpoint names",
    breaks: "I15",
    file: ROUND,
    edits: [["need(indexStream(page.node), page.sequence);", ""]],
    caughtBy: [NODES],
    inTest: "is succeeded",
  },
  {
    name: "what other owners need is purged",
    breaks: "I15",
    file: NEEDS,
    edits: [["upTo = Math.min(upTo, (floors.get(logStream(node)) ?? Infinity) - 1);", ""]],
    caughtBy: [PARTS],
    inTest: "is not purged",
  },
  {
    name: "the tail of a log is purged that no page has",
    breaks: "I15",
    file: NEEDS,
    edits: [["upTo = Math.min(upTo, tails.get(node)?.sequence ?? Infinity);", ""]],
    caughtBy: [PARTS, SIMULATION],
  },
  {
    name: "slots come without what their last owner has needed",
    breaks: "I15",
    file: STATE,
    edits: [[
      "for (const [from, to] of this.#pairsOf(command)) this.needs.moved(from, to, NO_OWNER);",
      "",
    ]],
    caughtBy: [NODES, SIMULATION],
  },
  {
    name: "what slots without an owner need is forgotten",
    breaks: "I15",
    file: STATE,
    edits: [["this.needs.moved(node, NO_OWNER, NO_OWNER);", ""]],
    caughtBy: [NODES, SIMULATION],
  },
  {
    name: "behind a barrier counts what was written under the term of the fence",
    breaks: "I15",
    file: STATE,
    edits: [[
      "this.needs.barred(node, { sequence: barrier, term });",
      "this.needs.barred(node, { sequence: barrier, term: this.unfenced.get(node) ?? term });",
    ]],
    caughtBy: [PARTS],
    inTest: "is behind the barrier",
  },
  {
    name: "a checkpoint needs what is in front of a barrier, and purged",
    breaks: "I15",
    file: NEEDS,
    edits: [[
      "const own = later(needs.tails.get(node)!, needed);",
      "const own = needs.tails.get(node)!;",
    ]],
    caughtBy: [PARTS],
    inTest: "is behind the barrier",
  },
  {
    name: "the log of a node whose lives are short is never purged",
    breaks: "streams do not grow without a bound",
    file: STATE,
    edits: [["this.needs.barred(node, { sequence: barrier, term });", ""]],
    caughtBy: [NODES],
    inTest: "logs do not grow",
  },
  {
    name: "barriers say more in clusters whose older nodes do not know that",
    breaks: "I15",
    file: STATE,
    edits: [[
      "if (term === undefined || !beginsAtBarriers(this.settings)) continue;",
      "if (term === undefined) continue;",
    ]],
    caughtBy: [PARTS],
    inTest: "made before they did",
  },
  {
    name: "a checkpoint counts for slots that it does not have",
    breaks: "I15",
    file: STATE,
    edits: [["follows !== this.mapSequence || !isNewer", "!isNewer"]],
    caughtBy: [PARTS],
    inTest: "a checkpoint counts",
  },
  {
    name: "an earlier checkpoint that comes late counts",
    breaks: "I15",
    file: STATE,
    edits: [["this.mapSequence || !isNewer ||", "this.mapSequence ||"]],
    caughtBy: [PARTS],
    inTest: "a checkpoint counts",
  },
  {
    name: "a slot is served before the logs were read up to its barriers",
    breaks: "I15",
    file: TAKEOVER,
    edits: [["if (replay.sequence >= log.barrier) this.#reach", "this.#reach"]],
    caughtBy: [NODES, SIMULATION],
  },
  {
    name: "what was read ahead is taken for complete, and the barrier not looked at",
    breaks: "I15",
    file: TAKEOVER,
    edits: [[
      "if (log.replay.sequence >= barrier) return",
      "if (log.following !== undefined || log.replay.sequence >= barrier) return",
    ]],
    caughtBy: [NODES],
    inTest: "come with all that is written",
  },
  {
    name: "directories that were read ahead stay, though there is a later checkpoint",
    breaks: "I15",
    file: TAKEOVER,
    edits: [["isSame(this.#opened.get(slot), keeper);", "this.#opened.has(slot);"]],
    caughtBy: [NODES],
    inTest: "that are the last ones then",
  },
  {
    name: "what a node needed that has left is needed for ever",
    breaks: "what nobody needs is removed",
    file: STATE,
    edits: [["if (!this.hasOrphans) this.needs.forget(NO_OWNER);", ""]],
    caughtBy: [PARTS],
    inTest: "is not needed for ever",
  },
  {
    name: "a log that was read ahead from a later place is taken for whole",
    breaks: "I15",
    file: TAKEOVER,
    edits: [["log.start.sequence <= sequence && sequence", "sequence"]],
    caughtBy: [PARTS],
    inTest: "with several goals",
  },
  {
    name: "a log that was read ahead goes on in what is purged",
    breaks: "I14",
    file: TAKEOVER,
    edits: [[
      "if (log.start.sequence <= sequence && sequence <= log.replay.sequence) return;",
      "if (log.start.sequence <= sequence) return;",
    ]],
    caughtBy: [PARTS],
    inTest: "needed no more goes on behind that",
  },
  {
    name: "who is to read ahead says at once that it has",
    breaks: "I14",
    file: KEEPER,
    edits: [["return this.#ahead?.isRead !== false;", "return true;"]],
    caughtBy: [NODES],
    inTest: "are served meanwhile",
  },
  {
    name: "of what comes the tails are not read",
    breaks: "I15",
    file: NEEDS,
    edits: [["addStart(came, node, start);", ""]],
    caughtBy: [NODES, SIMULATION],
  },
  {
    name: "what was read for other slots stays, though the pages of a slot have newer changes",
    breaks: "I4",
    file: SLOT,
    edits: [["if (entry.version <= version)", "if (version < 0)"]],
    caughtBy: [PARTS],
  },
  {
    name: "slots that come while others are read have old changes beside newer pages",
    breaks: "I4",
    file: SLOT,
    edits: [["if (entry.version <= version)", "if (version < 0)"]],
    caughtBy: [PARTS],
    inTest: "is read behind changes of it",
  },
  {
    name: "a node that is stopped answers from slots that it has not read",
    breaks: "I4",
    file: NODE,
    edits: [["this.#control?.lease.end();", ""]],
    caughtBy: [NODES, REQUESTS],
    inTest: "that is stopped",
  },
  {
    name: "a node that is stopped while slots come to it answers from them",
    breaks: "I4",
    file: NODE,
    edits: [["this.#control?.lease.end();", ""]],
    caughtBy: [SIMULATION],
    inTest: "owners that come back",
  },
  {
    name: "messages that are gone are nobody's fault",
    breaks: "I14",
    file: KEEPER,
    edits: [["if (this.#isLost) return this.#parts!.failed(this.#missing!.error);", ""]],
    caughtBy: [NODES],
    inTest: "fails and says so",
  },
  {
    name: "a directory that is gone is asked for for ever",
    breaks: "I14",
    file: "lib/cluster/index/index_io.ts",
    edits: [["extent !== undefined && extent.first > sequence && isWanted()", "false"]],
    caughtBy: [NODES],
    inTest: "whose directories are gone",
  },
  {
    name: "a directory that a replica does not have yet is taken for gone",
    breaks: "I15",
    file: "lib/cluster/index/index_io.ts",
    edits: [["extent.first > sequence", "extent.first > 0"]],
    caughtBy: [NODES],
    inTest: "by directories that not every replica has",
  },
  {
    name: "messages that are gone fail a node that has lost its slots",
    breaks: "I14",
    file: KEEPER,
    edits: [["lease.grantedNumber > this.#missing.sentNumber", "lease.grantedNumber > 0"]],
    caughtBy: [NODES],
    inTest: "has lost its slots",
  },
  {
    name: "a slot is served while it is loaded",
    breaks: "I15",
    file: KEEPER,
    edits: [["return this.#takeovers.size === 0 ? Infinity : -1;", "return Infinity;"]],
    caughtBy: [SIMULATION],
  },
  {
    name: "who begins to read in the middle of a log does not know under which term",
    breaks: "I15",
    file: TAKEOVER,
    edits: [[
      "new LogReplay(node, this.#parts.take, start)",
      "new LogReplay(node, this.#parts.take, { ...start, term: 0 })",
    ]],
    caughtBy: [NODES, SIMULATION],
  },
  {
    name: "a directory that a replica does not have yet is taken for an empty one",
    breaks: "I15",
    file: TAKEOVER,
    edits: [[
      "this.#parts.io.readNeeded(indexStream(node), sequence",
      "this.#parts.io.readOnce(indexStream(node), sequence",
    ]],
    caughtBy: [NODES],
    inTest: "not every replica has",
  },
  {
    name: "a page that a replica does not have yet is taken for an empty one",
    breaks: "I4",
    file: TABLE,
    edits: [[
      "if (entries === undefined) return this.#again(lookup);",
      "if (entries === undefined) return done(undefined);",
    ]],
    caughtBy: [NODES],
    inTest: "behind a read",
  },
  {
    name: "what was read is cached though it was changed in between",
    breaks: "I4",
    file: TABLE,
    edits: [["return !slot.isGone && slot.changes === changes;", "return true;"]],
    caughtBy: [SIMULATION],
  },
  {
    name: "what is cached stays when its slot leaves and when it comes back",
    breaks: "I4",
    file: TABLE,
    edits: [["this.#cache.dropSlot(slot);", ""], ["this.#cache.dropSlot(slot.slot);", ""]],
    caughtBy: [NODES, SIMULATION],
  },
  {
    name: "a change overtakes a read of its session that waits",
    breaks: "I4",
    file: INTAKE,
    edits: [[
      "this.#held.has(slot, request.session) || isBehindRead",
      "this.#held.has(slot, request.session)",
    ]],
    caughtBy: [NODES],
    inTest: "behind a read",
  },
  {
    name: "the records of requests that may come again are not read by who takes over",
    breaks: "I5",
    file: TAILS,
    edits: [["const untilMs = nowMs - this.#keptMs;", "const untilMs = nowMs;"]],
    caughtBy: [PARTS],
    inTest: "as far back",
  },
  {
    name: "a checkpoint needs what one before it has had purged",
    breaks: "I14",
    file: TAILS,
    edits: [["start: last.sequence > start.sequence ? last : start", "start"]],
    caughtBy: [PARTS],
    inTest: "not needed by a later one",
  },
  {
    name: "those that came with slots are forgotten at the next checkpoint",
    breaks: "I5",
    file: TAILS,
    edits: [["of this.#inherited) {", "of []) {"]],
    caughtBy: [PARTS],
    inTest: "as far back",
  },
  {
    name: "what logs had of a slot stays cached when its directory is read",
    breaks: "I9",
    file: TABLE,
    edits: [["this.#cache.dropSlot(slot.slot);", ""]],
    caughtBy: [PARTS],
    inTest: "that comes is cached",
  },
  {
    name: "what was read ahead stays cached though the slot does not come",
    breaks: "I9",
    file: TABLE,
    edits: [["this.#drop(this.ahead, slot);", "this.ahead.delete(slot);"]],
    caughtBy: [PARTS],
    inTest: "that comes is cached",
  },
  {
    name: "an older record of a slot that comes takes the place of a newer one in the cache",
    breaks: "I9",
    file: TABLE,
    edits: [["if (slot.changeOf(name)?.version !== version) return;", ""]],
    caughtBy: [PARTS],
    inTest: "that comes is cached",
  },
];
