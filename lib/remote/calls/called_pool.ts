/**
 * What answers the calls of other processes, in the gateway thread of the process that has the
 * pool.
 *
 * @module
 */
import { InvalidArgumentError } from "../../core/errors.ts";
import type { DirectPool } from "../../store/parts/used_pool.ts";
import type { WatchSource } from "../../watch/watch_source.ts";
import { type CallRequest, decodeRequest, type HostRequest } from "./call_requests.ts";
import { watchChanges, watchParts } from "../../watch/called_watches.ts";
import { readMoment } from "./moment_reader.ts";
import { PageReader } from "./page_reader.ts";
import { PrefixSource } from "../../watch/prefix_source.ts";

/** What a call is answered with. */
export type Answer = (content: Uint8Array, signal: AbortSignal) => AsyncIterable<Uint8Array>;

/** What calls are answered with. */
export interface CalledPoolOptions {
  /** A near pool. */
  readonly direct: DirectPool;
  /** The watches of this thread, which has no other ones. */
  readonly watches: WatchSource;
  /** Passes a request on to the thread that has opened the pool. */
  readonly askHost: Answer;
}

const HOST_OPERATIONS: Readonly<Record<HostRequest["op"], true>> = {
  stats: true,
  picture: true,
  sync: true,
  scale: true,
  snapshot: true,
  backup: true,
  compact: true,
  grow: true,
  events: true,
};

/** Makes what answers the calls of all connections of a thread. */
export function answerCalls({ direct, watches, askHost }: CalledPoolOptions): Answer {
  const pages = new PageReader(direct.pool, direct.reader);
  const prefixes = new PrefixSource(watches);
  return (content, signal) => {
    const { head, list } = decodeRequest(content);
    switch (head.op) {
      case "page":
        return once(() => pages.read(head, signal));
      case "moment":
        return readMoment(direct, list, signal);
      case "parts":
        return watchParts(watches, head, signal);
      case "changes":
        return watchChanges(prefixes, head, signal);
      default:
        return isForHost(head) ? askHost(content, signal) : refuse();
    }
  };
}

/** Whether a request is one for the thread that has opened the pool. */
export function isForHost({ op }: CallRequest): boolean {
  return typeof op === "string" && Object.hasOwn(HOST_OPERATIONS, op);
}

async function* once(make: () => Promise<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield await make();
}

function refuse(): never {
  throw new InvalidArgumentError(
    "op must be one that the process knows that has the pool open: it may have an older version",
  );
}
