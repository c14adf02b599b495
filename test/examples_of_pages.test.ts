/**
 * The examples in the README and in the pages of docs/ have the right types, and run.
 *
 * @module
 */
import { test } from "uvu";
import { assertExamplesRun } from "./support/doc_examples.ts";

test("each example of a page passes its check, and runs", () =>
  assertExamplesRun(["README.md", "CONTRIBUTING.md", "docs"]));

test.run();
