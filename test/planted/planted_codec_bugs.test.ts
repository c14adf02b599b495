/**
 * The tests of what comes back of a value are tested, see planted_trials.ts.
 *
 * @module
 */
import { CODEC_BUGS } from "../support/planted_codec_bugs.ts";
import { definePlantedTests } from "../support/planted_trials.ts";

definePlantedTests(CODEC_BUGS, "bun");
