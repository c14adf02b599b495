/**
 * Whether a store can be used: it is open, has failed, or has been closed, here or by its host.
 *
 * @module
 */
import { type DinomoError, ReadOnlyError, StoreClosedError } from "../../core/errors.ts";

/** Whether a store is open for all who use it, by its pool. */
export interface PoolLife {
  readonly isReadOnly: boolean;
  readonly isOpen: boolean;
  /** Why the store is not open, although this thread has not closed it. */
  closedError(): DinomoError;
  /**
   * Refuses a method that blocks.
   *
   * @throws {DinomoError} when this thread cannot wait for answers but in the event loop
   */
  assertBlocks(method: string): void;
}

/** The life of one thread's store. */
export class StoreLifetime {
  /** Whether the store was opened to be read only. */
  readonly isReadOnly: boolean;
  #pool: PoolLife;
  #failure: DinomoError | undefined;
  #isClosing = false;
  #isLetGo = false;

  /** Begins the life of a store with a pool. */
  constructor(pool: PoolLife) {
    this.#pool = pool;
    this.isReadOnly = pool.isReadOnly;
  }

  /** Whether the store cannot go on. */
  get hasFailed(): boolean {
    return this.#failure !== undefined;
  }

  /** Whether the store has been closed by this thread, or is being. */
  get isClosing(): boolean {
    return this.#isClosing;
  }

  /** Whether nothing leads to the pool any more. */
  get isLetGo(): boolean {
    return this.#isLetGo;
  }

  /** Ends the store because it cannot go on. */
  fail(error: DinomoError): void {
    this.#failure ??= error;
  }

  /** The store is being closed: what is issued from now on is refused. */
  beginClosing(): void {
    this.#isClosing = true;
  }

  /** Lets go of the pool, of a store that is closed. */
  letGo(): void {
    this.#isLetGo = true;
    this.#pool = undefined as never;
  }

  /** Throws when the store cannot be used. */
  assertOpen(): void {
    this.assertNotFailed();
    if (!this.#isClosing && this.#pool.isOpen) return;
    if (!this.#isClosing) throw this.#pool.closedError();
    throw new StoreClosedError("the store must be open, and has been closed");
  }

  /**
   * Throws when the store cannot be used, or must not be changed.
   *
   * @param method what would change it
   */
  assertWritable(method: string): void {
    this.assertOpen();
    if (!this.isReadOnly) return;
    throw new ReadOnlyError(
      `${method} must be called on a store that may be changed, ` +
        "got a call on one that was opened with readOnly",
    );
  }

  /**
   * Throws when the store cannot be used, or this thread cannot wait for it without a turn of the
   * event loop.
   *
   * @param method what would block
   */
  assertBlocks(method: string): void {
    this.assertOpen();
    this.#pool.assertBlocks(method);
  }

  /** Throws when operations that were issued before cannot end. */
  assertNotFailed(): void {
    if (this.#failure === undefined) return;
    if (this.#failure instanceof StoreClosedError) throw this.#failure;
    throw new StoreClosedError(
      `the store has failed and must be opened again: ${this.#failure.message}`,
    );
  }
}
