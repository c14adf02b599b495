/**
 * What functions of the application throw that the store calls of itself.
 *
 * @module
 */
import process from "node:process";
import { setTimeout } from "node:timers/promises";

/** The messages of so many uncaught exceptions that come of an action, which is awaited first. */
export async function uncaughtBy(
  action: () => Promise<unknown>,
  count: number,
): Promise<string[]> {
  const thrown: unknown[] = [];
  const note = (error: unknown) => void thrown.push(error);
  process.on("uncaughtException", note);
  try {
    await action();
    for (let i = 0; i < 500 && thrown.length < count; i++) await setTimeout(5);
  } finally {
    process.off("uncaughtException", note);
  }
  return thrown.map((error) => (error as Error).message);
}
