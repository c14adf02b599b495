/**
 * Planted bugs in the order of a client's requests: how they are sent, held, gathered and ended.
 *
 * @module
 */
import type { PlantedBug } from "./planted_bug.ts";

const ORDER = "test/simulation/client_order.test.ts";
const WHOLE_STEPS = "test/simulation/whole_steps.test.ts";
const SENDER = "lib/client/request_sender.ts";
const CLAIMS = "lib/client/lane_claims.ts";
const GATHERED = "lib/client/gathered_slots.ts";
const HELD = "lib/client/held_slots.ts";
const ENDED = "lib/client/ended_requests.ts";
const PENDING = "lib/client/pending_operations.ts";

/** Bugs by which a request overtakes another one, is lost, or is not waited for. */
export const CLIENT_ORDER_BUGS: readonly PlantedBug[] = [
  {
    name: "what is held for a slot that was said to be ready twice is sent behind a mark",
    breaks: "I4",
    file: SENDER,
    edits: [["if (this.#inFlight.has(slot)) return;", ""]],
    caughtBy: [ORDER],
  },
  {
    name: "a mark takes its turn while what was issued before for its slot is in flight",
    breaks: "I4",
    file: SENDER,
    edits: [["if (this.#inFlight.has(slot)) return false;", ""]],
    caughtBy: [ORDER],
  },
  {
    name: "a slot is let go while a request of it waits for room",
    breaks: "I4",
    file: CLAIMS,
    edits: [[
      "if (lane !== undefined && !this.#held.hasAny(slot)) this.#held.release(slot);",
      "this.#held.release(slot);",
    ]],
    caughtBy: [ORDER],
  },
  {
    name: "a request that waits for room is overtaken by what is issued meanwhile",
    breaks: "I4",
    file: CLAIMS,
    edits: [["this.#held.hold(slot);\n    this.#inFlight.add(slot);", "this.#inFlight.add(slot);"]],
    caughtBy: [ORDER],
  },
  {
    name: "a slot counts as settled while requests of it are being sent",
    breaks: "I4",
    file: SENDER,
    edits: [[
      "if (this.#carrier.isGivenUp(slot)) this.#giveUp(slot);",
      "this.#held.release(slot);\n    if (this.#carrier.isGivenUp(slot)) this.#giveUp(slot);",
    ]],
    caughtBy: [ORDER],
  },
  {
    name: "a commit is sent before it has come to its turn everywhere",
    breaks: "I4",
    file: SENDER,
    edits: [["if (gathering?.isGathering) return false;", ""]],
    caughtBy: [ORDER],
  },
  {
    name: "a request follows the reservation of a large value, and overtakes its commit",
    breaks: "I4",
    file: SENDER,
    edits: [[
      "this.#sendFirst(this.#carrier.firstOf(request, large));\n    return false;",
      "return this.#sendFirst(this.#carrier.firstOf(request, large));",
    ]],
    caughtBy: [ORDER, WHOLE_STEPS],
  },
  {
    name: "a commit that has come to its turn everywhere is not sent",
    breaks: "I14",
    file: SENDER,
    edits: [[
      "if (gathering.arrive(slot)) this.#gathered.push(gathering.slot);",
      "gathering.arrive(slot);",
    ]],
    caughtBy: [ORDER],
  },
  {
    name: "nothing is polled for while a slot is held that has no request any more",
    breaks: "I14",
    file: SENDER,
    edits: [[
      "this.#operations.requestCount === 0 && !this.#held.hasReady;",
      "this.#operations.requestCount === 0;",
    ]],
    caughtBy: [ORDER],
  },
  {
    name: "what comes back while another request waits for room is sent behind that",
    breaks: "I4",
    file: HELD,
    edits: [["return first !== undefined && first.sequence < sequence;", "return false;"]],
    caughtBy: [ORDER],
  },
  {
    name: "what comes back is held behind what was issued later",
    breaks: "I4",
    file: HELD,
    edits: [["while (at > 0 && held[at - 1]!.sequence > request.sequence) at -= 1;", ""]],
    caughtBy: [ORDER],
  },
  {
    name: "a reservation that comes back is sent again as what it is for",
    breaks: "I5",
    file: ENDED,
    edits: [[
      "this.#held.keep(request.completion.restart ?? request);",
      "this.#held.keep(request);",
    ]],
    caughtBy: [ORDER],
  },
  {
    name: "the last request of a slot that ends does not have the rest sent",
    breaks: "I14",
    file: ENDED,
    edits: [[
      "if (this.#held.isHeld(slot)) this.#held.markReady(slot);",
      "if (this.#held.isHeld(slot)) return;",
    ]],
    caughtBy: [ORDER],
  },
  {
    name: "a slot counts as settled though more requests of it are in flight",
    breaks: "I4",
    file: ENDED,
    edits: [["if (!this.#inFlight.remove(slot)) return;", "this.#inFlight.remove(slot);"]],
    caughtBy: [ORDER],
  },
  {
    name: "a commit does not wait for what is held of its slots",
    breaks: "I4",
    file: GATHERED,
    edits: [[
      "if (inFlight.isPending(slot)) this.#wait(slot);",
      "if (inFlight.has(slot)) this.#wait(slot);",
    ]],
    caughtBy: [ORDER],
  },
  {
    name: "the mark of a commit that has failed takes its turn, and keeps it",
    breaks: "I14",
    file: GATHERED,
    edits: [["if (!this.#hasEnded) this.#enter(slot);", "this.#enter(slot);"]],
    caughtBy: [ORDER],
  },
  {
    name: "a commit that cannot be sent any more waits for ever",
    breaks: "I14",
    file: GATHERED,
    edits: [[
      "if (this.#missingCount === 0 && !inFlight.has(this.slot)) held.markReady(this.slot);",
      "",
    ]],
    caughtBy: [ORDER],
  },
  {
    name: "commits wait for each other, as one has its place by when it has begun",
    breaks: "I14",
    file: PENDING,
    edits: [[
      "const sequence = ++this.#sequence;",
      "const sequence = begun !== 0 ? begun : ++this.#sequence;",
    ]],
    caughtBy: [ORDER],
  },
  {
    name: "an addition joins another one although its slot has been cleared since",
    breaks: "I4",
    file: "lib/client/client.ts",
    edits: [[
      "this.#sender.issueWords({ slot, sequence: this.#operations.issue(), words, completion });\n    this.#additions.forgetAll();",
      "this.#sender.issueWords({ slot, sequence: this.#operations.issue(), words, completion });",
    ]],
    caughtBy: [ORDER],
  },
];
