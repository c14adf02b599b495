/**
 * What the keys of one append hold, as far as its requests need it, in bounded memory.
 *
 * Most requests ask for a version, or a number. Values are kept for those that read them or write
 * them again: that of the first one in any case, and others as long as they are few bytes. A
 * request whose value was not kept waits for the next append, with all behind it; it is the first
 * one then, or what comes before it takes no values.
 *
 * @module
 */
import { NUMBER_BYTES_MAX } from "../../codec/stored_numbers.ts";
import type { LogRecord } from "../messages/log_codec.ts";
import { nameOf } from "./key_table.ts";
import type { RecordTable } from "./record_table.ts";
import { asksForOld, asksForValue, type WaitingRequest } from "./requests.ts";

/** Newest records, by the names of keys; undefined where there is none. */
export type Found = ReadonlyMap<string, LogRecord | undefined>;

/**
 * Finds what the keys of requests hold for which that matters.
 *
 * @param bytesMax of values, beside one
 * @param done is told how many of the requests, from the first one on, can be decided
 */
export function findRecords(
  table: RecordTable,
  members: readonly WaitingRequest[],
  bytesMax: number,
  done: (found: Found, count: number) => void,
): void {
  const valued = members.filter(({ request }) => asksForValue(request));
  const names = new Set(valued.map(({ request }) => nameOf(request.key)));
  const [first] = names;
  const found = new Map<string, LogRecord | undefined>();
  /** Names of keys whose values were too much. */
  const left = new Map<string, number>();
  let bytes = 0;
  let missing = 1;
  const end = () => {
    missing -= 1;
    if (missing > 0) return;
    // One is decided at least: of the first one that needs a value it was kept.
    const isLeft = ({ request }: WaitingRequest) =>
      asksForValue(request) && left.has(nameOf(request.key));
    for (const member of members.filter(isLeft)) {
      member.foundBytes = left.get(nameOf(member.request.key))!;
    }
    const at = members.findIndex(isLeft);
    done(found, at === -1 ? members.length : at);
  };
  const take = (name: string, record: LogRecord | undefined) => {
    const valueBytes = record?.value?.length ?? 0;
    const isKept = name === first || names.has(name) && bytes + valueBytes <= bytesMax;
    if (isKept && name !== first) bytes += valueBytes;
    if (!isKept && names.has(name)) left.set(name, valueBytes);
    found.set(name, isKept ? record : withoutValue(record));
    end();
  };
  const asked = new Set<string>();
  for (const { request } of members) {
    const name = nameOf(request.key);
    if (!asksForOld(request)) continue;
    if (asked.has(name)) {
      table.shared();
      continue;
    }
    asked.add(name);
    missing += 1;
    table.find(request.key, request.hash, (record) => take(name, record));
  }
  end();
}

/** What there is to know of a record of which nobody wants the value, unless it is a number. */
function withoutValue(record: LogRecord | undefined): LogRecord | undefined {
  const value = record?.value;
  if (value === undefined || value.length <= NUMBER_BYTES_MAX) return record;
  // Still too long for one, and no view of its message.
  return { ...record!, value: value.slice(0, NUMBER_BYTES_MAX + 1) };
}
