/**
 * Opens a pool, says what it has found there, and makes changes until it is killed.
 *
 * @module
 */
import { open } from "../../../mod.ts";
import { childArguments, say } from "../child.ts";
import { change, lifeOptions, type LifeSizes, type LifeValue, numbersIn } from "../lives.ts";

const { path, sizes, next } = childArguments<{ path: string; sizes: LifeSizes; next: number }>();
const store = await open<LifeValue>({ path, ...lifeOptions(sizes) });
const found = await numbersIn(store, sizes);
// A change that had not ended when the last life did is made again.
say({ found, next });
for (let number = next;; number++) {
  await change(store, number, sizes);
  say({ made: number, evicted: store.stats().evicted });
}
