/**
 * A thread of the race of threads that change the ordered index.
 *
 * @module
 */
import { type OrderedRaceData, OrderedRacer } from "./ordered_race.ts";
import { opponent } from "./outcome_race.ts";

opponent<OrderedRaceData>((data, turns): number => {
  const racer = new OrderedRacer(data);
  while (turns.next()) racer.change();
  racer.end();
  return turns.count;
});
