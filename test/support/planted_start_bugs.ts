/**
 * Planted bugs in how threads are started.
 *
 * @module
 */
import type { PlantedBug } from "./planted_bug.ts";

const STARTS_TEST = "test/unit/thread_starts.test.ts";
const OPTIONS_TEST = "test/unit/worker_options.test.ts";
const OPTIONS = "lib/platform/worker_options.ts";
const THREAD = "lib/mnode/node_thread.ts";
const TASKS = "lib/platform/task_threads.ts";

/** Bugs by which a thread that cannot start is not told of, or not in time. */
export const START_BUGS: readonly PlantedBug[] = [
  {
    name: "a thread inherits what its process's program is given as",
    breaks: "start",
    file: OPTIONS,
    edits: [["if (name === INPUT_TYPE)", "if (false)"]],
    caughtBy: [OPTIONS_TEST],
  },
  {
    name: "a module that is preloaded from a relative path counts from where the process is now",
    breaks: "start",
    file: OPTIONS,
    edits: [["if (absolute !== value)", "if (false)"]],
    caughtBy: [OPTIONS_TEST],
  },
  {
    name: "a thread that is not wanted any more loads and runs all the same",
    breaks: "start",
    file: "workers/kn.ts",
    edits: [["if (!stopsAtOnce(start))", ""]],
    caughtBy: [STARTS_TEST],
    inTest: "stopped while it starts",
  },
  {
    name: "why a thread has failed is dropped",
    breaks: "I14",
    file: THREAD,
    edits: [["`KN ${nodeId} ${reason}`, { cause }", "`KN ${nodeId} ${reason}`, {}"]],
    caughtBy: [STARTS_TEST],
    inTest: "its error is kept",
  },
  {
    name: "starting a thread is not tried again",
    breaks: "I14",
    file: TASKS,
    edits: [["attempt === THREAD_STARTS_URGENT_MAX", "attempt > 0"]],
    caughtBy: [STARTS_TEST],
    inTest: "starting a thread for a task",
  },
];
