/**
 * Planted bugs in how owners of a cluster lend copies of keys, and in how threads use them.
 *
 * @module
 */
import type { PlantedBug } from "./planted_bug.ts";

const LENT = "lib/cluster/node/lent_keys.ts";
const INTAKE = "lib/cluster/node/request_intake.ts";
const NODE = "lib/cluster/node/cluster_node.ts";
const HAND_OVER = "lib/cluster/node/hand_over.ts";
const SESSION = "lib/cluster/network/node_session.ts";
const COPIES = "lib/cluster/client/lent_copies.ts";
const CARRIER = "lib/cluster/client/cluster_carrier.ts";
const caughtBy = ["test/cluster/cluster_lending.test.ts"];
const breaks = "I4";

/** Bugs by which a read finds what is not there any more. */
export const LENDING_BUGS: readonly PlantedBug[] = [
  {
    name: "a key is changed before its copies are returned",
    breaks,
    file: INTAKE,
    edits: [[
      "return !isReading(request) && this.#parts.lent.recall(request.hash);",
      "this.#parts.lent.recall(request.hash); return false;",
    ]],
    caughtBy,
  },
  {
    name: "the time of a copy counts from when it has come",
    breaks,
    file: COPIES,
    edits: [[
      "usableMs: lentMs,",
      "usableMs: lentMs + (this.now().monotonicMs - sentAt.monotonicMs),",
    ]],
    caughtBy,
  },
  {
    name: "the time of a copy counts by the monotonic clock alone",
    breaks,
    file: COPIES,
    edits: [[
      "elapsedMs(copy.sentAt, this.now()) <",
      "this.now().monotonicMs - copy.sentAt.monotonicMs <",
    ]],
    caughtBy,
  },
  {
    name: "a copy may be used for as long as its owner waits",
    breaks,
    file: LENT,
    edits: [["return Math.floor(ms * (1 - times.marginMs / times.leaseMs));", "return ms;"]],
    caughtBy,
  },
  {
    name: "a copy is lent for longer than the lease is",
    breaks,
    file: LENT,
    edits: [[
      "Math.min(settings.lentMs, leaseLeftMs(), keptMs)",
      "Math.min(settings.lentMs, keptMs)",
    ]],
    caughtBy,
    inTest: "never for longer than the lease and the key",
  },
  {
    name: "a slot is given away while keys of it are lent",
    breaks,
    file: HAND_OVER,
    edits: [["writer.isBusyWith(leaving) || isLent", "writer.isBusyWith(leaving)"]],
    caughtBy,
  },
  {
    name: "a node leaves while its keys are lent",
    breaks,
    file: NODE,
    edits: [["this.#writer?.isIdle !== false && !isLent", "this.#writer?.isIdle !== false"]],
    caughtBy,
  },
  {
    name: "a thread does not find its own change that is on its way",
    breaks,
    file: CARRIER,
    edits: [["this.#traffic.isBusy(parcel.slot) || !this.#copies", "!this.#copies"]],
    caughtBy,
  },
  {
    name: "what is lent is something that was found late",
    breaks,
    file: INTAKE,
    edits: [["isNewest && old !== undefined", "old !== undefined"]],
    caughtBy,
    inTest: "what is found late is not lent",
  },
  {
    name: "a key is lent while a change of it is on its way",
    breaks,
    file: LENT,
    edits: [["if (isChanging(hash >>> SLOT_SHIFT) || record", "if (record"]],
    caughtBy,
  },
  {
    name: "a thread says that it has returned a copy, and keeps it",
    breaks,
    file: CARRIER,
    edits: [["this.#copies.drop(answer.versionLow);", ""]],
    caughtBy,
  },
  {
    name: "a connection that has ended has no copies",
    breaks,
    file: SESSION,
    edits: [[
      "if (this.#isOpen) this.#recall(hash, returned);",
      "if (this.#isOpen) this.#recall(hash, returned); else returned();",
    ]],
    caughtBy,
  },
  {
    name: "a key is lent again while it is asked back",
    breaks,
    file: LENT,
    edits: [["known?.isRecalled === true || borrower.isReturning", "borrower.isReturning"]],
    caughtBy,
  },
  {
    name: "a copy is lent to who has not returned others",
    breaks,
    file: LENT,
    edits: [["known?.isRecalled === true || borrower.isReturning", "known?.isRecalled === true"]],
    caughtBy,
  },
  {
    name: "a copy is used when its key has expired",
    breaks,
    file: LENT,
    edits: [[
      "Math.min(settings.lentMs, leaseLeftMs(), keptMs)",
      "Math.min(settings.lentMs, leaseLeftMs())",
    ]],
    caughtBy,
    inTest: "never for longer than the lease and the key",
  },
  {
    name: "a key expires while it is lent",
    breaks,
    file: LENT,
    edits: [["(isThere(record, nowMs) || this.isLent(hash))", "isThere(record, nowMs)"]],
    caughtBy,
    inTest: "a key that is lent has not expired",
  },
  {
    name: "reads of copies keep recalls from being read",
    breaks,
    file: COPIES,
    edits: [["const isLong = this.#turn.count(0);", "const isLong = false;"]],
    caughtBy,
    inTest: "who reads copies without an end",
  },
];
