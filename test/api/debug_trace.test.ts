/**
 * The trace for who works on Dinomo: off unless it is asked for, and then from every thread, with
 * time and thread.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { readTopics, TOPICS, unknownTopics } from "../../lib/platform/debug.ts";
import { runProgram } from "../support/program.ts";

const PROGRAM = "test/support/children/traced_store.ts";
const LINE = /^\d{4}-\d\d-\d\dT[\d:.]+Z thread \d+ (\w+): .+$/;

const run = (topics: string, ...args: string[]) =>
  runProgram(PROGRAM, args, { DINOMO_DEBUG: topics });

test("each topic is turned on by its name, all of them by one", () => {
  const on = (value: string) => TOPICS.filter((topic) => readTopics(value)[topic]);
  assert.equal(on(""), []);
  assert.equal(on("kn, cleaning,unheard"), ["kn", "cleaning"]);
  assert.equal(on("all"), [...TOPICS]);
});

test("a name that is none is said once, in one line, and the others are traced", async () => {
  assert.equal(unknownTopics("kn, unheard,all,,checkpoints"), ["unheard", "checkpoints"]);
  const { exitCode, stderr } = await run("slots,unheard");
  assert.is(exitCode, 0, stderr);
  const lines = stderr.trimEnd().split("\n");
  const says =
    'dinomo: DINOMO_DEBUG must name some of slots, kn, cleaning, checkpoint, or all, got "unheard"';
  assert.is(lines[0], says);
  assert.ok(lines.length > 1 && lines.slice(1).every((line) => LINE.test(line)), stderr);
});

test("a trace of what was asked for, from the threads that do it", async () => {
  const { exitCode, stdout, stderr } = await run("slots,checkpoint,kn", "fail");
  assert.is(exitCode, 0, stdout + stderr);
  // What a thread has thrown Deno prints itself.
  const lines = stderr.split("\n").filter((line) => LINE.test(line));
  const topics = lines.map((line) => LINE.exec(line)![1]);
  assert.equal([...new Set(topics)].sort(), ["checkpoint", "kn", "slots"], stderr);
  const count = (text: RegExp) => lines.filter((line) => text.test(line)).length;
  // The KN that a `scale` adds is the third one, and is retired by the next.
  for (const step of ["has started", "is asked to stop", "has stopped"]) {
    assert.is(count(new RegExp(` kn: 2 ${step}$`)), 1, `${step} in ${stderr}`);
  }
  assert.ok(count(/ kn: 0 failed: .+: 1 takes its place$/) >= 1, stderr);
  assert.ok(count(/ slots: of KN 0, which has failed: \d+ moved to 1, \d+ held$/) >= 1, stderr);
  assert.ok(count(/ checkpoint: snapshot 1 written, /) >= 1, stderr);
});

test("nothing unless it is asked for", async () => {
  const { exitCode, stderr } = await run("");
  assert.is(exitCode, 0, stderr);
  assert.is(stderr, "");
});

test.run();
