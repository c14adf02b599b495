/**
 * Planted bugs in what happens to requests whose connection, or whose host, ends.
 *
 * @module
 */
import type { PlantedBug } from "./planted_bug.ts";

const CARRIER = "lib/gateway/socket_carrier.ts";
const ORDER = "lib/gateway/request_order.ts";
const REGISTER = "lib/gateway/session_register.ts";
const EXPLORED = "test/gateway/takeover_explored.test.ts";
const FAREWELL = "test/gateway/farewell.test.ts";
const FEW = "of a few requests";
const KNOWN = "what a host knows";

/** Bugs by which a change is applied twice, never, or out of its order. */
export const TAKEOVER_BUGS: readonly PlantedBug[] = [
  {
    name: "requests are sent again before there are verdicts",
    breaks: "I5",
    file: CARRIER,
    edits: [["this.#judge(verdicts);", ""]],
    caughtBy: [EXPLORED],
    inTest: FEW,
  },
  {
    name: "what was sent is forgotten with its connection",
    breaks: "I5",
    file: CARRIER,
    edits: [[
      "this.#link = undefined; this.#order.clear();",
      "this.#link = undefined; this.#sent.clear(); this.#order.clear();",
    ]],
    caughtBy: [EXPLORED],
    inTest: FEW,
  },
  {
    name: "requests are sent again in another order",
    breaks: "I4",
    file: CARRIER,
    edits: [[
      "this.#claimed = this.#open.all().filter(",
      "this.#claimed = this.#open.all().reverse().filter(",
    ]],
    caughtBy: [EXPLORED],
    inTest: FEW,
  },
  {
    name: "what was not sent goes before what is sent again",
    breaks: "I4",
    file: CARRIER,
    edits: [[
      "this.#claimed = this.#open.all().filter(",
      "this.#claimed = this.#open.all().sort((a, b) => Number(a.isSent) - Number(b.isSent)).filter(",
    ]],
    caughtBy: [EXPLORED],
    inTest: FEW,
  },
  {
    name: "answers are confirmed before they have come",
    breaks: "I5",
    file: CARRIER,
    edits: [["return lowest === undefined ? this.#number : lowest - 1;", "return this.#number;"]],
    caughtBy: [EXPLORED],
    inTest: FEW,
  },
  {
    name: "a put that has failed is sent behind a later one",
    breaks: "I4",
    file: CARRIER,
    edits: [["else if (changed.has(parcel.slot)) parcel.error = failedBefore();", ""]],
    caughtBy: [EXPLORED],
    inTest: FEW,
  },
  {
    name: "requests are not sent again",
    breaks: "I5",
    file: CARRIER,
    edits: [[
      "this.#claimed = this.#open.all().filter(",
      "this.#claimed = this.#open.all().filter((parcel) => !parcel.isSent).filter(",
    ]],
    caughtBy: [EXPLORED],
    inTest: FEW,
  },
  {
    name: "the first frame of a session is missing",
    breaks: "I14",
    file: CARRIER,
    edits: [["if (this.#number === 0) this.#send(link);", ""]],
    caughtBy: [EXPLORED],
    inTest: KNOWN,
  },
  {
    name: "a change is sent behind a condition",
    breaks: "I4",
    file: ORDER,
    edits: [["return conditionOf(word) === Condition.NONE;", "return true;"]],
    caughtBy: [EXPLORED],
    inTest: FEW,
  },
  {
    name: "a change is sent behind a read",
    breaks: "I4",
    file: ORDER,
    edits: [[
      "if (operation !== Operation.ADD) return false;",
      "if (operation !== Operation.ADD) return operation === Operation.GET;",
    ]],
    caughtBy: [EXPLORED],
    inTest: FEW,
  },
  {
    name: "a change is sent behind an addition with bounds",
    breaks: "I4",
    file: ORDER,
    edits: [["return asked.isUnbounded;", "return true;"]],
    caughtBy: [EXPLORED],
    inTest: FEW,
  },
  {
    name: "what waits is overtaken",
    breaks: "I4",
    file: ORDER,
    edits: [[
      "if (waiting === undefined && this.#mayFollow(request)) {",
      "if (this.#mayFollow(request)) {",
    ]],
    caughtBy: [EXPLORED],
    inTest: FEW,
  },
  {
    name: "what waits is never sent",
    breaks: "I5",
    file: ORDER,
    edits: [["admitted.push(waiting[count++]!);", "count++;"]],
    caughtBy: [EXPLORED],
    inTest: FEW,
  },
  {
    name: "verdicts are given while a session before still runs",
    breaks: "I5",
    file: REGISTER,
    edits: [[
      "await this.#entries.get(session)?.session.close(); try {",
      "void this.#entries.get(session)?.session.close(); try {",
    ]],
    caughtBy: [EXPLORED],
    inTest: FEW,
  },
  {
    name: "a session before is not stopped",
    breaks: "I5",
    file: REGISTER,
    edits: [["await this.#entries.get(session)?.session.close(); try {", "await undefined; try {"]],
    caughtBy: [EXPLORED],
    inTest: FEW,
  },
  {
    name: "evidence ends with the WELCOME",
    breaks: "I5",
    file: REGISTER,
    edits: [[
      "this.#entries.set(number, { session, before });",
      "this.#entries.set(number, { session, before }); this.#adopt(number);",
    ]],
    caughtBy: [EXPLORED],
    inTest: FEW,
  },
  {
    name: "what is confirmed is kept",
    breaks: "I14",
    file: REGISTER,
    edits: [[
      "this.#adopt(session); this.#evidence.confirmAnswers(session, number);",
      "this.#adopt(session);",
    ]],
    caughtBy: [EXPLORED],
    inTest: KNOWN,
  },
  {
    name: "a session before is kept",
    breaks: "I14",
    file: REGISTER,
    edits: [["this.#evidence.endSession(entry.before);", ""]],
    caughtBy: [EXPLORED],
    inTest: KNOWN,
  },
  {
    name: "a session is kept after its farewell",
    breaks: "I14",
    file: REGISTER,
    edits: [[
      "if (this.#entries.delete(session)) this.#evidence.endSession(session);",
      "if (this.#entries.delete(session)) this.#evidence.keepSession(session);",
    ]],
    caughtBy: [EXPLORED],
    inTest: "closes its store",
  },
  {
    name: "a session is forgotten with its connection, whether a farewell has come or not",
    breaks: "I5",
    file: REGISTER,
    edits: [["this.#evidence.keepSession(session);", "this.#evidence.endSession(session);"]],
    caughtBy: [EXPLORED],
    inTest: FEW,
  },
  {
    name: "a session is forgotten while something of it is on its way",
    breaks: "I5",
    file: REGISTER,
    edits: [[
      "await this.#entries.get(session)?.session.close(); if (this.#entries.delete(session))",
      "void this.#entries.get(session)?.session.close(); if (this.#entries.delete(session))",
    ]],
    caughtBy: [FAREWELL],
  },
  {
    name: "a farewell does not show that the verdicts have come",
    breaks: "I14",
    file: REGISTER,
    edits: [[
      "async end(session: number): Promise<void> { this.#adopt(session);",
      "async end(session: number): Promise<void> {",
    ]],
    caughtBy: [FAREWELL],
  },
  {
    name: "the first frame of a session is a farewell",
    breaks: "I5",
    file: CARRIER,
    edits: [["if (this.#number === 0) this.#send(link);", "link.write(encodeFarewell());"]],
    caughtBy: [EXPLORED],
    inTest: FEW,
  },
  {
    name: "a farewell is said although something has no answer",
    breaks: "I5",
    file: CARRIER,
    edits: [["if (this.#isOpen && this.#sent.size === 0) this", "if (this.#isOpen) this"]],
    caughtBy: [FAREWELL],
  },
  {
    name: "the numbers of sessions are used again",
    breaks: "I5",
    file: "test/support/takeover_disk.ts",
    edits: [["this.lives += 1;", "this.lives = 1;"]],
    caughtBy: [EXPLORED],
    inTest: FEW,
  },
  {
    name: "a checkpoint has no ledger",
    breaks: "I5",
    file: "test/support/takeover_host.ts",
    edits: [["ledger: copyLedger(ledger),", "ledger: copyLedger(new Map()),"], [
      "const { ledger, ended } = this.evidence;",
      "const { ended } = this.evidence;",
    ]],
    caughtBy: [EXPLORED],
    inTest: FEW,
  },
];
