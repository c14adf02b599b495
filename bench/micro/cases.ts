/**
 * The microbenchmarks: each part of the path of a get and of a put, and both as a whole. One call
 * of a case does `OPERATIONS_PER_CALL` operations, since most take less time than reading the
 * clock.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { NO_ADDRESS } from "../../lib/core/brands.ts";
import { halfSipHash13 } from "../../lib/core/half_sip_hash.ts";
import { MsgpackCodec } from "../../lib/codec/msgpack_codec.ts";
import { OneSidedReader } from "../../lib/index/one_sided_reader.ts";
import { RequestConsumer } from "../../lib/rings/request_consumer.ts";
import { RequestProducer } from "../../lib/rings/request_producer.ts";
import {
  createRing,
  Operation,
  packOperation,
  REQUEST_OPERATION,
  REQUEST_RECORD,
  Status,
} from "../../lib/rings/ring_layout.ts";
import { IN_FLIGHT_DEFAULT, RING_BYTES_DEFAULT } from "../../lib/core/limits.ts";
import { open, type Store } from "../../mod.ts";
import {
  type Customer,
  makeValues,
  VALUE_BYTES_LARGE,
  VALUE_BYTES_SMALL,
} from "../workloads/records.ts";
import { KEY_COUNT, PoolFixture } from "./pool_fixture.ts";

/** Operations of one call of a case. */
export const OPERATIONS_PER_CALL = 1000;

/** Requests that are published together, as concurrent puts of one tick are. */
const BATCH_REQUESTS = 8;

const SEED = 1;

export interface MicroCase {
  /** The part of the library, then what it does. */
  name: string;
  run(): void | Promise<void>;
}

/** Makes the cases, calls `measure` with them, and gives back what they hold. */
export async function withMicroCases(
  measure: (cases: readonly MicroCase[]) => Promise<void>,
): Promise<void> {
  const fixture = new PoolFixture();
  const store = await open<Customer>({ nodes: 1 });
  try {
    const { keys } = fixture;
    const values = makeValues(SEED, VALUE_BYTES_SMALL);
    await store.putMany(keys.map((key, i): [string, Customer] => [key, values[i % values.length]]));
    await measure([
      ...keyCases(fixture),
      ringCase(fixture),
      ...indexCases(fixture),
      ...codecCases("100 B", values),
      ...codecCases("1 KiB", makeValues(SEED, VALUE_BYTES_LARGE)),
      ...storeCases(store, keys, values),
    ]);
  } finally {
    await store.close();
  }
}

/** A case that does one operation after the other. */
export function repeated(name: string, operation: (i: number) => void): MicroCase {
  let next = 0;
  return {
    name,
    run: () => {
      for (let i = 0; i < OPERATIONS_PER_CALL; i++) operation(next++);
    },
  };
}

function awaited(name: string, operation: (i: number) => Promise<unknown>): MicroCase {
  let next = 0;
  return {
    name,
    run: async () => {
      for (let i = 0; i < OPERATIONS_PER_CALL; i++) await operation(next++);
    },
  };
}

/** A case that does nothing useful would look fast. */
function expect(holds: boolean, name: string): void {
  if (!holds) throw new Error(`microbenchmark ${name}: the result is wrong`);
}

function keyCases({ key, keys }: PoolFixture): MicroCase[] {
  key.encode(keys[0]);
  const words = key.words.slice();
  return [
    repeated("hash: HalfSipHash-1-3 of 16 bytes", (i) => {
      words[0] = i;
      halfSipHash13(1, 2, words, 0, 16);
    }),
    repeated("key: encode and hash 16 characters", (i) => key.encode(keys[i & (KEY_COUNT - 1)])),
  ];
}

/** Both ends of a ring in one thread, so without the time that a cache line takes between cores. */
function ringCase({ recordWords }: PoolFixture): MicroCase {
  const handle = createRing(RING_BYTES_DEFAULT, IN_FLIGHT_DEFAULT);
  const producer = new RequestProducer(handle);
  const consumer = new RequestConsumer(handle);
  const operation = packOperation(Operation.PUT, 0);
  const name = "ring: request and completion";
  return repeated(name, (i) => {
    const at = producer.claim(REQUEST_RECORD + recordWords);
    producer.words[at + REQUEST_OPERATION] = operation;
    if (i % BATCH_REQUESTS !== 0) return;
    producer.publish();
    while (consumer.poll() >= 0) consumer.complete(Status.OK, 0, 0, 0);
    consumer.publish();
    while (producer.hasCompletion()) producer.settle();
    expect(producer.inFlightCount === 0, name);
  });
}

function indexCases(fixture: PoolFixture): MicroCase[] {
  const { pool, key, keys, table } = fixture;
  const reader = new OneSidedReader(pool, Date.now);
  const encode = (i: number) => key.encode(keys[i & (KEY_COUNT - 1)]);
  const find = (slotAt: number) => table.find(slotAt, key.hash, key.words, 0, key.byteLength);
  const findName = "index: encode, find";
  const changeName = "index: encode, find, remove, insert";
  const readName = "reader: encode, find, copy 100 B";
  return [
    repeated(findName, (i) => {
      encode(i);
      expect(find(fixture.slotAt()) !== NO_ADDRESS, findName);
    }),
    repeated(changeName, (i) => {
      encode(i);
      const slotAt = fixture.slotAt();
      const address = find(slotAt);
      table.remove(slotAt);
      expect(table.insert(slotAt, key.hash, address), changeName);
    }),
    repeated("log: append a record of 100 B", () => void fixture.append()),
    repeated(readName, (i) => {
      encode(i);
      expect(reader.read(key, true), readName);
    }),
  ];
}

function codecCases(size: string, values: readonly Customer[]): MicroCase[] {
  const structures: { json: string; version: number }[] = [];
  const codec = new MsgpackCodec<Customer>({
    load: () => structures.at(-1),
    save: (json) => structures.push({ json, version: structures.length }) > 0,
  });
  const encoded = values.map((value) => {
    codec.encode(value);
    // A copy: the next encode writes over the codec's buffer.
    return Buffer.from(codec.bytes.subarray(codec.start, codec.end));
  });
  const mask = values.length - 1;
  const decodeName = `codec: decode ${size}`;
  return [
    repeated(`codec: encode ${size}`, (i) => codec.encode(values[i & mask])),
    repeated(decodeName, (i) => {
      const bytes = encoded[i & mask];
      expect(codec.decode(bytes, bytes.length).id === values[i & mask].id, decodeName);
    }),
  ];
}

function storeCases(
  store: Store<Customer>,
  keys: readonly string[],
  values: readonly Customer[],
): MicroCase[] {
  const key = (i: number) => keys[i & (KEY_COUNT - 1)];
  const value = (i: number) => values[i & (values.length - 1)];
  return [
    repeated("store: getSync 100 B", (i) => expect(store.getSync(key(i)) !== undefined, "getSync")),
    repeated("store: putSync 100 B", (i) => store.putSync(key(i), value(i))),
    awaited("store: get 100 B, awaited", (i) => store.get(key(i))),
    awaited("store: put 100 B, awaited", (i) => store.put(key(i), value(i))),
  ];
}
