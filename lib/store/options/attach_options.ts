/**
 * The options of `attach`.
 *
 * @module
 */
import type { CodecOption } from "../../codec/codec.ts";
import type { Bytes } from "../../core/units.ts";

/** What `attach` takes beside the handle. */
export interface AttachOptions<V = unknown> {
  /**
   * The codec, if the store was opened with one of the application's own: functions cannot be sent
   * to another thread.
   */
  codec?: CodecOption<V> | undefined;
  /** Bytes of decoded values that this thread keeps, like the option of `open`. @default none */
  cache?: Bytes | undefined;
  /** Whether the attached store keeps this thread alive while it is idle. @default false */
  keepAlive?: boolean | undefined;
}
