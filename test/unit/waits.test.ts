/**
 * Every wait has an end: each loop, await and blocking call of the library is in the inventory that
 * says what ends it.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { PROJECT_ROOT } from "../../scripts/runtimes.ts";
import { WAIT_ENDINGS } from "../support/wait_inventory.ts";
import { scanFolders, scanSource } from "../support/wait_scan.ts";

const ADVICE = "decide what ends it, and say so in test/support/wait_inventory.ts";

test("each loop, await and blocking call is in the inventory, and nothing else is", () => {
  const entered = new Map<string, number>();
  for (const { places } of WAIT_ENDINGS) {
    for (const [place, count] of Object.entries(places)) {
      assert.not.ok(entered.has(place), `${place} is entered once`);
      entered.set(place, count);
    }
  }
  const found = scanFolders(PROJECT_ROOT, ["lib", "workers"]);
  assert.ok(found.size > 100, `${found.size} functions have some`);
  const wrong: string[] = [];
  for (const [place, count] of found) {
    const known = entered.get(place) ?? 0;
    if (known !== count) wrong.push(`"${place}": ${count}, entered are ${known}: ${ADVICE}`);
  }
  for (const place of entered.keys()) {
    if (!found.has(place)) wrong.push(`"${place}" has none any more, or has another name`);
  }
  assert.equal(wrong, []);
});

test("whatever may wait is found, and what is in strings and comments is not", () => {
  const source = `
/** A comment: while (true) await. */
const limit = 5; // sleepSync(1)
export class Waiter {
  #text = "while (true)";
  readonly #turn = (): void => {
    do { look(); } while (isBusy());
  };

  async run<T>(items: T[]): Promise<void> {
    for (const item of items) console.log(\`\${item} await \${\`while (\${item})\`}\`);
    for (let i = 0; i < items.length; i++);
    for (let i = 0; i < items.length;) i += look();
    for (;;) if (/while (')/.test("'")) await new Promise((resolve) => resolve);
    for await (const item of items) sleepSync(10 / 2 / 1);
  }
}

export function block(words: Int32Array): void {
  Atomics.wait(words, 0, 0);
  words.some(() => {
    while (limit > 0);
  });
}
`;
  assert.equal(scanSource("a.ts", source), [
    "a.ts Waiter.#turn",
    ...Array(6).fill("a.ts Waiter.run"),
    "a.ts block",
    "a.ts block",
  ]);
});

test.run();
