/**
 * The examples in the README, in the pages of docs/ and in the docstrings have the right types, run
 * on the runtime that runs this, and print what they say.
 *
 * @module
 */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { checkTypes, docExamples, runExamples } from "./support/doc_examples.ts";
import { plainOutput } from "./support/snippets.ts";

const examples = docExamples();
const test = suite("examples of the documentation");

test("README, pages and docstrings have examples", () => {
  for (const place of ["README.md", "docs/cookbook.md", "mod.ts", "lib/store/open.ts"]) {
    assert.ok(examples.some(({ file }) => file === place), place);
  }
  assert.ok(examples.filter(({ file }) => file === "README.md").length >= 3);
});

test("each example passes the check of its types", () => {
  assert.is(checkTypes(examples), "");
});

test("an example that fails is told from those around it, and one that ends the process", async () => {
  const sources = [
    'throw new Error("planted")',
    "console.log(2)",
    'import process from "node:process";\nprocess.exit(3)',
    "console.log(4)",
  ];
  const { ends, exitCode } = await runExamples(
    sources.map((source) => ({ file: "planted.md", line: 1, source, expected: [] })),
  );
  assert.is(ends.length, 3);
  assert.match(ends[0]!.error ?? "", /planted/);
  assert.is(ends[1]!.error, undefined);
  assert.match(ends[1]!.printed, /^2$/m);
  assert.is(exitCode, 3);
});

const { ends, exitCode, stderr } = await runExamples(examples);

for (const [i, { file, line, expected }] of examples.entries()) {
  test(`${file}, line ${line}`, () => {
    const end = ends[i];
    if (end === undefined) throw new Error(`the process ended before, in example ${ends.length}`);
    assert.is(end.error, undefined);
    const printed = plainOutput(end.printed);
    for (const text of expected) assert.ok(printed.includes(text), `${text} in ${end.printed}`);
  });
}

test("the process of the examples ends by itself, and has nothing to complain about", () => {
  assert.is(stderr, "");
  assert.is(exitCode, 0);
});

test.run();
