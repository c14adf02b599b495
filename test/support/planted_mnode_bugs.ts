/**
 * Planted bugs in the statistics, and in what the M-node makes of them.
 *
 * @module
 */
import type { PlantedBug } from "./planted_bug.ts";

const POLICY_TEST = "test/unit/autoscale_policy.test.ts";
const DRIVER_TEST = "test/unit/autoscaler.test.ts";
const COLLECTOR_TEST = "test/unit/statistics_collector.test.ts";
const SKETCH_TEST = "test/unit/hot_key_sketch.test.ts";
const SAMPLER_TEST = "test/unit/stride_sampler.test.ts";
const POLICY = "lib/mnode/autoscale_policy.ts";
const DRIVER = "lib/mnode/autoscaler.ts";
const COLLECTOR = "lib/mnode/statistics_collector.ts";
const SKETCH = "lib/statistics/hot_key_sketch.ts";
const SAMPLER = "lib/statistics/stride_sampler.ts";
const METER = "lib/agent/step_meter.ts";

/** Bugs by which the M-node sees what is not so, or does what it must not. */
export const MNODE_BUGS: readonly PlantedBug[] = [
  {
    name: "no grace period passes",
    breaks: "grace",
    file: POLICY,
    edits: [['heldBy: isInGrace ? "grace" :', "heldBy: "]],
    caughtBy: [DRIVER_TEST],
  },
  {
    name: "one window is enough",
    breaks: "hysteresis",
    file: POLICY,
    edits: [["recent.length === settings.confirmations", "recent.length > 0"]],
    caughtBy: [DRIVER_TEST],
  },
  {
    name: "windows from before a change count",
    breaks: "hysteresis",
    file: POLICY,
    edits: [["window.endMs - window.durationMs >= changedMs", "window.endMs >= 0"]],
    caughtBy: [POLICY_TEST],
  },
  {
    name: "the fewest KNs are not kept",
    breaks: "range",
    file: POLICY,
    edits: [["count <= settings.min", "count <= 0"]],
    caughtBy: [DRIVER_TEST],
  },
  {
    name: "one KN too many is started",
    breaks: "range",
    file: POLICY,
    edits: [["count >= settings.max", "count > settings.max"]],
    caughtBy: [DRIVER_TEST],
  },
  {
    name: "a KN that has just been started counts as idle",
    breaks: "table",
    file: COLLECTOR,
    edits: [["const seenMicros = before.get(node);", "const seenMicros = before.get(node) ?? 0;"]],
    caughtBy: [COLLECTOR_TEST],
  },
  {
    name: "a count that may be other keys' makes a key hot",
    breaks: "table",
    file: POLICY,
    edits: [["if (key.count - key.error <= key.error) continue;", ""]],
    caughtBy: [POLICY_TEST],
  },
  {
    name: "a dry run acts",
    breaks: "dry run",
    file: DRIVER,
    edits: [["if (isDryRun) {", "if (isDryRun && action === undefined) {"]],
    caughtBy: [DRIVER_TEST],
  },
  {
    name: "a failed action is tried again at once",
    breaks: "grace",
    file: DRIVER,
    edits: [["} finally { this.noteChange(); }", "}"]],
    caughtBy: [DRIVER_TEST],
  },
  {
    name: "what cannot be done holds up what can",
    breaks: "grace",
    file: DRIVER,
    edits: [[
      'if (!isAboutNodes && keys === undefined) return { outcome: "unsupported" };',
      'if (!isAboutNodes && keys === undefined) { this.noteChange(); return { outcome: "unsupported" }; }',
    ]],
    caughtBy: [DRIVER_TEST],
  },
  {
    name: "a histogram is merged twice",
    breaks: "statistics",
    file: COLLECTOR,
    edits: [["this.#seenHistograms[client] = counts;", ""]],
    caughtBy: [COLLECTOR_TEST],
  },
  {
    name: "the histograms of attached threads are left out",
    breaks: "statistics",
    file: COLLECTOR,
    edits: [["if (samples === this.#seenSamples[client]) continue;", "if (client > 0) continue;"]],
    caughtBy: [COLLECTOR_TEST],
  },
  {
    name: "a step that was measured stands for itself only",
    breaks: "statistics",
    file: METER,
    edits: [["micros * this.#weight", "micros"]],
    caughtBy: [COLLECTOR_TEST],
  },
  {
    name: "the heaviest key loses its counter",
    breaks: "Space-Saving",
    file: SKETCH,
    edits: [[
      "words[counts + entry] >>> 0 < words[counts + smallest] >>> 0",
      "words[counts + entry] >>> 0 > words[counts + smallest] >>> 0",
    ]],
    caughtBy: [SKETCH_TEST],
  },
  {
    name: "a key does not know that it has taken another one's count",
    breaks: "Space-Saving",
    file: SKETCH,
    edits: [[
      "words[at + SKETCH_ERRORS + entry] = words[at + SKETCH_COUNTS + entry];",
      "words[at + SKETCH_ERRORS + entry] = 0;",
    ]],
    caughtBy: [SKETCH_TEST],
  },
  {
    name: "a key that one sketch has dropped counts as never used there",
    breaks: "mergeable summaries",
    file: SKETCH,
    edits: [["counts.length < HOT_KEY_COUNT ? 0 :", "counts.length <= HOT_KEY_COUNT ? 0 :"]],
    caughtBy: [SKETCH_TEST],
  },
  {
    name: "a sketch is copied while it is being changed",
    breaks: "sequence lock",
    file: SKETCH,
    edits: [["if ((sequence & 1) !== 0) continue;", ""]],
    caughtBy: [SKETCH_TEST],
  },
  {
    name: "a latency is noted for whoever has the entry by now",
    breaks: "statistics",
    file: SKETCH,
    edits: [["if (words[this.#at + SKETCH_HASHES + entry] !== hash) return;", ""]],
    caughtBy: [SKETCH_TEST],
  },
  {
    name: "each n-th operation is measured",
    breaks: "sampling",
    file: SAMPLER,
    edits: [["1 + (random >>> 0) % (2 * this.#stride - 1)", "this.#stride"]],
    caughtBy: [SAMPLER_TEST],
  },
  {
    name: "a load that has fallen is not noticed",
    breaks: "sampling",
    file: SAMPLER,
    edits: [["if (this.#words[STATISTICS_WINDOW] !== this.#window) this.#startWindow();", ""]],
    caughtBy: [SAMPLER_TEST],
  },
];
