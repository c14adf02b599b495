/**
 * The tests of concurrency are tested, see planted_trials.ts.
 *
 * @module
 */
import { MEMORY_BUGS } from "../support/planted_memory_bugs.ts";
import { REQUEST_BUGS } from "../support/planted_request_bugs.ts";
import { definePlantedTests } from "../support/planted_trials.ts";

definePlantedTests([...MEMORY_BUGS, ...REQUEST_BUGS], "bun");
