/**
 * The tests of what owners of a cluster lend and share are tested, see planted_trials.ts.
 *
 * @module
 */
import { LENDING_BUGS } from "../support/planted_lending_bugs.ts";
import { SHARING_BUGS } from "../support/planted_sharing_bugs.ts";
import { definePlantedTests } from "../support/planted_trials.ts";

definePlantedTests([...LENDING_BUGS, ...SHARING_BUGS], "bun");
