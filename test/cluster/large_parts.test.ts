/**
 * Parts of a cluster with records that are larger than a batch may be: their messages and
 * addresses, what an append has, and what is in memory at the same time.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { draftOfKey } from "../../lib/client/request_draft.ts";
import { RequestWriter } from "../../lib/client/request_writer.ts";
import { messageBytesIn, type Settings, STREAM_FORMAT } from "../../lib/cluster/control/command.ts";
import { ByteGate } from "../../lib/core/byte_gate.ts";
import { KeyEncoder } from "../../lib/core/key_encoder.ts";
import { IndexedTable } from "../../lib/cluster/index/indexed_table.ts";
import { IndexIo } from "../../lib/cluster/index/index_io.ts";
import { SlotIndex } from "../../lib/cluster/index/slot_index.ts";
import { mergeSlot } from "../../lib/cluster/index/slot_merge.ts";
import { cachedAddress, isAtPlace, packAddress } from "../../lib/cluster/index/packed_address.ts";
import {
  ALONE_PLACE,
  decodeEntry,
  decodeRecordAt,
  encodeBatch,
  encodeMoved,
  type LogRecord,
  NO_ORIGIN,
  recordBytes,
} from "../../lib/cluster/messages/log_codec.ts";
import {
  BATCH_BYTES_MAX,
  limitsOf,
  MESSAGE_BYTES_MAX,
  messageBytesFor,
  messageBytesOf,
  payloadBytesFor,
  PLAIN_MESSAGE_BYTES_MAX,
} from "../../lib/cluster/messages/message_limits.ts";
import { encodeRouted } from "../../lib/cluster/network/cluster_frames.ts";
import {
  type ExecutedAnswer,
  NodeSession,
  type RequestFacts,
} from "../../lib/cluster/network/node_session.ts";
import { decodePageAnswer, encodePageAnswer } from "../../lib/cluster/network/page_calls.ts";
import { clusterFrameBytesMax } from "../../lib/cluster/network/record_sizes.ts";
import { findRecords } from "../../lib/cluster/node/found_records.ts";
import { KeyTable, nameOf } from "../../lib/cluster/node/key_table.ts";
import { indexStream, logStream } from "../../lib/cluster/node/log_streams.ts";
import type { RecordAddress } from "../../lib/cluster/node/record_table.ts";
import type { WaitingRequest } from "../../lib/cluster/node/requests.ts";
import { OpenBytes } from "../../lib/gateway/open_bytes.ts";
import { decodeAnswers } from "../../lib/gateway/request_frames.ts";
import { RECORD_REQUEST_POSITION } from "../../lib/log/record_layout.ts";
import { Operation, REQUEST_RECORD, Status } from "../../lib/rings/ring_layout.ts";
import { FrameError, WIRE_HEADER_BYTES } from "../../lib/wire/frame.ts";
import {
  deleteOf,
  getOf,
  HASH_KEY,
  slotOfKey,
  touchOf,
} from "../support/cluster/cluster_requests.ts";
import { SimEngine } from "../support/cluster/sim_log_engine.ts";
import { SimProcess, SimTime } from "../support/cluster/sim_processes.ts";
import { Random } from "../support/random.ts";

const encoder = new TextEncoder();
const MIB = 1024 * 1024;
const ADDRESS = { node: 1, sequence: 7, place: 40 };

function recordOf(name: string, bytes: number, version = 1): LogRecord {
  const key = { bytes: encoder.encode(name), isBinary: false };
  const value = new Uint8Array(bytes).fill(version);
  return { key, version, value, expiresAtMs: Infinity, origin: NO_ORIGIN };
}

test("a record that is larger than a batch may be has a message to itself, and place 0", () => {
  for (const encode of [encodeBatch, encodeMoved]) {
    const large = recordOf("a", BATCH_BYTES_MAX);
    const { bytes, places } = encode(5, [large]);
    assert.equal(places, [ALONE_PLACE]);
    const entry = decodeEntry(bytes);
    assert.equal(entry, {
      kind: encode === encodeBatch ? "batch" : "moved",
      term: 5,
      records: [large],
      places: [ALONE_PLACE],
    });
    assert.equal(decodeRecordAt(bytes, ALONE_PLACE), large);
    assert.throws(() => encode(5, [large, recordOf("b", 1)]), /has one record/);
    const small = encode(5, [recordOf("a", 10), recordOf("b", 10)]);
    assert.ok(small.places.every((place) => place > ALONE_PLACE));
  }
});

test("an address that is packed says whether its record is alone", () => {
  for (const sequence of [1, 2 ** 33 + 5]) {
    const address = { node: 1023, sequence, place: ALONE_PLACE };
    assert.equal(cachedAddress(...packAddress(address)), address);
  }
  const { places } = encodeBatch(1, [recordOf("a", 0), recordOf("b", 0)]);
  for (const place of places) assert.not.ok(isAtPlace(place, ALONE_PLACE));
});

test("the limit of a cluster is what its servers take, and at most that of one machine", () => {
  for (const payload of [MIB, 3_000_000, 8 * MIB, 64 * MIB]) {
    const messageBytes = messageBytesFor(payload);
    assert.ok(payloadBytesFor(messageBytes) <= payload && messageBytes <= MESSAGE_BYTES_MAX);
    assert.ok(messageBytes === MESSAGE_BYTES_MAX || payload - messageBytes < 8192);
    assert.is(messageBytesOf(limitsOf(messageBytes).recordBytes), messageBytes);
  }
  const settings = { format: STREAM_FORMAT, messageBytes: 2 * MIB } as Settings;
  assert.is(messageBytesIn(settings), 2 * MIB);
  assert.is(messageBytesIn({ ...settings, format: 3 }), 2 * MIB);
  assert.is(messageBytesIn({ ...settings, format: 2 }), PLAIN_MESSAGE_BYTES_MAX);
  assert.is(messageBytesIn({ ...settings, messageBytes: 9 * MIB }), undefined);
  assert.is(messageBytesIn({ ...settings, messageBytes: 1000 }), undefined);
  for (const format of [1, STREAM_FORMAT + 1]) {
    assert.is(messageBytesIn({ ...settings, format }), undefined);
  }
});

test("what is let in is bounded in bytes, in the order in which it comes", () => {
  const gate = new ByteGate(100);
  const begun: string[] = [];
  const leaves = new Map<string, () => void>();
  const enter = (name: string, bytes: number) =>
    gate.enter(bytes, (leave) => {
      begun.push(name);
      leaves.set(name, leave);
    });
  enter("a", 60);
  enter("b", 500);
  enter("c", 30);
  assert.equal(begun, ["a"], "the small one does not overtake the large one");
  leaves.get("a")!();
  leaves.get("a")!();
  assert.equal([begun, gate.bytes], [["a", "b"], 500]);
  leaves.get("b")!();
  enter("d", 70);
  assert.equal([begun, gate.bytes], [["a", "b", "c", "d"], 100]);
  // What ends at once lets the next one in.
  for (let i = 0; i < 20_000; i++) gate.enter(90, (leave) => leave());
  leaves.get("d")!();
  leaves.get("c")!();
  assert.is(gate.bytes, 0);
});

test("one large request is open beside the others", () => {
  const open = new OpenBytes();
  for (let i = 0; i < 10; i++) open.add(100_000);
  assert.ok(open.hasRoomFor(8 * MIB) && !open.hasRoomFor(100_000));
  open.add(8 * MIB);
  assert.ok(!open.hasRoomFor(600_000) && !open.isTooMuch);
  open.add(600_000);
  assert.ok(open.isTooMuch);
  open.remove(8 * MIB);
  open.remove(600_000);
  for (let i = 0; i < 10; i++) open.remove(100_000);
  assert.equal([open.bytes, open.hasRoomFor(600_000)], [0, true]);
});

/** Finds what requests of large values need; returns what is found and how many are decided. */
function find(requests: readonly WaitingRequest["request"][], valueBytes: number) {
  const table = new KeyTable(HASH_KEY);
  for (const name of ["a", "b", "c"]) table.merge(recordOf(name, valueBytes), ADDRESS);
  const members = requests.map((request): WaitingRequest => ({ request, bytes: 50, done() {} }));
  let result: { bytes: number; count: number; sizes: (number | undefined)[] };
  findRecords(table, members, 1000, (found, count) => {
    const values = [...found.values()].map((record) => record?.value?.length ?? 0);
    const bytes = values.reduce((sum, length) => sum + length, 0);
    result = { bytes, count, sizes: members.map(({ foundBytes }) => foundBytes) };
  });
  return result!;
}

test("what requests of one append need of large values is bounded", () => {
  const touches = ["a", "b", "c"].map((key) => touchOf(key, 2e12));
  const large = find(touches, 5000);
  assert.equal([large.count, large.sizes], [1, [undefined, 5000, 5000]]);
  assert.ok(large.bytes < 5200, `${large.bytes} bytes`);
  assert.is(find(touches, 500).count, 3, "small ones are written together");
  const deletes = find(["a", "b", "c"].map((key) => deleteOf(key)), 5000);
  assert.ok(deletes.count === 3 && deletes.bytes < 200, `${deletes.bytes} bytes for versions`);
  // The delete of what the last one reads needs no value, and is decided in any case.
  const mixed = find([deleteOf("b"), getOf("a"), getOf("b")], 5000);
  assert.equal([mixed.count, mixed.sizes], [2, [undefined, undefined, 5000]]);
});

test("a page has its values behind its keys, and is refused if it has not", () => {
  const records = [recordOf("a", 3), recordOf("b", 0, 2), recordOf("c", 2 * MIB, 3)];
  const page = { records, slotCount: 7, after: encoder.encode("c"), isRefused: false };
  for (const withValues of [true, false]) {
    const bytes = encodePageAnswer(page, withValues);
    assert.ok(withValues || bytes.length < 1000);
    assert.ok(bytes.length < clusterFrameBytesMax(3 * MIB));
    const answer = decodePageAnswer(bytes);
    assert.equal([answer.slotCount, answer.after, answer.isRefused], [7, page.after, false]);
    answer.entries.forEach(({ key, value, version }, i) => {
      assert.equal(
        [key, value, version],
        [records[i]!.key, withValues ? records[i]!.value : undefined, records[i]!.version],
      );
    });
  }
  const bytes = encodePageAnswer({ ...page, records: records.slice(0, 2) }, true);
  for (let length = 0; length < bytes.length; length++) {
    assert.throws(() => decodePageAnswer(bytes.subarray(0, length)), isFrameError);
  }
  const more = new Uint8Array(bytes.length + 1);
  more.set(bytes);
  assert.throws(() => decodePageAnswer(more), isFrameError);
});

function isFrameError(error: unknown): boolean {
  return error instanceof FrameError;
}

/**
 * A session whose node does what a test tells it, and whose connection takes bytes when it is told.
 */
function session() {
  const writer = new RequestWriter(0);
  const key = new KeyEncoder(...HASH_KEY);
  const begun: { facts: RequestFacts; done: (answer: ExecutedAnswer) => void }[] = [];
  const frames: Uint8Array[] = [];
  const made = new NodeSession({
    session: 1,
    executor: {
      isCrowded: false,
      clockMs: () => 0,
      execute: (_words, facts, done) => void begun.push({ facts, done }),
    },
    rules: { hashKey: HASH_KEY, keyTypes: 1 },
    isOwn: false,
    write: (bytes) => {
      frames.push(bytes);
      return false;
    },
  });
  const requests = Array.from({ length: 8 }, (_, i) => {
    key.encode(`key ${i}`);
    const words = writer.copy(draftOfKey(Operation.GET, key));
    words[REQUEST_RECORD + RECORD_REQUEST_POSITION] = i + 1;
    return { assignedAt: 1, ageMs: 0, copiedReads: 0, words };
  });
  const frame = encodeRouted({ confirmed: 0, returned: 0, welcomeMs: 0, recalled: 0, requests });
  made.receive(frame.slice(WIRE_HEADER_BYTES));
  const answer = (i: number, bytes: number) =>
    begun[i]!.done({
      status: Status.FOUND,
      version: 1,
      expiresAtMs: Infinity,
      content: new Uint8Array(bytes),
    });
  const drain = async () => {
    made.drain();
    await Promise.resolve();
  };
  return { made, begun, frames, answer, drain };
}

test("answers that a connection does not take are no frame that is too long", async () => {
  const { begun, frames, answer, drain } = session();
  assert.is(begun.length, 8);
  for (let i = 0; i < 8; i++) answer(i, 450_000);
  for (let i = 0; i < 8; i++) await drain();
  const numbers = frames.flatMap((frame) => {
    assert.ok(frame.length <= clusterFrameBytesMax(PLAIN_MESSAGE_BYTES_MAX), `${frame.length}`);
    return decodeAnswers(frame.slice(WIRE_HEADER_BYTES)).map(({ number }) => number);
  });
  assert.equal(numbers, [1, 2, 3, 4, 5, 6, 7, 8]);
});

test("large values are read for a connection when it has taken those before", async () => {
  const { made, begun, answer, drain } = session();
  const read: number[] = [];
  const ask = (i: number, bytes: number) => {
    const { room, number } = begun[i]!.facts;
    room(number, bytes, () => read.push(i));
  };
  ask(0, 400_000);
  ask(1, 400_000);
  ask(2, 5 * MIB);
  ask(3, 5 * MIB);
  assert.equal(read, [0, 1]);
  // It was not there, and is read somewhere else.
  ask(1, 500_000);
  assert.equal(read, [0, 1], "in its turn");
  answer(0, 400_000);
  await Promise.resolve();
  assert.equal(read, [0, 1], "the answer was not taken");
  await drain();
  assert.equal(read, [0, 1, 2]);
  answer(2, 5 * MIB);
  await Promise.resolve();
  assert.equal(read, [0, 1, 2], "written, and not taken");
  await drain();
  assert.equal(read, [0, 1, 2, 3]);
  ask(4, 3 * MIB);
  made.close();
  assert.equal(
    read.toSorted(),
    [0, 1, 1, 2, 3, 4],
    "nothing waits for a connection that is closed",
  );
});

/** Messages of logs that have 100 bytes of records, or one record of up to 5,000. */
const LIMITS = { batchBytes: 100, recordBytes: 5000 };

/** What a node reads and writes, so many bytes at a time. */
function simulatedIo(readBytesMax: number) {
  const time = new SimTime();
  const engine = new SimEngine(time, new Random(1));
  const process = new SimProcess(time);
  engine.create(logStream(1));
  engine.create(indexStream(1));
  return { time, engine, io: new IndexIo(engine.connect(process), process, LIMITS, readBytesMax) };
}

/** Stores a record in the log of node 1; returns where it is. */
function storeRecord(engine: SimEngine, record: LogRecord): RecordAddress {
  const { bytes, places } = encodeBatch(1, [record], LIMITS.batchBytes);
  const stored = engine.store(logStream(1), "records", bytes, undefined);
  return { node: 1, sequence: (stored as { sequence: number }).sequence, place: places[0]! };
}

/** A node's table of keys with values of some sizes, in its log. */
function tableOf(names: readonly string[], bytesOf: (i: number) => number, cacheBytes: number) {
  const { time, engine, io } = simulatedIo(7000);
  const table = new IndexedTable({ io, hashKey: HASH_KEY, cacheBytes, cachePolicy: "marginal" });
  names.forEach((name, i) => {
    const record = recordOf(name, bytesOf(i), i + 1);
    const address = storeRecord(engine, record);
    const slot = table.slots.get(slotOfKey(name)) ?? table.begin(slotOfKey(name));
    slot.isComing = false;
    table.merge(record, address);
  });
  return { time, engine, table };
}

test("a large value does not take the place of small ones that are asked for", () => {
  const names = Array.from({ length: 12 }, (_, i) => `key ${i}`);
  // All small ones have room in the cache, and a large one if none of those is there.
  const { time, table } = tableOf(names, (i) => i < 10 ? 10 : 4000, 5500);
  const key = new KeyEncoder(...HASH_KEY);
  const read = (name: string) => {
    const stored = { bytes: encoder.encode(name), isBinary: false };
    table.find(stored, key.encode(name), () => {});
    time.run(200);
  };
  const small = names.slice(0, 10);
  for (let round = 0; round < 5; round++) for (const name of small) read(name);
  for (let round = 0; round < 3; round++) for (const name of names.slice(10)) read(name);
  const { valueHits } = table.stats;
  for (const name of small) read(name);
  assert.is(table.stats.valueHits - valueHits, small.length);
  assert.ok(table.stats.cacheBytes <= 5500);
});

test("a node reads so much at a time, and asks who reads whether there is room", () => {
  const names = Array.from({ length: 20 }, (_, i) => `key ${i}`);
  const { time, engine, table } = tableOf(names, (i) => i % 2 === 0 ? 4000 : 10, 0);
  const asked: number[] = [];
  const found: number[] = [];
  const key = new KeyEncoder(...HASH_KEY);
  names.forEach((name, i) => {
    const room = (number: number, bytes: number, go: () => void) => {
      asked.push(bytes);
      assert.is(number, i);
      go();
    };
    const stored = { bytes: encoder.encode(name), isBinary: false };
    const take = (record: LogRecord | undefined) => found.push(record!.version);
    table.find(stored, key.encode(name), take, { number: i, room });
  });
  time.run(5000);
  assert.equal(found.toSorted((a, b) => a - b), names.map((_, i) => i + 1));
  assert.ok(engine.readBytesMost > 4000 && engine.readBytesMost <= 7000, `${engine.readBytesMost}`);
  assert.is(asked.filter((bytes) => bytes >= 4000).length, 10);
  assert.ok(asked.every((bytes) => bytes < 100 || bytes < 5200));
});

test("records that are moved share a message, and a large one has one to itself", () => {
  const { time, engine, io } = simulatedIo(7000);
  const slot = new SlotIndex(0);
  const records = [10, 4000, 10, 10, 3000, 2000, 10, 80, 80].map((bytes, i) =>
    recordOf(`key ${i}`, bytes, i + 1)
  );
  records.forEach((record, hash) => {
    const { key, version } = record;
    const address = storeRecord(engine, record);
    const bytes = recordBytes(record);
    slot.take({ key, name: nameOf(key), hash, version, address, bytes, isDelete: false });
  });
  const targets = { logFrom: () => records.length + 1, indexFrom: () => 0 };
  let isDone = false;
  const parts = { io, node: 1, term: 1, pageBytes: 4096, targets, isOn: () => true };
  mergeSlot(parts, slot, () => isDone = true);
  time.run(5000);
  assert.ok(isDone);
  const moved = engine.messagesOf(logStream(1)).slice(records.length).map(({ body }) => {
    const entry = decodeEntry(body);
    return entry.kind === "moved" ? entry.records.map(({ version }) => version) : [];
  });
  assert.equal(moved, [[1], [2], [3, 4], [5], [6], [7], [8], [9]]);
  assert.is(io.moves.bytes, 0);
});

test("what is not wanted any more when it may be read gives its memory back", () => {
  const { time, engine, io } = simulatedIo(7000);
  const addresses = ["a", "b", "c"].map((name) => storeRecord(engine, recordOf(name, 4000)));
  const read: unknown[] = [];
  addresses.forEach((address, i) => {
    const isWanted = () => i !== 1;
    io.readRecord(address, isWanted, (message) => read[i] = message?.sequence);
  });
  time.run(5000);
  assert.equal(read, [1, undefined, 3]);
});

test.run();
