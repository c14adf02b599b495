/**
 * Planted bugs on a request's way from the client to the owner of its slot and back.
 *
 * @module
 */
import type { PlantedBug } from "./planted_bug.ts";

const WHOLE_STEPS = "test/simulation/whole_steps.test.ts";
const INTERRUPTED_STEPS = "test/simulation/interrupted_steps.test.ts";
const ONE_INTERRUPTION = "test/simulation/one_interruption.test.ts";
const WAKE_UPS = "test/simulation/wake_ups.test.ts";
const HAND_OVER = "test/unit/hand_over.test.ts";
const NODE = "lib/node/kvs_node.ts";
const ROUTER = "lib/client/router.ts";
const SENDER = "lib/client/request_sender.ts";
const EXECUTOR = "lib/agent/executor.ts";
const OWNERSHIP = "lib/routing/ownership.ts";
const PRODUCER = "lib/rings/request_producer.ts";
const IMMEDIATE = "lib/node/immediate_commit.ts";

/** Bugs in the order and the number of times in which requests are applied. */
export const REQUEST_BUGS: readonly PlantedBug[] = [
  {
    name: "a request is never looked for whose caller has stopped blocking",
    breaks: "I14",
    file: "lib/client/client.ts",
    edits: [["this.#sender.scheduleFlush();\n      if (!isDinomoError", "if (!isDinomoError"]],
    caughtBy: [HAND_OVER],
  },
  {
    name: "a KN changes a slot that has moved",
    breaks: "I1",
    file: OWNERSHIP,
    edits: [[
      "if ((seen & ~HOLDER_MASK) !== word) return Lock.MOVED;",
      "if ((seen & ~HOLDER_MASK) !== word) return Lock.TAKEN;",
    ]],
    caughtBy: [WHOLE_STEPS],
  },
  {
    name: "two threads execute for a KN at the same time",
    breaks: "I1",
    file: EXECUTOR,
    edits: [[
      "return Atomics.compareExchange(control, at, Executor.NOBODY, executor) === Executor.NOBODY;",
      "return Atomics.exchange(control, at, executor) !== Executor.LEFT;",
    ]],
    caughtBy: [ONE_INTERRUPTION],
  },
  {
    name: "an executor lets the next one begin before it has left off",
    breaks: "I5",
    file: "lib/agent/step.ts",
    edits: [
      [
        "for (let i = 0; i < this.#logs.length; i++) this.#logs[i].suspend();",
        "leaveExecutor(this.#control, this.#executorAt, this.#executor); for (let i = 0; i < this.#logs.length; i++) this.#logs[i].suspend();",
      ],
      [
        "this.#gate.open(); leaveExecutor(this.#control, this.#executorAt, this.#executor);",
        "this.#gate.open();",
      ],
    ],
    caughtBy: [ONE_INTERRUPTION],
  },
  {
    name: "a KN takes requests that were routed before the slot left it and came back",
    breaks: "I4",
    file: IMMEDIATE,
    edits: [
      [
        "return lockSlot(this.#control, slotAt + SLOT_LOCK, routedBy, this.#agent);",
        "return lockSlot(this.#control, slotAt + SLOT_LOCK, this.#control[slotAt + SLOT_LOCK], this.#agent);",
      ],
      [
        "unlockSlot(this.#control, slotAt + SLOT_LOCK, routedBy);",
        "unlockSlot(this.#control, slotAt + SLOT_LOCK, this.#control[slotAt + SLOT_LOCK] & ~0xff);",
      ],
    ],
    caughtBy: [INTERRUPTED_STEPS],
    inTest: "2 %",
  },
  {
    name: "a client sends on while requests of the slot are held",
    breaks: "I4",
    file: "lib/client/lane_claims.ts",
    edits: [["if (this.#held.isHeld(slot)) return undefined;", ""]],
    caughtBy: [WHOLE_STEPS],
  },
  {
    name: "a client follows a move while requests are in flight to the old owner",
    breaks: "I4",
    file: ROUTER,
    edits: [[
      "if (this.#inFlight.has(slot) && this.#sentUnder[slot] !== word) return undefined;",
      "",
    ]],
    caughtBy: [WHOLE_STEPS],
  },
  {
    name: "held requests are sent in the order in which they came back",
    breaks: "I4",
    file: "lib/client/held_slots.ts",
    edits: [[".sequence > request.sequence) at -= 1;", ".sequence > request.sequence) break;"]],
    caughtBy: [WHOLE_STEPS],
  },
  {
    name: "a client blocks on requests that it has not published",
    breaks: "I5",
    file: SENDER,
    edits: [[
      "no KN answers what is not published. this.#carrier.publish();",
      "no KN answers what is not published.\nif (settled > 0) this.#carrier.publish();",
    ]],
    caughtBy: [WHOLE_STEPS],
  },
  {
    name: "a request that has to wait is forgotten",
    breaks: "I5",
    file: NODE,
    edits: [["consumer.putBack(at);", ""]],
    caughtBy: [WHOLE_STEPS],
  },
  {
    name: "the M-node moves a slot that is locked",
    breaks: "I1",
    file: OWNERSHIP,
    edits: [[
      "if (Atomics.compareExchange(control, lock, old, next) !== old) continue;",
      "Atomics.store(control, lock, next);",
    ]],
    caughtBy: [ONE_INTERRUPTION],
  },
  {
    name: "a client has more requests in flight than there are completion entries",
    breaks: "I5",
    file: PRODUCER,
    edits: [[
      "|| this.inFlightCount > this.#inFlightMask) {",
      "|| this.inFlightCount > 2 * this.#inFlightMask) {",
    ]],
    caughtBy: [WHOLE_STEPS],
  },
  {
    name: "a request is published before it is written",
    breaks: "I5",
    file: PRODUCER,
    edits: [[
      "this.claimedCount = (this.claimedCount + 1) | 0;",
      "this.claimedCount = (this.claimedCount + 1) | 0; this.publish();",
    ]],
    caughtBy: [INTERRUPTED_STEPS],
  },
  {
    name: "a put is acknowledged before it is in the index",
    breaks: "I3",
    file: IMMEDIATE,
    edits: [
      [
        "consumer.prepare(Status.OK, address, words[at + RECORD_VERSION_LOW], metaVersionHigh(stamped));",
        "consumer.complete(Status.OK, address, words[at + RECORD_VERSION_LOW], metaVersionHigh(stamped)); consumer.publish();",
      ],
      ["old, address, meta)) consumer.completePrepared();", "old, address, meta)) {}"],
    ],
    caughtBy: [ONE_INTERRUPTION],
  },
  {
    name: "a version is used twice",
    breaks: "I9",
    file: "lib/agent/slot_writer.ts",
    edits: [[
      "const low = (control[slotAt + SLOT_VERSION_LOW] + 1) | 0;",
      "const low = control[slotAt + SLOT_VERSION_LOW] | 1;",
    ]],
    caughtBy: [WHOLE_STEPS],
  },
  {
    name: "a KN goes to sleep without another look for work",
    breaks: "I5",
    file: "lib/node/idle_strategy.ts",
    edits: [["const sleeps = !hasWork();", "const sleeps = true;"]],
    caughtBy: [WAKE_UPS],
  },
  {
    name: "a client wakes the KN before it publishes",
    breaks: "I5",
    file: "lib/client/ring_carrier.ts",
    edits: [[
      "if (producer.hasUnpublished) producer.publish(); if (producer.unansweredCount === 0) return; connection.start?.(); wake(this.#pool.control, connection.agentAt);",
      "if (producer.unansweredCount > 0) wake(this.#pool.control, connection.agentAt); if (producer.hasUnpublished) producer.publish();",
    ]],
    caughtBy: [WAKE_UPS],
  },
  {
    name: "a burst that is worth a thread wakes none",
    breaks: "I5",
    file: "lib/client/ring_carrier.ts",
    edits: [["producer.publish(); wake(control, agentAt);", "producer.publish();"]],
    caughtBy: [HAND_OVER],
  },
  {
    name: "a KN looks for a waiting client before it publishes",
    breaks: "I5",
    file: "lib/rings/request_consumer.ts",
    edits: [
      ["Atomics.store(this.words, COMPLETION_TAIL, this.#completedCount);", ""],
      [
        "if (Atomics.load(this.words, CLIENT_WAITING) !== 0) {",
        "const isWaiting = Atomics.load(this.words, CLIENT_WAITING) !== 0; Atomics.store(this.words, COMPLETION_TAIL, this.#completedCount); if (isWaiting) {",
      ],
    ],
    caughtBy: [WAKE_UPS],
  },
];
