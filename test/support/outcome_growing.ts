/**
 * A thread of the race of threads that grow a pool.
 *
 * @module
 */
import { type GrowingData, GrowingThread } from "./growing_race.ts";
import { opponent } from "./outcome_race.ts";

opponent<GrowingData>((data, turns): number => {
  const thread = new GrowingThread(data);
  let taken = 0;
  while (turns.next()) {
    if (thread.take()) taken += 1;
    thread.look();
  }
  return taken;
});
