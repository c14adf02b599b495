/**
 * The parts of the index of a cluster, each by itself: messages, addresses, slots, what is needed
 * of logs, merging and listing.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { Command } from "../../lib/cluster/control/command.ts";
import { decode, encode } from "../../lib/cluster/control/command.ts";
import { ControlState, NO_OWNER } from "../../lib/cluster/control/control_state.ts";
import { keptFrom, NO_CLEANING } from "../../lib/cluster/index/cleaning.ts";
import {
  decodeCheckpoint,
  decodeDirectory,
  decodePage,
  encodeCheckpoint,
  encodeDirectory,
  encodePage,
} from "../../lib/cluster/index/index_codec.ts";
import type { IndexEntry } from "../../lib/cluster/index/index_entry.ts";
import { IndexedTable } from "../../lib/cluster/index/indexed_table.ts";
import { IndexIo, runAll } from "../../lib/cluster/index/index_io.ts";
import { KeptTails } from "../../lib/cluster/index/kept_tails.ts";
import { cachedAddress, isAtPlace, packAddress } from "../../lib/cluster/index/packed_address.ts";
import { mergeSlot } from "../../lib/cluster/index/slot_merge.ts";
import { SlotIndex } from "../../lib/cluster/index/slot_index.ts";
import { Takeover } from "../../lib/cluster/index/takeover.ts";
import { encodeBatch, encodeOwn, NO_ORIGIN } from "../../lib/cluster/messages/log_codec.ts";
import { indexStream, logStream } from "../../lib/cluster/node/log_streams.ts";
import { KeyEncoder } from "../../lib/core/key_encoder.ts";
import { SLOT_COUNT, SLOT_SHIFT } from "../../lib/core/limits.ts";
import { FrameError } from "../../lib/wire/frame.ts";
import { SimEngine } from "../support/cluster/sim_log_engine.ts";
import { SimProcess, SimTime } from "../support/cluster/sim_processes.ts";
import { Random, seeded } from "../support/random.ts";

const value = (number: number) => new Uint8Array([number]);

function entryOf(name: string, version: number, parts: Partial<IndexEntry> = {}): IndexEntry {
  const key = { bytes: new TextEncoder().encode(name), isBinary: false };
  const address = { node: 1, sequence: version, place: 36 };
  return { key, name, hash: version, version, address, bytes: 40, isDelete: false, ...parts };
}

test("messages of an index come back as they were, and damaged ones are refused", () => {
  const entries = [entryOf("a", 7), entryOf("b", 2 ** 40, { hash: 2 ** 32 - 1 })];
  const page = encodePage(entries);
  assert.equal(decodePage(page), entries);
  const floors = [[1, 7], [1023, 2 ** 35]] as const;
  const pages = [{ from: 9, node: 3, sequence: 2 ** 36, count: 2, bytes: 80, floors }];
  const directory = encodeDirectory({ version: 12, pages });
  assert.equal(decodeDirectory(directory), { version: 12, pages });
  const refs = [{ slot: 4095, node: 3, sequence: 8 }, { slot: 0, node: 0, sequence: 9 }];
  const checkpoint = encodeCheckpoint(refs);
  assert.equal(decodeCheckpoint(checkpoint), refs);
  const isRefused = (read: () => unknown) =>
    assert.throws(read, (error: Error) => error instanceof FrameError);
  isRefused(() => decodePage(directory));
  isRefused(() => decodeDirectory(checkpoint));
  isRefused(() => decodeCheckpoint(page));
  isRefused(() => decodePage(page.slice(0, -1)));
  isRefused(() => decodePage(page.map((byte, i) => i === 30 ? byte ^ 1 : byte)));
  isRefused(() => decodeCheckpoint(encodeCheckpoint([{ slot: 4096, node: 0, sequence: 1 }])));
});

test(
  "addresses fit the words of a cache",
  seeded((random) => {
    for (let i = 0; i < 500; i++) {
      const place = random.below(512 * 1024);
      const address = { node: random.below(1024), sequence: random.below(2 ** 39), place };
      const cached = cachedAddress(...packAddress(address));
      assert.equal({ ...cached, place }, address);
      assert.ok(isAtPlace(place, cached.place));
      assert.not.ok(isAtPlace(place + 32, cached.place));
    }
  }),
);

test("tasks run so many at a time, and all of them, however they end", () => {
  const waiting: (() => void)[] = [];
  let ended = 0;
  runAll(Array.from({ length: 10 }).keys(), 3, (i, next) => {
    if (i % 2 === 0) next();
    else waiting.push(next);
    assert.ok(waiting.length <= 3);
  }, () => ended += 1);
  while (waiting.length > 0) waiting.shift()!();
  runAll([], 3, () => {}, () => ended += 1);
  assert.is(ended, 2);
});

test("a change that is in the pages, or older than what is known, changes nothing", () => {
  const slot = new SlotIndex(1);
  slot.take(entryOf("a", 5));
  slot.take(entryOf("a", 4));
  assert.is(slot.changeOf("a")!.version, 5);
  const version = slot.beginMerge();
  slot.take(entryOf("a", 3));
  slot.take(entryOf("b", 6));
  assert.equal([slot.changeOf("a")!.version, slot.changeOf("b")!.version], [5, 6]);
  slot.endMerge(version, []);
  slot.take(entryOf("a", 5));
  assert.equal([slot.changeOf("a"), slot.changeOf("b")!.version], [undefined, 6]);
  assert.is(slot.nextVersion(), 7);
});

test("a slot whose directory is read behind changes of it has those that are not in its pages", () => {
  const slot = new SlotIndex(1);
  slot.take(entryOf("deleted since", 5));
  slot.take(entryOf("a", 9));
  slot.open({ version: 7, pages: [] }, { node: 1, sequence: 3 });
  assert.equal([...slot.tail.keys()], ["a"]);
  assert.is(slot.nextVersion(), 10);
});

test("what is read of a slot that comes is cached, until pages have it, or the slot does not come", () => {
  const time = new SimTime();
  const process = new SimProcess(time);
  const io = new IndexIo(new SimEngine(time, new Random(1)).connect(process), process);
  const parts = { io, hashKey: [1, 2], cacheBytes: 10_000, cachePolicy: "values" } as const;
  const table = new IndexedTable(parts);
  const key = { bytes: new TextEncoder().encode("key"), isBinary: false };
  const hash = new KeyEncoder(1, 2).encode("key");
  const number = hash >>> SLOT_SHIFT;
  const read = (version: number, isDelete = false) => {
    const made = { key, version, expiresAtMs: Infinity, origin: NO_ORIGIN };
    const record = { ...made, value: isDelete ? undefined : value(version) };
    table.merge(record, { node: 1, sequence: version, place: 36 });
  };
  /** What is found at once, 0 for nothing; undefined: the engine is read. */
  const find = () => {
    let found: number | undefined;
    table.find(key, hash, (record) => found = record?.value?.[0] ?? 0);
    return found;
  };
  const served = () => {
    table.slots.get(number)!.isComing = false;
    return find();
  };
  table.begin(number);
  for (const version of [5, 6, 4]) read(version);
  assert.is(served(), 6, "the newest, without a round trip");
  table.begin(number);
  read(5);
  read(6, true);
  assert.is(served(), 0);
  const open = (version: number) =>
    table.open(table.slots.get(number)!, { version, pages: [] }, {
      slot: number,
      node: 1,
      sequence: 3,
    });
  table.begin(number);
  open(3);
  read(5);
  open(7);
  assert.is(served(), 0, "the pages have a delete that the logs had not yet");
  table.drop(number);
  table.ahead.set(number, new SlotIndex(number));
  read(8);
  table.dropAhead(number);
  table.begin(number);
  assert.is(served(), 0, "it was another owner's since");
  table.drop(number);
  table.ahead.set(number, new SlotIndex(number));
  read(10);
  table.begin(number);
  assert.is(served(), 10, "what was read ahead");
});

test("who takes over reads as far back as requests may be sent again", () => {
  const kept = new KeptTails(1, 100);
  const start = (sequence: number) => ({ sequence, term: 1 });
  kept.mark(0, 1, start(10));
  assert.is(kept.tailsAt(99), undefined, "as before");
  kept.mark(50, 1, start(20));
  kept.inherit(60, new Map([[2, start(5)], [1, start(19)]]));
  kept.mark(90, 1, start(30));
  assert.equal([...kept.tailsAt(149)!], [[1, start(10)], [2, start(5)]]);
  assert.equal(
    [...kept.tailsAt(150)!],
    [[1, start(20)], [2, start(5)]],
    "own log: by its own time",
  );
  kept.mark(120, 1, start(40));
  assert.equal([...kept.tailsAt(190)!], [[1, start(30)]]);
});

test("what a checkpoint has not needed is not needed by a later one", () => {
  const kept = new KeptTails(1, 100);
  const start = (sequence: number, term: number) => ({ sequence, term });
  kept.mark(0, 1, start(64, 81));
  assert.equal([...kept.tailsAt(100)!], [[1, start(64, 81)]]);
  // Slots come that have something in this node's log of its life before, up to a barrier there.
  kept.inherit(10, new Map([[1, start(50, 2)]]));
  kept.mark(20, 1, start(61, 57));
  assert.equal([...kept.tailsAt(120)!], [[1, start(64, 81)]]);
  kept.mark(30, 1, start(70, 81));
  assert.equal([...kept.tailsAt(130)!], [[1, start(70, 81)]]);
});

test("what comes with slots again and again is not read for ever", () => {
  const kept = new KeptTails(1, 100);
  const start = (sequence: number) => ({ sequence, term: 1 });
  kept.mark(0, 1, start(10));
  for (let at = 10; at <= 500; at += 50) {
    kept.inherit(at, new Map([[2, start(5)]]));
    // Up to the barrier of that takeover.
    kept.mark(at + 1, 2, start(at));
  }
  assert.equal([...kept.tailsAt(510)!], [[1, start(10)], [2, start(360)]]);
});

test("half of a log may be garbage, and its oldest part is cleaned", () => {
  const rule = { ratio: 2, slackBytes: 100, share: 0.25 };
  assert.is(keptFrom({ first: 11, last: 50, bytes: 300 }, 100, rule), 0);
  assert.is(keptFrom({ first: 11, last: 50, bytes: 301 }, 100, rule), 21);
});

/** A state in which nodes 1 and 2 hold leases, and node 1 owns slots 0 and 1. */
function shared() {
  const state = new ControlState();
  const apply = (command: Command) => state.apply(state.sequence + 1, decode(encode(command)));
  assert.ok(apply({ kind: "renew", node: 1, holder: "one", number: 1, follows: 0 }));
  assert.ok(apply({ kind: "renew", node: 2, holder: "two", number: 1, follows: 0 }));
  const assign = (node: number, slots: readonly number[], to: number, barrier: number) =>
    apply({
      kind: "assign",
      node,
      holder: node === 1 ? "one" : "two",
      follows: state.mapSequence,
      moves: slots.map((slot) => [slot, to]),
      barriers: [[1, barrier], [2, barrier]],
      fenced: [...state.unfenced],
    });
  const checkpoint = (node: number, index: number, own: number, floor: number, follows?: number) =>
    apply({
      kind: "checkpoint",
      node,
      holder: node === 1 ? "one" : "two",
      follows: follows ?? state.mapSequence,
      index,
      tails: [[node, own, 1]],
      floors: [[`log-${node}`, floor], [`index-${node}`, index - 2]],
    });
  assert.ok(assign(1, [0, 1], 1, 1));
  return { state, apply, assign, checkpoint };
}

/** A takeover of a slot, over a log of node 1 with an `own` and versions 1 to 4. */
function readAlone() {
  const time = new SimTime();
  const engine = new SimEngine(time, new Random(1));
  const process = new SimProcess(time, { monotonic: 1, epoch: 1, aheadMs: 0 }, new Random(1));
  const io = new IndexIo(engine.connect(process), process);
  const parts = { io, hashKey: [1, 2], cacheBytes: 10_000, cachePolicy: "values" } as const;
  const table = new IndexedTable(parts);
  const key = { bytes: new TextEncoder().encode("key"), isBinary: false };
  const number = new KeyEncoder(1, 2).encode("key") >>> SLOT_SHIFT;
  const log = logStream(1);
  io.engine.createStream(log, () => {});
  time.run(100);
  const append = (body: Uint8Array) => io.engine.append(log, "any", body, undefined, () => {});
  append(encodeOwn(5));
  for (let version = 1; version <= 4; version++) {
    const name = { ...key, bytes: new TextEncoder().encode(`key ${version}`) };
    time.run(100);
    const record = { key: name, version, value: value(version), expiresAtMs: Infinity };
    append(encodeBatch(5, [{ ...record, origin: NO_ORIGIN }], 10_000).bytes);
  }
  time.run(100);
  const read: number[] = [];
  const takeover = new Takeover({
    io,
    table,
    slots: [table.begin(number)],
    keeperOf: () => undefined,
    follows: 1,
    take: ({ version }) => read.push(version),
    failed: (error) => assert.unreachable(String(error)),
    missing: (error) => assert.unreachable(String(error)),
  });
  const ends: string[] = [];
  const readTo = (name: string, sequence: number, barrier: number) => {
    const start = { sequence, term: sequence === 0 ? 0 : 5 };
    const goal = { tails: new Map([[1, start]]), barriers: new Map([[1, barrier]]) };
    takeover.read(goal, () => ends.push(name));
  };
  const purge = (upTo: number) => engine.purge(log, upTo);
  const slowDown = (ms: number) => engine.slowMs.set(log, ms);
  return { time, append, purge, slowDown, read, takeover, ends, readTo };
}

test("a takeover with several goals has read all logs from where the last one says", () => {
  const { time, append, read, takeover, ends, readTo } = readAlone();
  readTo("in vain", 2, 9);
  readTo("a part", 2, 3);
  time.run(1000);
  assert.equal([ends, read], [["a part"], [2, 3, 4]]);
  readTo("what is known", 3, 5);
  assert.equal(ends, ["a part", "what is known"], "at once");
  readTo("from an earlier place", 0, 5);
  time.run(1000);
  assert.equal(ends, ["a part", "what is known", "from an earlier place"]);
  assert.equal(read, [2, 3, 4, 1, 2, 3, 4]);
  readTo("up to what is not there yet", 0, 6);
  time.run(1000);
  assert.is(ends.length, 3);
  append(encodeOwn(6));
  time.run(1000);
  assert.is(ends.at(-1), "up to what is not there yet");
  takeover.stop();
});

test("a takeover that has read less than is needed no more goes on behind that", () => {
  const { time, purge, slowDown, read, takeover, ends, readTo } = readAlone();
  slowDown(500);
  readTo("what is purged before it comes", 1, 5);
  purge(3);
  readTo("what is left", 3, 5);
  time.run(1000);
  assert.equal([ends, read], [["what is left"], [3, 4]]);
  takeover.stop();
});

test("what a node needed that has left is not needed for ever", () => {
  const { state, apply, assign, checkpoint } = shared();
  assert.ok(assign(1, Array.from({ length: SLOT_COUNT }, (_, slot) => slot), 1, 1));
  assert.ok(checkpoint(1, 9, 20, 4));
  assert.ok(assign(1, [1], 2, 30));
  assert.ok(assign(2, [1], 1, 30));
  assert.ok(apply({ kind: "revoke", node: 2, follows: state.leaseOf(2)!.sequence }));
  assert.equal([state.needs.purgeableLog(1), state.needs.purgeableIndex(1)], [3, 6]);
  assert.ok(checkpoint(1, 19, 50, 44));
  assert.equal([state.needs.purgeableLog(1), state.needs.purgeableIndex(1)], [43, 16]);
});

test("what comes to a node later is behind the barrier of its log, and the rest may be purged", () => {
  const { state, apply, assign, checkpoint } = shared();
  const { needs } = state;
  const all = Array.from({ length: SLOT_COUNT }, (_, slot) => slot);
  const purgeable = () => needs.purgeableLog(1);
  const leaseOf = () => state.leaseOf(1)!;
  assert.ok(assign(1, all, 1, 1));
  assert.ok(assign(1, all.slice(1), 2, 30));
  assert.ok(checkpoint(2, 3, 40, 40));
  assert.is(purgeable(), 0, "what node 1 needs of the slot that it has");
  assert.ok(assign(1, [0], 2, 50));
  assert.ok(checkpoint(2, 5, 60, 60));
  assert.is(purgeable(), 0, "what node 1 has not said that it does not need");
  assert.ok(apply({ kind: "revoke", node: 1, follows: leaseOf().sequence }));
  assert.is(purgeable(), 50);
  const renewal = { kind: "renew", node: 1, holder: "one", number: 2 } as const;
  assert.ok(apply({ ...renewal, follows: leaseOf().sequence }));
  const { term } = leaseOf();
  assert.ok(assign(2, [1], 2, 90), "which has a fence behind what is written under the new lease");
  assert.is(purgeable(), 90);
  assert.ok(assign(2, [1], 1, 90));
  assert.equal(needs.tailsOf(1).get(1), { sequence: 90, term });
  assert.ok(checkpoint(1, 20, 89, 90), "which names what may be purged");
  assert.equal(needs.tailsOf(1).get(1), { sequence: 90, term });
  assert.ok(checkpoint(1, 21, 95, 90));
  assert.is(purgeable(), 89, "a page names it");
});

test("barriers say nothing more in a cluster that was made before they did", () => {
  const { state, apply, assign } = shared();
  const of = { keys: "string", codec: "msgpack", replicas: 1, leaseMs: 2000, proof: "" };
  const begun = () => state.picture().positions.find(([node]) => node === 1)!.slice(1, 3);
  assert.ok(assign(1, [0], 2, 20));
  assert.equal(begun(), [20, 1]);
  assert.ok(apply({ kind: "settings", hashKey: [1, 2], ...of, format: 3 }));
  assert.ok(assign(1, [1], 2, 50));
  assert.equal(begun(), [20, 1]);
});

test("a checkpoint counts for the owners that it knows, and once", () => {
  const { state, assign, checkpoint } = shared();
  const before = state.mapSequence;
  assert.is(state.needs.keeperOf(0), undefined);
  assert.ok(checkpoint(1, 9, 20, 4));
  assert.equal(state.needs.keeperOf(0), { node: 1, sequence: 9 });
  assert.not.ok(checkpoint(1, 9, 20, 4), "it is there");
  assert.not.ok(checkpoint(1, 8, 30, 4), "an earlier one that comes late");
  assert.ok(assign(1, [1], 2, 30));
  assert.not.ok(checkpoint(1, 12, 30, 4, before), "it does not know who owns what");
  assert.ok(checkpoint(2, 3, 7, 2));
  assert.equal(state.needs.keeperOf(1), { node: 2, sequence: 3 });
  assert.equal(state.needs.keeperOf(0), { node: 1, sequence: 9 });
});

test("what an owner has needed is needed by the next one, and is not purged", () => {
  const { state, apply, assign, checkpoint } = shared();
  const { needs } = state;
  const purgeable = () => [needs.purgeableLog(1), needs.purgeableIndex(1)];
  assert.equal(purgeable(), [0, 0], "no checkpoint yet");
  assert.ok(checkpoint(1, 9, 20, 4));
  assert.equal(purgeable(), [3, 6]);
  assert.ok(assign(1, [1], 2, 30));
  const tails = [[1, { sequence: 20, term: 1 }], [2, { sequence: 1, term: 2 }]];
  assert.equal([...needs.tailsOf(2)], tails, "and its own log from a barrier on");
  assert.ok(checkpoint(1, 15, 40, 33));
  assert.equal(purgeable(), [3, 6], "for slot 1, which node 2 has not written yet");
  assert.ok(checkpoint(2, 5, 10, 10));
  assert.equal(purgeable(), [32, 12]);
  assert.ok(apply({ kind: "revoke", node: 1, follows: 1 }));
  assert.equal(purgeable(), [32, 12], "nobody owns slot 0");
  assert.ok(assign(2, [0], 2, 50));
  assert.is(state.owners.indexOf(NO_OWNER), 2, "slots that nobody ever had");
  assert.ok(checkpoint(2, 8, 20, 18));
  assert.equal(purgeable(), [32, 12], "the last one of a node that may come back");
});

test("what no checkpoint has is not purged, though its author has a newer one", () => {
  const { state, assign, checkpoint } = shared();
  assert.ok(checkpoint(1, 9, 20, 25));
  assert.is(state.needs.purgeableLog(1), 20);
  assert.ok(assign(1, [1], 2, 30));
  assert.ok(checkpoint(1, 15, 40, 45));
  assert.is(state.needs.purgeableLog(1), 20, "node 2 may have to be succeeded");
});

test("what is changed while a slot is merged is not in its pages", () => {
  const time = new SimTime();
  const engine = new SimEngine(time, new Random(1));
  const process = new SimProcess(time);
  const io = new IndexIo(engine.connect(process), process);
  engine.create(indexStream(0));
  const slot = new SlotIndex(0);
  slot.take(entryOf("a", 1));
  const parts = { io, node: 0, term: 1, pageBytes: 100, targets: NO_CLEANING };
  mergeSlot({ ...parts, isOn: () => true }, slot, () => {});
  slot.take(entryOf("b", 2));
  time.run(1000);
  assert.equal([slot.version, slot.tail.size, slot.pages.length], [1, 1, 1]);
});

test(
  "keys of a slot are listed in the order of their bytes, from pages and beside them",
  seeded((random) => {
    const time = new SimTime();
    const engine = new SimEngine(time, random);
    const process = new SimProcess(time);
    const io = new IndexIo(engine.connect(process), process);
    engine.create(logStream(0));
    engine.create(indexStream(0));
    const cachePolicy = "marginal";
    const table = new IndexedTable({ io, hashKey: [0, 0], cacheBytes: 0, cachePolicy });
    const encoder = new KeyEncoder(0, 0);
    const slot = encoder.encode("other") >>> SLOT_SHIFT;
    const index = table.begin(slot);
    index.isComing = false;
    const names: string[] = [];
    for (let i = 0; names.length < 12; i++) {
      if (encoder.encode(`key ${i}`) >>> SLOT_SHIFT === slot) names.push(`key ${i}`);
    }
    const write = (name: string, bytes: Uint8Array | undefined) => {
      const key = { bytes: new TextEncoder().encode(name), isBinary: false };
      const version = table.nextVersion(slot);
      const record = { key, version, value: bytes, expiresAtMs: Infinity, origin: NO_ORIGIN };
      const message = encodeBatch(1, [record]);
      const stored = engine.store(logStream(0), "records", message.bytes, undefined);
      const sequence = stored?.status === "stored" ? stored.sequence : 0;
      table.merge(record, { node: 0, sequence, place: message.places[0]! });
    };
    const merge = () => {
      const parts = { io, node: 0, term: 1, pageBytes: 100, targets: NO_CLEANING };
      mergeSlot({ ...parts, isOn: () => true }, index, () => {});
      while (index.merging !== undefined) time.run(10);
    };
    const encoded = new TextEncoder();
    const list = (prefix: string, bytesMax: number) => {
      const listed: string[] = [];
      let after: Uint8Array | undefined;
      for (let isLast = false; !isLast;) {
        table.page({ slot, prefix: encoded.encode(prefix), after, bytesMax }, (page) => {
          listed.push(...page.records.map(({ key }) => new TextDecoder().decode(key.bytes)));
          after = page.records.at(-1)?.key.bytes;
          isLast = page.isLast;
        });
        time.run(1000);
      }
      return listed;
    };
    for (const name of [...names.slice(2), "other"]) write(name, value(1));
    merge();
    assert.ok(index.pages.length > 1 && index.tail.size === 0);
    for (const name of names.slice(0, 5)) write(name, value(2));
    write(names[5]!, undefined);
    const expected = names.filter((_, i) => i !== 5).sort();
    for (const bytesMax of [1, 200, 1e6]) assert.equal(list("key ", bytesMax), expected);
    assert.equal(list("", 1e6), [...expected, "other"]);
    merge();
    assert.equal(list("key ", 100), expected);
    assert.is(table.keyCount(slot), 12);
    // A replica that lags does not have the pages yet.
    engine.lagMs.fill(1500);
    write(names[5]!, value(3));
    merge();
    let found: number | undefined;
    table.find({ bytes: encoded.encode(names[0]!), isBinary: false }, encoder.encode(names[0]!), (
      record,
    ) => found = record?.value?.[0] ?? -1);
    time.run(5000);
    assert.is(found, 2);
  }),
);

test.run();
