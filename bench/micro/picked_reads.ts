/**
 * Reads of one field of large objects, beside reads of all of them.
 *
 * @module
 */
import { open } from "../../mod.ts";
import {
  type Customer,
  makeKey,
  makeValues,
  type Order,
  VALUE_BYTES_LARGE,
} from "../workloads/records.ts";
import { type MicroCase, repeated } from "./cases.ts";

/** A customer with a history, most of which is objects and numbers. */
interface Account extends Customer {
  history: { orders: Order[]; visits: number[] }[];
  last: { city: string };
}

/** Objects of one size, a power of two. */
const OBJECT_COUNT = 1 << 8;
const SEED = 1;

const SIZES = [["1 KiB", 1024], ["10 KiB", 10 * 1024], ["100 KiB", 100 * 1024]] as const;

/** Bytes that a year of history takes. */
const YEAR_BYTES = 330;

/** Makes the cases, calls `measure` with them, and gives back what they hold. */
export async function withPickedReadCases(
  measure: (cases: readonly MicroCase[]) => Promise<void>,
): Promise<void> {
  await using store = await open<Account>({ capacity: "128MiB" });
  const first = store.pick("name");
  const last = store.pick("last.city");
  const customers = makeValues(SEED, VALUE_BYTES_LARGE).slice(0, OBJECT_COUNT);
  const cases: MicroCase[] = [];
  for (const [size, bytes] of SIZES) {
    const keys = customers.map((_, i) => `${size} ${makeKey(i)}`);
    await store.putMany(keys.map((key, i) => [key, accountOf(customers[i], bytes)]));
    const key = (i: number) => keys[i & (OBJECT_COUNT - 1)];
    cases.push(
      repeated(`store: getSync ${size}`, (i) => expectFound(store.getSync(key(i)))),
      repeated(`store: first field of ${size}`, (i) => expectFound(first.getSync(key(i)))),
      repeated(`store: last field of ${size}`, (i) => expectFound(last.getSync(key(i)))),
    );
  }
  await measure(cases);
}

function accountOf(customer: Customer, bytes: number): Account {
  const { orders = [], visits = [] } = customer;
  const year = { orders: orders.slice(0, 4), visits };
  const yearCount = Math.floor((bytes - VALUE_BYTES_LARGE) / YEAR_BYTES);
  const history = Array.from({ length: yearCount }, () => year);
  return { ...customer, history, last: customer.home };
}

function expectFound(value: object | undefined): void {
  if (value === undefined) throw new Error("microbenchmark of picked reads: an object is missing");
}
