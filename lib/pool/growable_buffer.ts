/**
 * Shared buffers that grow as they are used.
 *
 * A buffer has its whole address space from the beginning, and a length up to which it can be
 * accessed. Bun decides by the lengths of shared buffers, touched or not, when it collects garbage:
 * what nothing is stored in yet must not count.
 *
 * **Why growing is safe beside readers and writers in other threads:**
 *
 * 1. *A length only grows, and what is there stays where it is.* So a view that was made before is
 *    as good as it was: it shows the same memory as a new one, only less of it. New pages are zero.
 * 2. *The thread that is the first to need the memory grows it*, before it tells another thread of
 *    it: the one that opens a segment, hands out buckets, or makes a view of a ring. There is no
 *    lock that a dying thread could take along, and no word that could be published too early or
 *    too late: `grow` is one atomic operation, and `byteLength` is the published word. (ECMAScript
 *    makes both sequentially consistent.) Of two threads that grow at one time one may find the
 *    buffer longer than it wants: `grow` refuses to shrink it, and the thread has what it needs.
 * 3. *Views have a fixed length*, since those that follow the buffer's length cost 13 to 24 ns per
 *    access instead of 0.5. So each thread compares an address with the length of its view before
 *    it uses it, and **makes its view anew when the address lies beyond it**.
 * 4. *The new view reaches the address.* A reader has the address from a shared word (an index
 *    word, a link, a completion), which it loads with `Atomics` or under a lock. The writer grew
 *    the buffer before it wrote there, and wrote before it published that word. So the reader's
 *    load of `byteLength`, which comes later, sees that length or a greater one. This holds as well
 *    for a reader that is late, and finds that the record is gone: an address that has been in a
 *    shared word has memory for good.
 * 5. *A thread learns nothing.* There is no message and no epoch: KNs, clients, DPM processors, the
 *    host and a thread that attaches later all do the same, each when it meets an address that it
 *    cannot see.
 * 6. *Lengths are multiples of what is handed out* (a segment, a bucket, a ring): if the first word
 *    is inside a view, so is the last.
 *
 * A length is not part of the file format, and a buffer never shrinks. A runtime that cannot grow
 * shared buffers has them at full length from the beginning.
 *
 * @module
 */

/** Whether this runtime can grow shared buffers. */
export const CAN_GROW: boolean = typeof SharedArrayBuffer.prototype.grow === "function";

/**
 * Allocates a zeroed buffer that can grow; its full length at once where the runtime cannot do
 * that.
 */
export function allocateGrowable(byteLength: number, maxByteLength: number): SharedArrayBuffer {
  if (!CAN_GROW) return new SharedArrayBuffer(maxByteLength);
  return new SharedArrayBuffer(byteLength, { maxByteLength });
}

/**
 * Makes sure that a buffer has a length; any thread may at any time.
 *
 * @returns false when the operating system has no memory for it
 */
export function growTo(buffer: SharedArrayBuffer, byteLength: number): boolean {
  if (buffer.byteLength >= byteLength) return true;
  try {
    buffer.grow(byteLength);
    return true;
  } catch {
    // Refused because another thread has grown it further, or because there is no memory.
    return buffer.byteLength >= byteLength;
  }
}
