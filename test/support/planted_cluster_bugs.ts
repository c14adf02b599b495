/**
 * Planted bugs in leases, terms, logs and moves of a cluster.
 *
 * @module
 */
import type { PlantedBug } from "./planted_bug.ts";

const LEASE = "lib/cluster/node/lease.ts";
const REPLAY = "lib/cluster/node/log_replay.ts";
const WRITER = "lib/cluster/node/log_writer.ts";
const NEXT_APPEND = "lib/cluster/node/next_append.ts";
const TABLE = "lib/cluster/node/key_table.ts";
const MOVES = "lib/cluster/node/slot_moves.ts";
const SUCCESSION = "lib/cluster/node/succession.ts";
const NODE = "lib/cluster/node/cluster_node.ts";
const HAND_OVER = "lib/cluster/node/hand_over.ts";
const INTAKE = "lib/cluster/node/request_intake.ts";
const STATE = "lib/cluster/control/control_state.ts";
const BATCH = "lib/cluster/node/batch_decisions.ts";
const OUTCOME = "lib/cluster/node/request_outcome.ts";
const EVIDENCE = "lib/cluster/node/session_evidence.ts";
const CLOCK = "lib/cluster/node/request_clock.ts";
const PAGES = "lib/cluster/node/key_pages.ts";
const PARTS = "test/cluster/cluster_parts.test.ts";
const NODES = "test/cluster/cluster_node.test.ts";
const REQUESTS = "test/cluster/cluster_requests.test.ts";
const OUTCOMES = "test/cluster/cluster_outcomes.test.ts";
const EXPLORED = "test/cluster/cluster_explored.test.ts";
const SIMULATION = "test/cluster/cluster_simulation.test.ts";

/** Bugs by which an acknowledged write is lost, or what does not count is seen. */
export const CLUSTER_BUGS: readonly PlantedBug[] = [
  {
    name: "everything in a log counts, under whatever term it was written",
    breaks: "I15",
    file: REPLAY,
    edits: [[
      'entry.kind === "batch" && entry.term === this.#term',
      'entry.kind === "batch"',
    ]],
    caughtBy: [PARTS, NODES],
  },
  {
    name: "a fence that comes late ends a newer term",
    breaks: "I15",
    file: REPLAY,
    edits: [["if (entry.term > this.#term) this.#term = entry.term;", "this.#term = entry.term;"]],
    caughtBy: [PARTS, SIMULATION],
  },
  {
    name: "the lease is looked at before the append, and not after it",
    breaks: "I15",
    file: WRITER,
    edits: [[
      "if (!lease.holds()) return void clock.after(RETRY_MS, () => settle(sequence));",
      "",
    ]],
    caughtBy: [PARTS, SIMULATION, EXPLORED],
  },
  {
    name: "an append whose outcome is unknown is taken for stored",
    breaks: "I15",
    file: WRITER,
    edits: [["clock.after(RETRY_MS, () => {", "return stored(0); clock.after(RETRY_MS, () => {"]],
    caughtBy: [PARTS, SIMULATION],
  },
  {
    name: "the first of the requests that come together goes alone",
    breaks: "group commit",
    file: NEXT_APPEND,
    edits: [["this.#soon(() => {", "((task: () => void) => task())(() => {"]],
    caughtBy: [PARTS],
    inTest: "come together",
  },
  {
    name: "an append does not wait for those whom the one before has answered",
    breaks: "group commit",
    file: NEXT_APPEND,
    edits: [["if (answeredCount < ANSWERED_MIN) return", "return"]],
    caughtBy: [PARTS],
    inTest: "whom the one before has answered",
  },
  {
    name: "an append waits for those who do not ask again",
    breaks: "every wait is bounded",
    file: NEXT_APPEND,
    edits: [["Math.min(WAIT_MS_MAX, tookMs * WAIT_PART)", "2 ** 30"]],
    caughtBy: [PARTS],
    inTest: "whom the one before has answered",
  },
  {
    name: "records are written before their term has begun",
    breaks: "I15",
    file: WRITER,
    edits: [["#isReady = false;", "#isReady = true;"]],
    caughtBy: [PARTS],
    inTest: "a term begins",
  },
  {
    name: "the holder of a lease counts from when its renewal has come back",
    breaks: "I15",
    file: LEASE,
    edits: [["this.#since = since;", "this.#since = this.#now();"]],
    caughtBy: [PARTS, SIMULATION],
  },
  {
    name: "a lease is ended before it is over",
    breaks: "I15",
    file: LEASE,
    edits: [[">= this.#leaseMs;", ">= this.#leaseMs / 2;"]],
    caughtBy: [PARTS, SIMULATION, EXPLORED],
  },
  {
    name: "a lease goes on while the machine is frozen",
    breaks: "I15",
    file: LEASE,
    edits: [[
      "elapsedMs(this.#since, this.#now())",
      "(this.#now().monotonicMs - this.#since.monotonicMs)",
    ]],
    caughtBy: [PARTS],
    inTest: "counted from",
  },
  {
    name: "a read does not ask for the lease",
    breaks: "I4",
    file: INTAKE,
    edits: [
      ["&& !isBehind && standing.isActive())", "&& !isBehind)"],
      ["if (!standing.isActive() || !this.#isFor(request))", "if (!this.#isFor(request))"],
    ],
    caughtBy: [SIMULATION],
  },
  {
    name: "the record that is read last wins, whatever its version",
    breaks: "I9",
    file: TABLE,
    edits: [["known === undefined || record.version > known.version", "known !== record"]],
    caughtBy: [SIMULATION],
  },
  {
    name: "versions begin again with each owner",
    breaks: "I9",
    file: TABLE,
    edits: [["Math.max(this.#versionMax[slot]!, record.version)", "this.#versionMax[slot]!"]],
    caughtBy: [SIMULATION, EXPLORED],
  },
  {
    name: "a slot is served before the logs were read up to its barriers",
    breaks: "I15",
    file: MOVES,
    edits: [[
      "if (this.#coming.size === 0 || !this.#isRead()) return false;",
      "if (this.#coming.size === 0) return false;",
    ]],
    caughtBy: [NODES, SIMULATION],
  },
  {
    name: "a slot is served while it leaves",
    breaks: "I1",
    file: MOVES,
    edits: [["&& !this.#leaving.has(slot)", ""]],
    caughtBy: [PARTS, SIMULATION, EXPLORED],
  },
  {
    name: "a slot is given away while a change of it is on its way",
    breaks: "I1",
    file: HAND_OVER,
    edits: [["writer.isBusyWith(leaving) || isLent", "isLent"]],
    caughtBy: [NODES],
  },
  {
    name: "a slot is given away without the end of its log",
    breaks: "I15",
    file: HAND_OVER,
    edits: [["barriers: [[node, writer.storedSequence]],", "barriers: [[node, 1]],"]],
    caughtBy: [NODES],
  },
  {
    name: "the log of a node whose lease was ended is not fenced",
    breaks: "I15",
    file: SUCCESSION,
    edits: [["encodeOwn(term), undefined, (outcome)", "encodeOwn(1), undefined, (outcome)"]],
    caughtBy: [NODES],
    inTest: "does not count",
  },
  {
    name: "a revocation ends a lease that was renewed in between",
    breaks: "I15",
    file: STATE,
    edits: [["lease?.holder === undefined || follows !== lease.sequence", "!lease?.holder"]],
    caughtBy: [PARTS],
  },
  {
    name: "an assignment counts that does not know of the last one",
    breaks: "I1",
    file: STATE,
    edits: [["follows !== this.mapSequence || !this", "!this"]],
    caughtBy: [PARTS],
    inTest: "knows of the last one",
  },
];

/** Bugs by which a request is made twice or in the wrong order, or ends as on no other store. */
export const CLUSTER_REQUEST_BUGS: readonly PlantedBug[] = [
  {
    name: "a request that is sent again is executed again",
    breaks: "I5",
    file: BATCH,
    edits: [["if (applied !== undefined) return", "if (applied === null) return"]],
    caughtBy: [REQUESTS, SIMULATION],
  },
  {
    name: "a request is executed twice by one append",
    breaks: "I5",
    file: BATCH,
    edits: [["if (twice !== undefined) return", "if (twice === null) return"]],
    caughtBy: [REQUESTS, SIMULATION],
  },
  {
    name: "a copy is executed of a request whose answer has come",
    breaks: "I5",
    file: BATCH,
    edits: [["if (evidence.isConfirmed(session, number)) return", "if (!evidence) return"]],
    caughtBy: [REQUESTS],
    inTest: "has the answer to",
  },
  {
    name: "a request is executed however late it comes",
    breaks: "I5",
    file: BATCH,
    edits: [["this.#late.take(request, requestClockMs())", "this.#late.take(request, 0)"]],
    caughtBy: [REQUESTS],
    inTest: "too late",
  },
  {
    name: "the clock of requests stands still with the machine",
    breaks: "I5",
    file: CLOCK,
    edits: [["if (aheadMs >= JUMP_MS_MIN) this.#jumpsMs += aheadMs;", ""]],
    caughtBy: [REQUESTS],
    inTest: "the clock of requests",
  },
  {
    name: "what became of requests is forgotten all at once",
    breaks: "I5",
    file: EVIDENCE,
    edits: [["this.#earlier = this.#sessions;", "this.#earlier = new Map();"]],
    caughtBy: [REQUESTS, SIMULATION],
  },
  {
    name: "the next owner does not know who has made the records",
    breaks: "I5",
    file: NODE,
    edits: [["this.#evidence.note(record);", ""]],
    caughtBy: [REQUESTS, SIMULATION],
  },
  {
    name: "what was sent behind a request that comes too late is executed",
    breaks: "I4",
    file: "lib/cluster/node/late_requests.ts",
    edits: [["if (isLate) this.#late.add(nameOf(request));", ""]],
    caughtBy: [REQUESTS],
    inTest: "comes back, too",
  },
  {
    name: "a session of which a request came too late is refused for ever",
    breaks: "I14",
    file: WRITER,
    edits: [["this.#late.forget(request);", "{}"]],
    caughtBy: [REQUESTS],
    inTest: "comes back, too",
  },
  {
    name: "an addition that is sent again is not told its sum",
    breaks: "I5",
    file: OUTCOME,
    edits: [["expiresAtMs, isSum: true", "expiresAtMs, isSum: false"]],
    caughtBy: [REQUESTS, SIMULATION],
  },
  {
    name: "a request is taken that was meant for an earlier owner",
    breaks: "I5",
    file: NODE,
    edits: [["&& routedBy === assignedAt &&", "&&"]],
    caughtBy: [REQUESTS],
    inTest: "though the slot has come back",
  },
  {
    name: "requests for an assignment that was not read are refused",
    breaks: "I4",
    file: INTAKE,
    edits: [["return request.routedBy > standing.sequence() ||", "return slot < 0 ||"]],
    caughtBy: [REQUESTS],
    inTest: "wait for it, in their order",
  },
  {
    name: "a read does not wait for what its session has written before",
    breaks: "I4",
    file: INTAKE,
    edits: [["= writer.hasPending(slot, request.session);", "= false;"]],
    caughtBy: [REQUESTS, SIMULATION],
  },
  {
    name: "that a key has expired is told by a read, and not written",
    breaks: "I4",
    file: INTAKE,
    edits: [["if (isPut && old === undefined) return", "if (isPut && !record) return"]],
    caughtBy: [REQUESTS],
    inTest: "expired for one owner",
  },
  {
    name: "that a key has expired is told by a change, and not written",
    breaks: "I4",
    file: BATCH,
    edits: [["last?.value !== undefined && old === undefined;", "false;"]],
    caughtBy: [REQUESTS],
    inTest: "expired for one owner",
  },
  {
    name: "a condition is not looked at by deletes",
    breaks: "I4",
    file: OUTCOME,
    edits: [["old !== undefined && isMet(request, old)", "old !== undefined"]],
    caughtBy: [OUTCOMES, SIMULATION],
  },
  {
    name: "a page begins each slot at the key behind which the last one has ended",
    breaks: "I4",
    file: PAGES,
    edits: [[
      "this.#after = isLast ? undefined :",
      "this.#after = records.length === 0 ? this.#after :",
    ]],
    caughtBy: [REQUESTS],
    inTest: "pages have each key once",
  },
  {
    name: "a page has slots that the node does not serve",
    breaks: "I4",
    file: PAGES,
    edits: [["if (since === 0) return this.#end(true);", ""]],
    caughtBy: [REQUESTS],
    inTest: "pages have each key once",
  },
  {
    name: "a process waits for ever for a number that another one has",
    breaks: "I14",
    file: "lib/cluster/agent/cluster_agent.ts",
    edits: [["    this.#checkNumber();\n", ""]],
    caughtBy: ["test/cluster/cluster_agents.test.ts"],
    inTest: "whose number was taken",
  },
  {
    name: "keys of others are swept",
    breaks: "I4",
    file: "lib/cluster/node/expiry_sweep.ts",
    edits: [[
      "if (this.#parts.servedSince(hash >>> SLOT_SHIFT) !== 0) this.#delete(key, hash);",
      "this.#delete(key, hash);",
    ]],
    caughtBy: ["test/cluster/cluster_expiry.test.ts"],
    inTest: "keys of others are left alone",
  },
  {
    name: "slots that have come are not gone through for what has expired",
    breaks: "I14",
    file: "lib/cluster/node/expiry_sweep.ts",
    edits: [["since !== this.#walkedIn[slot] || ", ""]],
    caughtBy: ["test/cluster/cluster_expiry.test.ts"],
    inTest: "who gets slots deletes what expires there, with an index",
  },
  {
    name: "what expires and has no room in memory is forgotten",
    breaks: "I14",
    file: "lib/cluster/node/expiry_sweep.ts",
    edits: [[
      "> KNOWN_BYTES_MAX) return this.#walkLater(hash, expiresAtMs);",
      "> KNOWN_BYTES_MAX) return;",
    ]],
    caughtBy: ["test/cluster/cluster_expiry.test.ts"],
    inTest: "what it has in memory is bounded",
  },
];
