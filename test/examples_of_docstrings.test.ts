/**
 * The examples in the docstrings have the right types, and run.
 *
 * @module
 */
import { test } from "uvu";
import { assertExamplesRun } from "./support/doc_examples.ts";

test("each example of a docstring passes its check, and runs", () =>
  assertExamplesRun(["mod.ts", "lib"]));

test.run();
