/**
 * Shared structures: objects whose key names are kept once, by several threads at once, up to a
 * limit, and whatever goes wrong while they are saved.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { MsgpackCodec } from "../../lib/codec/msgpack_codec.ts";
import { DecodeError, PoolFullError } from "../../lib/core/errors.ts";
import { STRUCTURES_MAX } from "../../lib/core/limits.ts";
import { encoded, MemoryStructures, roundTrip } from "../support/structures.ts";
import { seeded } from "../support/random.ts";

type Values = MsgpackCodec<unknown>;

function codecs(count: number): { structures: MemoryStructures; all: Values[] } {
  const structures = new MemoryStructures();
  const all = Array.from({ length: count }, () => new MsgpackCodec<unknown>(structures));
  return { structures, all };
}

/** An object with a structure of its own. */
function shaped(shape: number, value: unknown = shape): Record<string, unknown> {
  return { [`field ${shape}`]: value, common: shape };
}

test("key names are stored once, and values shrink by them", () => {
  const { structures, all: [writer] } = codecs(1);
  const first = encoded(writer!, { firstName: "Ada", lastName: "Lovelace" });
  const second = encoded(writer!, { firstName: "Bob", lastName: "Marley" });
  assert.equal(structures.structures, [["firstName", "lastName"]]);
  const text = new TextDecoder().decode(second.bytes.subarray(0, second.length));
  assert.not.match(text, "firstName");
  assert.ok(first.length <= second.length + 10);
});

test("where structures may be lost none is added, so that none is mistaken for a lost one", () => {
  const old = encoded(new MsgpackCodec<unknown>(new MemoryStructures()), { user: "u", role: "r" });
  const left = new MemoryStructures();
  new MsgpackCodec<unknown>(left).closeStructures();
  for (let session = 0; session < 3; session++) {
    const codec = new MsgpackCodec<unknown>(left);
    if (session === 2) codec.closeStructures();
    assert.equal(roundTrip(codec, codec, { secret: 1, balance: 2 }), { secret: 1, balance: 2 });
    assert.throws(
      () => codec.decode(old.bytes, old.length),
      (error: unknown) => error instanceof DecodeError,
    );
    assert.is(left.structures.length, 1, "the mark that there will be no more");
  }
});

test("a value is encoded once, if no other thread adds structures meanwhile", () => {
  const { all: [writer] } = codecs(1);
  let calls = 0;
  for (let i = 0; i < 3; i++) {
    writer!.encode({
      get [`name ${i}`]() {
        return [{ [`inner ${i}`]: ++calls }];
      },
    });
  }
  assert.is(calls, 3);
});

test("another codec decodes what it has never encoded", () => {
  const { all: [writer, reader] } = codecs(2);
  for (let shape = 0; shape < 50; shape++) {
    assert.equal(roundTrip(writer!, reader!, shaped(shape)), shaped(shape));
  }
});

test("a codec made later decodes everything from before", () => {
  const { structures, all: [writer] } = codecs(1);
  const kept = Array.from({ length: 300 }, (_, shape) => encoded(writer!, shaped(shape)));
  const later = new MsgpackCodec<unknown>(structures);
  kept.forEach(({ bytes, length }, shape) => {
    assert.equal(later.decode(bytes, length), shaped(shape));
  });
});

test("beyond the limit objects carry their names, and nothing else changes", () => {
  const { structures, all: [writer, reader] } = codecs(2);
  const kept = Array.from({ length: 3 * STRUCTURES_MAX }, (_, shape) => {
    assert.equal(roundTrip(writer!, reader!, shaped(shape)), shaped(shape), `shape ${shape}`);
    return encoded(writer!, shaped(shape));
  });
  assert.ok(structures.structures.length <= STRUCTURES_MAX, `${structures.structures.length}`);
  kept.forEach(({ bytes, length }, shape) => {
    assert.equal(reader!.decode(bytes, length), shaped(shape), `shape ${shape}, afterwards`);
  });
});

test("dictionaries do not use up structures", () => {
  const { structures, all: [writer, reader] } = codecs(2);
  const wide = Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`user:${i}`, i]));
  const long = { ["x".repeat(3000)]: 1 };
  for (const value of [wide, long]) assert.equal(roundTrip(writer!, reader!, value), value);
  assert.equal(structures.structures, []);
});

test("dictionaries of one shape in one value, with few structures and with all of them", () => {
  const { structures, all: [writer, reader] } = codecs(2);
  const wide = (from: number) =>
    Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`user:${i}`, from + i]));
  const values = Array.from(
    { length: 30 },
    (_, shape) =>
      Array.from({ length: 4 }, (_, i) => ({ ...wide(i), [`more ${shape}`]: [wide(i), {}] })),
  );
  for (let count = 0; count <= STRUCTURES_MAX; count++) {
    writer!.encode(shaped(count));
    if (count > 2 && count < 30 || count > 35 && count < 125) continue;
    for (const value of [...values, values]) {
      assert.equal(roundTrip(writer!, reader!, value), value, `${count} structures`);
    }
  }
  assert.is(structures.structures.length, STRUCTURES_MAX);
  const [one, four] = [[wide(0)], [wide(0), wide(1), wide(2), wide(3)]]
    .map((value) => encoded(writer!, value).length);
  assert.ok(four! < 1.7 * one!, `names are written once: ${one}, ${four} bytes`);
});

test("a value that is stored within another adds structures, too, also if it is refused", () => {
  const { structures, all: [writer, reader] } = codecs(2);
  const inner = (value: unknown) => encoded(writer!, value);
  let stored: { bytes: Uint8Array; length: number } | undefined;
  const outer = {
    first: { a: 1 },
    get within() {
      stored = inner({ b: { c: 2 } });
      assert.throws(() => inner({ refused: Symbol("s") }));
      return { d: 3 };
    },
    last: { a: 4 },
  };
  const expected = { first: { a: 1 }, within: { d: 3 }, last: { a: 4 } };
  assert.equal(roundTrip(writer!, reader!, outer), expected);
  assert.equal(reader!.decode(stored!.bytes, stored!.length), { b: { c: 2 } });
  assert.equal(structures.structures.flat().includes("refused"), false);
  // Another thread is first while the inner value is saved: the outer one has to begin again.
  structures.beforeSave = () => {
    structures.beforeSave = () => {};
    reader!.encode({ taken: 1 });
  };
  let calls = 0;
  const again = {
    e: 1,
    get inside() {
      calls += 1;
      inner({ f: 1 });
      return { e: 5 };
    },
    last: { g: 6 },
  };
  const { bytes, length } = encoded(writer!, again);
  assert.equal(reader!.decode(bytes, length), { e: 1, inside: { e: 5 }, last: { g: 6 } });
  assert.is(structures.conflictCount, 1);
  assert.is(calls, 2);
});

test("nested objects have structures of their own", () => {
  const { all: [writer, reader] } = codecs(2);
  const value = { a: { b: { c: 1 } }, list: [{ x: 1, y: 2 }, { x: 3, y: 4 }, { y: 5, x: 6 }] };
  assert.equal(roundTrip(writer!, reader!, value), value);
  assert.equal(roundTrip(reader!, writer!, value), value);
});

test("key names are names: prototypes stay clean", () => {
  const { structures, all: [writer, reader] } = codecs(2);
  for (const text of ['{"__proto__":{"polluted":1},"a":1}', '{"constructor":{"prototype":1}}']) {
    const decoded = roundTrip(writer!, reader!, JSON.parse(text)) as Record<string, unknown>;
    assert.is(({} as Record<string, unknown>)["polluted"], undefined);
    assert.is(Object.getPrototypeOf(decoded), Object.prototype);
  }
  assert.ok(structures.structures.length >= 1);
});

test(
  "several codecs add structures at once, and all of them understand all values",
  seeded((random) => {
    const { structures, all } = codecs(4);
    const kept: { bytes: Uint8Array; length: number; value: unknown }[] = [];
    for (let i = 0; i < 2000; i++) {
      const shape = random.below(60);
      const value = random.below(2) === 0 ? shaped(shape, i) : [shaped(shape), shaped(shape + 1)];
      kept.push({ ...encoded(random.pick(all), value), value });
      const { bytes, length, value: expected } = random.pick(kept);
      assert.equal(random.pick(all).decode(bytes, length), expected, `step ${i}`);
    }
    const fresh = new MsgpackCodec<unknown>(structures);
    for (const { bytes, length, value } of kept) assert.equal(fresh.decode(bytes, length), value);
  }),
);

test("a codec that was not first takes over what the other has saved", () => {
  const { structures, all: [one, other] } = codecs(2);
  structures.beforeSave = () => {
    structures.beforeSave = () => {};
    other!.encode(shaped(1));
  };
  const kept = encoded(one!, shaped(2));
  assert.is(structures.conflictCount, 1);
  for (const codec of [one!, other!, new MsgpackCodec<unknown>(structures)]) {
    assert.equal(codec.decode(kept.bytes, kept.length), shaped(2));
  }
  assert.equal(roundTrip(other!, one!, shaped(1)), shaped(1));
});

test("when structures cannot be saved the value is refused, and what comes later is still readable", () => {
  const { structures, all: [writer] } = codecs(1);
  writer!.encode(shaped(0));
  structures.beforeSave = () => {
    throw new PoolFullError("the pool is full");
  };
  for (let i = 0; i < 3; i++) {
    assert.throws(() => writer!.encode(shaped(1)), (e: unknown) => e instanceof PoolFullError);
  }
  assert.equal(roundTrip(writer!, new MsgpackCodec<unknown>(structures), shaped(0)), shaped(0));
  structures.beforeSave = () => {};
  // Whether the structure is saved now or the names are carried along: others have to understand
  // it.
  const reader = new MsgpackCodec<unknown>(structures);
  for (const shape of [1, 2, 1, 0]) {
    assert.equal(roundTrip(writer!, reader, shaped(shape)), shaped(shape), `shape ${shape}`);
  }
});

test.run();
