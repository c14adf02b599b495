/**
 * The tests of locks, queues and the interface of Deno KV are tested, see planted_trials.ts.
 *
 * @module
 */
import { MODULE_BUGS } from "../support/planted_module_bugs.ts";
import { definePlantedTests } from "../support/planted_trials.ts";

definePlantedTests(MODULE_BUGS, "bun");
