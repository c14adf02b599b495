/**
 * A trace of what happens rarely and explains much, for those that work on Dinomo:
 * `DINOMO_DEBUG=kn,cleaning`, or `all`.
 *
 * Lines go to standard error at once, from every thread, so that they are there when a thread hangs
 * or dies. A place that traces asks {@linkcode TRACED} first, which is decided when the module is
 * loaded: nothing is computed for a trace that is off.
 *
 * @module
 */
import { writeSync } from "node:fs";
import { builtin } from "./builtin.ts";
import { isGranted } from "./deno_permissions.ts";
import { process } from "./process.ts";
import { epochMs } from "./runtime.ts";

/** What can be traced. */
export const TOPICS = ["slots", "kn", "cleaning", "checkpoint"] as const;

/** One of them. */
export type Topic = (typeof TOPICS)[number];

/** The topics that are on. */
export const TRACED: Readonly<Record<Topic, boolean>> = readTopics(wanted());
tellUnknown(wanted());

/** Which topics a value of the variable turns on. */
export function readTopics(value: string): Record<Topic, boolean> {
  const names = value.split(",").map((name) => name.trim());
  const isOn = (topic: Topic) => names.includes(topic) || names.includes("all");
  return Object.fromEntries(TOPICS.map((topic) => [topic, isOn(topic)])) as Record<Topic, boolean>;
}

/** What a value of the variable names that is no topic. */
export function unknownTopics(value: string): string[] {
  const names = value.split(",").map((name) => name.trim());
  const known: readonly string[] = [...TOPICS, "all", ""];
  return names.filter((name) => !known.includes(name));
}

/** Says once, in the thread that all others come from, what is asked for in vain. */
function tellUnknown(value: string): void {
  const unknown = unknownTopics(value);
  if (unknown.length === 0 || !builtin("node:worker_threads").isMainThread) return;
  const rule = `DINOMO_DEBUG must name some of ${TOPICS.join(", ")}, or all`;
  write(`dinomo: ${rule}, got ${JSON.stringify(unknown.join(","))}`);
}

/** Writes a line with time and thread; the caller has looked whether the topic is on. */
export function trace(topic: Topic, text: string): void {
  const time = new Date(epochMs()).toISOString();
  const { threadId } = builtin("node:worker_threads");
  write(`${time} thread ${threadId} ${topic}: ${text}`);
}

function write(line: string): void {
  try {
    writeSync(2, `${line}\n`);
  } catch {
    // A full pipe, or none: a trace must not change what happens.
  }
}

/** The variable's value, unless the process may not look at it: Deno would stop and ask. */
function wanted(): string {
  const variable = "DINOMO_DEBUG";
  return isGranted({ name: "env", variable }) ? process.env[variable] ?? "" : "";
}
