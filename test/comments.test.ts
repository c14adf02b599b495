/**
 * Comments fit in 100 columns, which is where the formatter breaks code, but not comments. Tables,
 * diagrams and examples are as wide as they are.
 *
 * @module
 */
import { readdirSync, readFileSync } from "node:fs";
import { join, posix } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { PROJECT_ROOT } from "../scripts/runtimes.ts";

const COLUMNS_MAX = 100;
const FOLDERS = ["bench", "bin", "examples", "lib", "scripts", "test", "workers"] as const;

/** A line of a comment, with what it begins with, and what is said in it. */
const COMMENT = /^\s*(?:\/\/|\/?\*+)(?: |$)(.*)/;
/** What is indented so far behind the start of a comment's line is a diagram, or code. */
const DIAGRAM = /^ {4}/;

/** The numbers of the lines of a source text that are comments, and too long. */
function wideComments(source: string): number[] {
  const found: number[] = [];
  let isExample = false;
  source.split("\n").forEach((line, i) => {
    const words = COMMENT.exec(line)?.[1];
    if (words === undefined) isExample = false;
    else if (words.startsWith("```")) isExample = !isExample;
    else if (isExample || words.startsWith("|") || DIAGRAM.test(words)) return;
    else if ([...line].length > COLUMNS_MAX) found.push(i + 1);
  });
  return found;
}

function sources(): string[] {
  const paths = FOLDERS.flatMap((folder) =>
    readdirSync(join(PROJECT_ROOT, folder), { recursive: true, encoding: "utf8" })
      .map((path) => posix.join(folder, path.replaceAll("\\", "/")))
  );
  return ["mod.ts", ...paths.filter((path) => path.endsWith(".ts"))];
}

test("comments fit in 100 columns", () => {
  const paths = sources();
  assert.ok(paths.length > 1500, `${paths.length} files`);
  const wide = paths.flatMap((path) =>
    wideComments(readFileSync(join(PROJECT_ROOT, path), "utf8")).map((line) => `${path}:${line}`)
  );
  assert.equal(wide, []);
});

test("the check finds what it looks for", () => {
  const wide = "w".repeat(COLUMNS_MAX);
  const source = [`/** ${wide} */`, ` * ${wide}`, `  // ${wide}`, `call("${wide}"); // as it is`];
  assert.equal(wideComments(source.join("\n")), [1, 2, 3]);
  const free = [` * | ${wide} |`, ` *     ${wide}`, " * ```", ` * ${wide}`, " * ```"];
  assert.equal(wideComments(free.join("\n")), []);
});

test.run();
