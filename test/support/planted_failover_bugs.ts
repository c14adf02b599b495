/**
 * Planted bugs in what happens when a KN fails.
 *
 * @module
 */
import type { PlantedBug } from "./planted_bug.ts";

const IN_MEMORY = "test/simulation/failovers_in_memory.test.ts";
const LOGGED = "test/simulation/failovers_logged.test.ts";
const RINGS = "test/unit/rings.test.ts";
const EXECUTOR = "lib/agent/executor.ts";
const RETIRED_REQUESTS = "lib/client/retired_requests.ts";
const DEAD = "lib/recovery/step_recovery.ts";
const DEAD_LOG = "lib/recovery/log_recovery.ts";
const RETIRED = "lib/recovery/retired_nodes.ts";
const REPAIR = "lib/recovery/reconciliation.ts";
const REPAIRS = "test/unit/pool_repair.test.ts";
const DIRECTORY = "lib/routing/node_directory.ts";
const OWN_PUTS = "test/simulation/own_puts.test.ts";
const OWN_PUT = "lib/node/own_puts.ts";
const OWN_CHANGES = "lib/client/own_changes.ts";
const CARRIER = "lib/client/ring_carrier.ts";
const IMMEDIATE = "lib/node/immediate_commit.ts";
const LOGGED_COMMIT = "lib/node/logged_commit.ts";

/** Bugs of the fence, of what becomes of requests, and of what is put in order afterwards. */
export const FAILOVER_BUGS: readonly PlantedBug[] = [
  {
    name: "what was refused by what cannot be written is answered as it was prepared",
    breaks: "I3",
    file: DEAD,
    edits: [["(address !== NO_ADDRESS || tellsOfKey(status))", "address !== NO_ADDRESS"]],
    caughtBy: [LOGGED],
    inTest: "the disk has failed",
  },
  {
    name: "what was refused by what could not be written is answered all the same",
    breaks: "I3",
    file: "lib/node/request_group.ts",
    edits: [[
      "const isUnknown = member.isRefusal && tellsOfKey(member.status);",
      "const isUnknown = false;",
    ]],
    caughtBy: ["test/unit/grouped_commits.test.ts"],
  },
  {
    name: "a KN that has failed is not fenced",
    breaks: "I1",
    file: EXECUTOR,
    edits: [[
      "if (Atomics.compareExchange(control, at, seen, fenced) === seen) return seen;",
      "return seen;",
    ]],
    caughtBy: [IN_MEMORY],
  },
  {
    name: "room that was reserved is given up because the KN's block is another one's",
    breaks: "I5",
    file: DIRECTORY,
    edits: [[
      "return tenancy === pool.control[at + SEGMENT_TENANCY] ? state : NodeState.NONE;",
      "return state;",
    ]],
    caughtBy: [REPAIRS],
  },
  {
    name: "a zombie that leaves its step lets others in again",
    breaks: "I1",
    file: EXECUTOR,
    edits: [[
      "if (seen !== executor) Atomics.store(control, at, Executor.LEFT);",
      "if (seen !== executor) Atomics.store(control, at, Executor.NOBODY);",
    ]],
    caughtBy: [IN_MEMORY],
  },
  {
    name: "what a KN had answered before it failed is sent again",
    breaks: "I5",
    file: RETIRED_REQUESTS,
    edits: [[
      "const isAnswered = isOfRequest(word, number) && !isPrepared(word);",
      "const isAnswered = false;",
    ]],
    caughtBy: [IN_MEMORY, LOGGED],
  },
  {
    name: "an answer that was only prepared counts as one",
    breaks: "I5",
    file: RETIRED_REQUESTS,
    edits: [[
      "const isAnswered = isOfRequest(word, number) && !isPrepared(word);",
      "const isAnswered = isOfRequest(word, number);",
    ]],
    caughtBy: [LOGGED],
  },
  {
    name: "an answer of an earlier round counts as one of this",
    breaks: "I5",
    file: RETIRED_REQUESTS,
    edits: [[
      "const isAnswered = isOfRequest(word, number) && !isPrepared(word);",
      "const isAnswered = !isPrepared(word);",
    ]],
    caughtBy: [IN_MEMORY],
  },
  {
    name: "a thread that puts itself does not say so before",
    breaks: "I5",
    file: IMMEDIATE,
    edits: [[
      "consumer.prepare(Status.OK, address, words[",
      "if (old === -1) consumer.prepare(Status.OK, address, words[",
    ]],
    caughtBy: [OWN_PUTS],
  },
  {
    name: "a put that has thrown goes to whoever owns its slot then",
    breaks: "I5",
    file: CARRIER,
    edits: [["if (outcome === OwnPut.FAILED) this.#failed = connection;", ""]],
    caughtBy: [OWN_PUTS],
  },
  {
    name: "a thread puts itself though it has requests in flight",
    breaks: "I4",
    file: CARRIER,
    edits: [["putAtOnce === undefined || producer.inFlightCount !== 0", "putAtOnce === undefined"]],
    caughtBy: ["test/simulation/whole_steps.test.ts"],
  },
  {
    name: "a thread puts itself what has to follow requests that are held",
    breaks: "I4",
    file: CARRIER,
    edits: [["if (this.#inFlight.isPending(slot)) return NOT_AT_ONCE;", ""]],
    caughtBy: ["test/unit/hand_over.test.ts"],
  },
  {
    name: "a thread puts itself what has a condition",
    breaks: "conditions of puts",
    file: OWN_CHANGES,
    edits: [["|| draft.operation !== PLAIN_PUT) return NOT_AT_ONCE;", ") return NOT_AT_ONCE;"]],
    caughtBy: ["test/unit/hand_over.test.ts"],
    inTest: "with a condition",
  },
  {
    name: "a thread makes each awaited put of a tick itself",
    breaks: "puts of a tick are executed together",
    file: OWN_CHANGES,
    edits: [["this.#hasPut = true;", ""]],
    caughtBy: ["test/unit/hand_over.test.ts"],
    inTest: "the first of a tick",
  },
  {
    name: "a thread puts itself while another one executes",
    breaks: "I1",
    file: OWN_PUT,
    edits: [["!this.#step.begin()) return false;", "(this.#step.begin(), false)) return false;"]],
    caughtBy: ["test/unit/hand_over.test.ts"],
  },
  {
    name: "a slot is unlocked before a thread has made its own put",
    breaks: "I1",
    file: OWN_PUT,
    edits: [[
      "if (hasRoom) this.#commit.put(",
      "unlockSlot(this.#control, lockAt, routedBy); if (hasRoom) this.#commit.put(",
    ]],
    caughtBy: ["test/simulation/one_interruption.test.ts"],
  },
  {
    name: "a put of one's own is not counted as live",
    breaks: "I10",
    file: OWN_PUT,
    edits: [["old, address, words, at, bytes);", "old, address, words, at, 0);"]],
    caughtBy: [OWN_PUTS],
  },
  {
    name: "a change is answered before it is made",
    breaks: "I3",
    file: IMMEDIATE,
    edits: [
      [
        "if (slots.point(slotAt, hash, old, address, meta)) consumer.completePrepared();",
        "consumer.completePrepared(); if (slots.point(slotAt, hash, old, address, meta)) {}",
      ],
    ],
    caughtBy: [IN_MEMORY],
  },
  {
    name: "a slot is unlocked before its change is answered",
    breaks: "I5",
    file: IMMEDIATE,
    edits: [
      ["if (change.isPut) {", "if (change.isPut) { this.unlock = () => this.release(change);"],
      [
        "old, address, meta)) consumer.completePrepared();",
        "old, address, meta)) { this.unlock?.(); consumer.completePrepared(); }",
      ],
    ],
    caughtBy: [IN_MEMORY],
  },
  {
    name: "changes that had been begun are not made",
    breaks: "I5",
    file: DEAD,
    edits: [["for (const answer of prepared)", "for (const answer of [])"]],
    caughtBy: [IN_MEMORY, LOGGED],
  },
  {
    name: "changes that had been begun are made in the order of the rings' addresses",
    breaks: "I4",
    file: DEAD,
    edits: [["a.version - b.version", "b.version - a.version"]],
    caughtBy: [LOGGED],
  },
  {
    name: "the table of a slot is left as a dead thread has left it",
    breaks: "I8",
    file: DEAD,
    edits: [
      ["for (const slot of slots) this.#table.repair(this.#pool.slotAt(slot));", ""],
      ["this.#table.repair(slotAt);", ""],
    ],
    caughtBy: [IN_MEMORY],
  },
  {
    name: "a dead thread's slots stay locked",
    breaks: "I1",
    file: DEAD,
    edits: [["for (const slot of slots) this.#release(slot);", ""]],
    caughtBy: [IN_MEMORY],
  },
  {
    name: "what a dead thread has appended last counts as unused",
    breaks: "I2",
    file: DEAD_LOG,
    edits: [["bytes > 0 && this.#mayBeLive(last)", "false"]],
    caughtBy: [IN_MEMORY],
  },
  {
    name: "the frames of a sealed group are not written once more",
    breaks: "I3",
    file: DEAD_LOG,
    edits: [[
      "if (endBytes <= Math.max(usedBytes, SEGMENT_HEADER_BYTES)) continue;",
      "if (endBytes <= Math.max(usedBytes, SEGMENT_HEADER_BYTES) || group === GroupState.SEALED) continue;",
    ]],
    caughtBy: [LOGGED],
  },
  {
    name: "a group that was not complete is published",
    breaks: "I3",
    file: DEAD,
    edits: [["group === GroupState.APPENDING ? []", "group === -1 ? []"]],
    caughtBy: [LOGGED],
  },
  {
    name: "a group is not sealed before it is written",
    breaks: "I5",
    file: LOGGED_COMMIT,
    edits: [["if (group.recordCount > 0) group.setState(GroupState.SEALED);", ""]],
    caughtBy: [LOGGED],
  },
  {
    name: "a reservation that was refused is asked for, and nothing after it",
    breaks: "I5",
    file: "lib/client/ended_requests.ts",
    edits: [[
      "this.#held.keep(request.completion.restart ?? request);",
      "this.#held.keep(request);",
    ]],
    caughtBy: [IN_MEMORY],
  },
  {
    name: "new requests overtake those that are held",
    breaks: "I4",
    file: "lib/client/held_slots.ts",
    edits: [[
      "this.#isHeld[request.slot] = 1; this.add(request);",
      "this.add(request);",
    ]],
    caughtBy: [IN_MEMORY],
  },
  {
    name: "the segment that a dead thread was cleaning stays claimed",
    breaks: "I10",
    file: REPAIR,
    edits: [["releaseClaimed(pool); repairReservations(options);", "repairReservations(options);"]],
    caughtBy: [IN_MEMORY],
  },
  {
    name: "what a dead thread had counted as live is not counted anew",
    breaks: "I10",
    file: REPAIR,
    edits: [["for (const life of report.miscounted) recountLive(pool, life);", ""]],
    caughtBy: [IN_MEMORY],
    failoverStride: 4,
  },
  {
    name: "a zombie's segments stay open",
    breaks: "I10",
    file: RETIRED,
    edits: [["if (death === undefined) sealLogs(pool, node.agent, file);", ""]],
    caughtBy: [IN_MEMORY],
  },
  {
    name: "requests of a ring that is used again are numbered like those before",
    breaks: "I5",
    file: "lib/rings/ring_layout.ts",
    edits: [["words[COMPLETION_TAIL] + handle.inFlightMax", "words[COMPLETION_TAIL]"]],
    caughtBy: [RINGS],
  },
  {
    name: "what a dead thread was replacing is not counted anew",
    breaks: "I10",
    file: DEAD,
    edits: [["return replaced === NO_ADDRESS ? [] :", "return true ? [] :"]],
    caughtBy: [IN_MEMORY],
    failoverStride: 4,
  },
  {
    name: "a DPM processor goes on where one before that has died had begun",
    breaks: "I2",
    file: DEAD_LOG,
    edits: [["this.#control[this.#agentAt + AGENT_LOG_SEGMENT] = 0;", ""]],
    caughtBy: [IN_MEMORY],
  },
];
