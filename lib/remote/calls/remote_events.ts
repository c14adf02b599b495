/**
 * The events of the thread that has opened the pool, in another process.
 *
 * @module
 */
import {
  isEventType,
  type StoreEventDetails,
  type StoreEventType,
} from "../../store/parts/events.ts";
import { FrameError } from "../../wire/frame.ts";
import { ConnectionEndedError, type RemoteCalls } from "../remote_calls.ts";
import { decodeTagged } from "../../codec/tagged_bytes.ts";

/** Tells what happens to a store. */
export type Emit = <Type extends StoreEventType>(
  type: Type,
  detail: StoreEventDetails[Type],
) => void;

/** Tells of events until the store is closed; of those while there is no host nobody knows. */
export async function tellEvents(calls: RemoteCalls, emit: Emit): Promise<void> {
  for (;;) {
    try {
      for await (const item of calls.ask({ op: "events" })) {
        const { type, detail } = decodeTagged(item) as { type: unknown; detail: unknown };
        if (!isEventType(type)) throw new FrameError("an event must be one that there is");
        emit(type, detail as StoreEventDetails[typeof type]);
      }
    } catch (error) {
      if (!(error instanceof ConnectionEndedError)) return;
    }
  }
}
