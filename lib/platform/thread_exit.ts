/**
 * What is left to do when a thread ends, in one listener for all.
 *
 * @module
 */
import { process } from "./process.ts";

const leavers = new Set<() => void>();
let isListening = false;

/** Calls `leave` when this thread ends; returns what takes that back. */
export function onThreadExit(leave: () => void): () => void {
  leavers.add(leave);
  if (!isListening) {
    isListening = true;
    process.on("exit", leaveAll);
  }
  return () => leavers.delete(leave);
}

/** Not made where it is registered: a listener stays, and so would all that is around it. */
function leaveAll(): void {
  for (const leave of leavers) leave();
}
