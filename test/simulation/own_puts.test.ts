/**
 * A thread that puts itself throws at any access of such a put, or is taken for dead there and goes
 * on: the put is made once, nothing is lost, and the order is kept.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { SlotWriter } from "../../lib/agent/slot_writer.ts";
import { valueWord } from "../../lib/log/record_layout.ts";
import type { FailoverOptions, ScriptStep, SimFailover } from "../support/sim_failover.ts";
import { OWN_EVENTS, type OwnSteps, tryAll } from "../support/sim_own_steps.ts";

const OPTIONS: FailoverOptions = {
  isLogged: false,
  segmentCount: 24,
  ringBytes: 16 * 1024,
  putsAtOnce: true,
};

const BEFORE: readonly ScriptStep[] = [
  { kind: "put", key: 0, bytes: 40 },
  { kind: "put", key: 1, bytes: 300 },
  { kind: "put", key: 5, bytes: 40 },
  { kind: "put-expiring", key: 8, bytes: 40 },
  { kind: "put", key: 10, bytes: 1100 },
  { kind: "put", key: 11, bytes: 1100 },
];

/**
 * New keys and others, with an expiry time and without, beyond the end of a segment, between
 * requests of their slot.
 */
const SCRIPT: readonly ScriptStep[] = [
  { kind: "put", key: 0, bytes: 60 },
  { kind: "put", key: 2, bytes: 40 },
  { kind: "put-expiring", key: 3, bytes: 40 },
  { kind: "put", key: 8, bytes: 44 },
  { kind: "put-expiring", key: 5, bytes: 40 },
  { kind: "put", key: 10, bytes: 1100 },
  { kind: "put", key: 11, bytes: 1100 },
  { kind: "put", key: 12, bytes: 1100 },
  { kind: "delete", key: 1 },
  { kind: "put", key: 1, bytes: 40 },
  { kind: "put-absent", key: 6, bytes: 40 },
  { kind: "put", key: 6, bytes: 40 },
  { kind: "put", key: 0, bytes: 80 },
];

/**
 * Records that became the newest ones of their keys, by what they say: each operation has a value
 * of its own.
 */
const made = new Map<string, Set<number>>();

const { point } = SlotWriter.prototype;
SlotWriter.prototype.point = function (slotAt, hash, old, address, meta): boolean {
  const isMade = point.call(this, slotAt, hash, old, address, meta);
  const at = this.pool.wordAt(address) + valueWord(meta);
  const said = `${hash} ${this.pool.wordsOf(address).slice(at, at + 4)}`;
  if (isMade) made.set(said, (made.get(said) ?? new Set<number>()).add(address));
  return isMade;
};

function checkMadeOnce(): void {
  for (const [said, records] of made) assert.is(records.size, 1, `I5: ${said} was made twice`);
}

const STEPS: OwnSteps = { options: OPTIONS, before: BEFORE, script: SCRIPT };

for (const [name, { event, end }] of Object.entries(OWN_EVENTS)) {
  test(`in the middle of a put ${name}`, () => {
    const begin = (world: SimFailover) => {
      made.clear();
      event(world);
    };
    const { tries, atOnceMax } = tryAll(STEPS, begin, (world) => {
      end(world);
      checkMadeOnce();
    });
    assert.ok(tries > 300, `${tries} tries`);
    assert.ok(atOnceMax > BEFORE.length + 6, `${atOnceMax} puts were made at once`);
  });
}

test.run();
