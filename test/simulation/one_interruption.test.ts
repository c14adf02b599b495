/**
 * One step, interrupted once by another party's step: at every access to shared memory that it
 * makes, and for every two parties.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { OWNER_TABLE } from "../../lib/pool/control_layout.ts";
import { loadOwner } from "../../lib/routing/ownership.ts";
import { SHARE_COUNT, SHARE_FIRST } from "../support/campaign.ts";
import { withAtomicHooks } from "../support/sim_atomics.ts";
import { interruptAt, SimDuel } from "../support/sim_duel.ts";

/** Somebody's step. */
interface Party {
  readonly name: string;
  /** What is issued before; it is published. */
  readonly prepare?: (duel: SimDuel) => void;
  readonly step: (duel: SimDuel) => void;
  /** Whether it would wait for one who has locked a slot. */
  readonly mayWait: boolean;
}

/** Three records fill a segment, so that segments are sealed, and freed by what overwrites them. */
const LARGE = 1200;
const SMALL = 12;
/** More accesses than any step makes. */
const ACCESSES_MAX = 2000;
/** More accesses than a move makes that does not wait. */
const WAITING_ACCESSES = 50;
/** Keys in use at first, of the eight of each slot. */
const FIRST_KEYS = [0, 1, 2, 3, 8, 9, 10, 11] as const;

/** Keys that nothing but a commit puts, one of each KN. */
const COMMITTED = [4, 12] as const;
const ALSO_COMMITTED = [6, 14] as const;

const INTERRUPTED: readonly Party[] = [
  {
    name: "a KN that overwrites",
    prepare: (duel) => {
      for (const i of [0, 1, 0]) duel.put(duel.models[i]!, LARGE);
    },
    step: (duel) => duel.nodes[0]!.doWork(),
    mayWait: false,
  },
  {
    name: "a KN that inserts",
    prepare: (duel) => {
      for (const i of [4, 5, 6, 7]) duel.put(duel.models[i]!, SMALL);
    },
    step: (duel) => duel.nodes[0]!.doWork(),
    mayWait: false,
  },
  {
    name: "a KN that deletes",
    prepare: (duel) => {
      for (const i of [0, 1, 2]) duel.delete(duel.models[i]!);
    },
    step: (duel) => duel.nodes[0]!.doWork(),
    mayWait: false,
  },
  {
    name: "a KN that commits keys of both",
    prepare: (duel) => {
      const changed = [0, 8, ...COMMITTED].map((i) => duel.models[i]!);
      duel.commit(changed, SMALL);
    },
    step: (duel) => duel.nodes[0]!.doWork(),
    mayWait: false,
  },
  {
    name: "a client that helps",
    prepare: (duel) => {
      for (const i of [0, 4, 0]) duel.put(duel.models[i]!, LARGE);
    },
    step: (duel) => duel.help(),
    mayWait: false,
  },
  {
    name: "a client that puts at once",
    step: (duel) => duel.putAtOnce([0, 4, 0].map((i) => duel.models[i]!), LARGE),
    mayWait: false,
  },
  { name: "the cleaner", step: (duel) => duel.clean(), mayWait: true },
  { name: "a reader", step: (duel) => duel.pollAndRead(), mayWait: false },
];

const INTERRUPTING: readonly Party[] = [
  {
    name: "the other KN",
    prepare: (duel) => {
      for (const i of [8, 9, 8, 9]) duel.put(duel.models[i]!, LARGE);
    },
    step: (duel) => duel.nodes[1]!.doWork(),
    // It puts keys of a slot that only a cleaner can have locked.
    mayWait: true,
  },
  {
    name: "the owner of the keys",
    prepare: (duel) => {
      for (const i of [0, 1, 2, 3]) duel.put(duel.models[i]!, SMALL);
    },
    step: (duel) => duel.nodes[0]!.doWork(),
    mayWait: true,
  },
  {
    name: "another executor of the KN",
    prepare: (duel) => {
      for (const i of [2, 5]) duel.put(duel.models[i]!, SMALL);
    },
    step: (duel) => {
      duel.nodes[0]!.doWork();
      duel.help();
    },
    mayWait: true,
  },
  {
    name: "a thread that puts at once",
    step: (duel) => duel.putAtOnce([2, 5].map((i) => duel.models[i]!), SMALL),
    mayWait: true,
  },
  {
    name: "the other KN, which commits keys of both",
    prepare: (duel) => duel.commit(ALSO_COMMITTED.map((i) => duel.models[i]!), SMALL),
    step: (duel) => duel.nodes.forEach((node) => node.doWork()),
    mayWait: true,
  },
  { name: "the cleaner", step: (duel) => duel.clean(), mayWait: true },
  { name: "the M-node", step: (duel) => duel.move(), mayWait: true },
  { name: "a reader", step: (duel) => duel.pollAndRead(), mayWait: false },
];

/** A store with segments that are worth cleaning, and others that one more put will free. */
function prepared(outer: Party, inner: Party): SimDuel {
  const duel = new SimDuel();
  for (const i of FIRST_KEYS) duel.put(duel.models[i]!, LARGE);
  // One record of three in the first segment of each KN is dead.
  for (const i of [1, 9]) duel.put(duel.models[i]!, LARGE);
  duel.drain();
  outer.prepare?.(duel);
  inner.prepare?.(duel);
  duel.client.flush();
  return duel;
}

/** Parties that put some of those keys themselves. */
const PUTS_COMMITTED: readonly string[] = [
  "a KN that inserts",
  "a client that helps",
  "a client that puts at once",
];

function hasCommit(outer: Party, inner: Party): boolean {
  return outer.name.includes("commit") || inner.name.includes("commit");
}

/**
 * Parties beside which the client puts nothing at once: one that is in its thread, and those to
 * whom it has sent something.
 */
const NOT_BESIDE_PUTS = [
  "a reader",
  "the owner of the keys",
  "another executor of the KN",
  "the other KN, which commits keys of both",
];

/** One thread is not in two calls at a time. */
function isSameThread(outer: Party, inner: Party): boolean {
  const isOfClient = outer.name.startsWith("a client") || outer.name === "a reader";
  if (inner.name === "a thread that puts at once") return isOfClient;
  return outer.name === "a client that puts at once" && NOT_BESIDE_PUTS.includes(inner.name);
}

function isSameNode(outer: Party, inner: Party): boolean {
  return inner.name === "the owner of the keys" && outer.name.startsWith("a KN");
}

test("the M-node waits for a slot that is locked", () => {
  const [outer] = INTERRUPTED;
  let waits = 0;
  for (let at = 0, isOver = false; !isOver; at++) {
    const duel = prepared(outer!, outer!);
    const [slot] = duel.slots;
    const before = loadOwner(duel.pool, slot!);
    const interrupt = () => {
      if (!duel.isLocked) return;
      waits += 1;
      assert.throws(() => withoutWaiting(() => duel.move()), /waits/);
      // The M-node has been torn out of its wait; what it had announced is taken back.
      duel.pool.control[OWNER_TABLE + slot!] = before;
    };
    isOver = !interruptAt(at, () => outer!.step(duel), interrupt);
    duel.finish();
  }
  assert.ok(waits > 0, "the slot was locked at times");
});

/** Throws when `body` makes more accesses than any step of its kind that does not wait. */
function withoutWaiting(body: () => void): void {
  let count = 0;
  const onAccess = () => {
    if (++count > WAITING_ACCESSES) throw new Error("it waits");
  };
  withAtomicHooks({ onAccess }, body);
}

for (const outer of INTERRUPTED) {
  for (const inner of INTERRUPTING) {
    if (outer.name === inner.name || isSameNode(outer, inner)) continue;
    if (isSameThread(outer, inner)) continue;
    test(`${outer.name} is interrupted by ${inner.name}`, () => {
      let interruptions = 0;
      for (let at = SHARE_FIRST, isOver = false; !isOver; at += SHARE_COUNT) {
        assert.ok(at < ACCESSES_MAX, "the step ends");
        const duel = prepared(outer, inner);
        const interrupt = () => {
          if (inner.mayWait && duel.isLocked) return;
          interruptions += 1;
          inner.step(duel);
        };
        const look = (isWrite: boolean) => {
          if (!isWrite || !hasCommit(outer, inner)) return;
          // Others put these keys, too, but not beside such a commit.
          if (!PUTS_COMMITTED.includes(outer.name) && !PUTS_COMMITTED.includes(inner.name)) {
            duel.checkWhole(COMMITTED.map((i) => duel.models[i]!));
            duel.checkWhole(ALSO_COMMITTED.map((i) => duel.models[i]!));
          }
        };
        isOver = !interruptAt(at, () => outer.step(duel), interrupt, look);
        duel.finish();
      }
      assert.ok(interruptions * SHARE_COUNT > 10, `${interruptions} interruptions`);
    });
  }
}

test.run();
