/**
 * Planted bugs in what a host knows of the requests of other processes.
 *
 * @module
 */
import type { PlantedBug } from "./planted_bug.ts";

const LIVES = "test/simulation/session_lives.test.ts";
const FAILOVERS = "test/simulation/failovers_sessions.test.ts";
const EVIDENCE = "test/gateway/session_evidence.test.ts";
const PLACES = "test/gateway/session_places.test.ts";
const LEDGER = "lib/log/session_ledger.ts";
const COPY = "lib/persistence/ledger_copy.ts";
const NUMBERS = "lib/persistence/session_numbers.ts";
const LOGGED = "lib/node/logged_commit.ts";
const CARRIER = "lib/gateway/socket_carrier.ts";

/** Bugs in the ledger. */
export const LEDGER_BUGS: readonly PlantedBug[] = [
  {
    name: "a checkpoint has no entries of the ledger",
    breaks: "I5",
    file: COPY,
    edits: [["entries.push(...own);", ""]],
    caughtBy: [LIVES],
  },
  {
    name: "a session is copied whose place another one has taken",
    breaks: "I3",
    file: COPY,
    edits: [["if (ledger.sessionAt(place).session !== session) continue;", ""]],
    caughtBy: [EVIDENCE],
    inTest: "a ledger is copied while",
  },
  {
    name: "the next session's number is looked at when the sessions have been copied",
    breaks: "I5",
    file: COPY,
    edits: [["words[COPY_NEXT] = next;", "words[COPY_NEXT] = ledger.next;"]],
    caughtBy: [LIVES],
  },
  {
    name: "a replay does not look at the sessions that records name",
    breaks: "I5",
    file: "lib/persistence/frame_replay.ts",
    edits: [["this.#sessions?.note(address);", ""]],
    caughtBy: [LIVES],
  },
  {
    name: "an entry is made when the request has been answered",
    breaks: "I5",
    file: LOGGED,
    edits: [
      ["if (member.status === Status.OK) this.#ledger?.note(address);", ""],
      [
        "group.answer(member); }",
        "group.answer(member); if (member.isRecord) this.#ledger?.note(member.address as PoolAddress); }",
      ],
    ],
    caughtBy: [FAILOVERS],
  },
  {
    name: "the M-node completes a change, and does not note it",
    breaks: "I5",
    file: "lib/recovery/step_recovery.ts",
    edits: [[
      "if (address !== NO_ADDRESS && status === Status.OK) this.#note(address, isCommit);",
      "",
    ]],
    caughtBy: [FAILOVERS],
  },
  {
    name: "the M-node notes again what was answered, in a place that is another session's",
    breaks: "I5",
    file: LEDGER,
    edits: [["if (entry !== undefined && entry.number >= number) return;", ""]],
    caughtBy: [EVIDENCE],
    inTest: "the M-node that notes a change again",
  },
  {
    name: "the M-node does not look whose the place is behind the entry",
    breaks: "I5",
    file: LEDGER,
    edits: [["if (this.sessionAt(place).session === session) this.noteAt", "this.noteAt"]],
    caughtBy: [EVIDENCE],
    inTest: "the M-node that notes a change again",
  },
  {
    name: "of what is shown together the M-node notes one record",
    breaks: "I12",
    file: "lib/recovery/step_recovery.ts",
    edits: [[
      "if (isCommit) this.#shown.forEach((record) => ledger.noteAgain(record));",
      "if (isCommit) ledger.noteAgain(address);",
    ]],
    caughtBy: [FAILOVERS],
  },
  {
    name: "of what is shown together one record is noted",
    breaks: "I12",
    file: LOGGED,
    edits: [[
      "set.forEach((record) => this.#ledger!.note(record));",
      "this.#ledger.note(address);",
    ]],
    caughtBy: [LIVES],
  },
  {
    name: "answers are confirmed that have not come",
    breaks: "I5",
    file: CARRIER,
    edits: [["return lowest === undefined ? this.#number : lowest - 1;", "return this.#number;"]],
    caughtBy: [EVIDENCE],
  },
  {
    name: "an addition of another process joins one before it",
    breaks: "I5",
    file: "lib/gateway/parcel.ts",
    edits: [[
      "isUnpublished(): boolean { return false; }",
      "isUnpublished(): boolean { return !this.isSent; }",
    ]],
    caughtBy: [EVIDENCE],
  },
  {
    name: "a host begins with sessions that the one before may have given",
    breaks: "I5",
    file: NUMBERS,
    edits: [["Math.max(ledger.next, this.#read())", "ledger.next"]],
    caughtBy: [LIVES],
  },
  {
    name: "sessions are given of which the file does not say it",
    breaks: "I5",
    file: NUMBERS,
    edits: [["    this.#write(end);\n", ""]],
    caughtBy: [LIVES],
  },
  {
    name: "sessions are given that have not been reserved",
    breaks: "I5",
    file: LEDGER,
    edits: [["session >= Math.min(this.reserved, SESSION_MAX)", "session >= SESSION_MAX"]],
    caughtBy: [EVIDENCE],
  },
  {
    name: "a record that a cleaner has moved hides a later request",
    breaks: "I5",
    file: LEDGER,
    edits: [["if (isOfSession && words[at + ENTRY_NUMBER] >>> 0 > number) return;", ""]],
    caughtBy: [EVIDENCE],
  },
  {
    name: "entries beyond a window from the confirmation are not copied",
    breaks: "I5",
    file: LEDGER,
    edits: [[
      "if (entry !== undefined && entry.number > confirmed) visit(entry);",
      "if (entry !== undefined && entry.number > confirmed && entry.number <= confirmed + this.window) visit(entry);",
    ]],
    caughtBy: [LIVES],
  },
  {
    name: "a session that is forgotten counts as one that has changed nothing",
    breaks: "I5",
    file: LEDGER,
    edits: [[
      "Atomics.store(this.#words, LEDGER_FORGOTTEN, Math.max(this.forgotten, session));",
      "",
    ]],
    caughtBy: [EVIDENCE],
  },
  {
    name: "the record of a large value names its reservation",
    breaks: "I5",
    file: "lib/node/request_pipeline.ts",
    edits: [["change.takeName();", ""]],
    caughtBy: [LIVES],
  },
  {
    name: "a request of a session has its position in the ring for its number",
    breaks: "I5",
    file: "lib/client/lane_claims.ts",
    edits: [["if (isOwn) target", "if (isOwn !== undefined) target"]],
    caughtBy: [LIVES],
  },
  {
    name: "a delete that found nothing counts as applied after a restart",
    breaks: "I5",
    file: COPY,
    edits: [[
      "if (!isIdle) this.#ledger.noteAt(place, address);",
      "this.#ledger.noteAt(place, address);",
    ]],
    caughtBy: [FAILOVERS],
    inTest: "deletes in a cache",
  },
  {
    name: "a pool with less capacity knows nothing of other processes",
    breaks: "I5",
    file: "lib/persistence/smaller_pool.ts",
    edits: [["handOverLedger(from, pool);", ""]],
    caughtBy: [EVIDENCE],
  },
  {
    name: "a checkpoint does not say since when sessions have no connection",
    breaks: "I14",
    file: COPY,
    edits: [[
      "sessions.push(session, confirmed, keptSinceSeconds, 0);",
      "sessions.push(session, confirmed, 0, 0);",
    ]],
    caughtBy: [PLACES],
  },
  {
    name: "a session that was restored ahead counts from then on",
    breaks: "I5",
    file: "lib/persistence/snapshot_reader.ts",
    edits: [[
      "this.#sessions = ReplayedSessions.of(this.pool);",
      "this.#sessions = ReplayedSessions.of(this.pool); this.#sessions?.finish((this.#options.clock ?? epochMs)());",
    ]],
    caughtBy: [PLACES],
    inTest: "restored ahead",
  },
  {
    name: "a host believes that sessions will have ended",
    breaks: "I14",
    file: COPY,
    edits: [["keptSinceSeconds > 0 && keptSinceSeconds * 1000 <= nowMs;", "keptSinceSeconds > 0;"]],
    caughtBy: [PLACES],
  },
  {
    name: "a session keeps its place for as long as a clock was set back",
    breaks: "I14",
    file: LEDGER,
    edits: [["if (sinceMs > nowMs) this.#keepAt(place, nowMs);", ""]],
    caughtBy: [PLACES],
  },
  {
    name: "a session gives its place up within a second too early",
    breaks: "I14",
    file: LEDGER,
    edits: [["Math.ceil(nowMs / 1000)", "Math.floor(nowMs / 1000)"]],
    caughtBy: [PLACES],
  },
];
