/**
 * How a thread waits for the answers of another process: with its event loop turning while that
 * pays, asleep where it does not.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { TurningWait } from "../../lib/gateway/turning_wait.ts";

/** As in the store. */
const TURNS_MS = 0.1;
const TURN_MS = 0.005;
const WAITS = 3000;

/** A thread whose answers take a time of their own when its event loop turns. */
class Thread {
  nowMs = 0;
  turnCount = 0;
  #next: (() => void) | undefined;
  readonly wait: TurningWait;

  constructor(turnsMs: number) {
    this.wait = new TurningWait({
      turnsMs,
      now: () => this.nowMs,
      nextTurn: (task) => {
        assert.is(this.#next, undefined, "one turn is awaited at a time");
        this.#next = task;
      },
    });
  }

  /** Waits for an answer; returns whether the event loop has turned. */
  answer(turningMs: number, sleepingMs: number): boolean {
    const before = this.turnCount;
    const beganMs = this.nowMs;
    this.wait.begin();
    while (this.#next !== undefined && this.nowMs - beganMs < turningMs) this.turn();
    const hasTurned = this.turnCount > before;
    this.nowMs = Math.max(this.nowMs, beganMs + (hasTurned ? turningMs : sleepingMs));
    this.wait.noteAnswer();
    return hasTurned;
  }

  turn(): void {
    const task = this.#next!;
    this.#next = undefined;
    this.turnCount += 1;
    this.nowMs += TURN_MS;
    task();
  }

  /** Runs what is left of turns that were begun. */
  settle(): void {
    while (this.#next !== undefined) this.turn();
  }

  /** How many of the last thousand of many waits were in turns. */
  many(turningMs: number, sleepingMs: number): number {
    let count = 0;
    for (let i = 0; i < WAITS; i++) {
      if (this.answer(turningMs, sleepingMs) && i >= WAITS - 1000) count += 1;
    }
    return count;
  }
}

test("the event loop turns while answers come sooner so, and else only to try again", () => {
  const thread = new Thread(TURNS_MS);
  assert.ok(thread.many(0.03, 0.07) > 900, "processors are idle");
  assert.ok(thread.many(0.07, 0.03) < 50, "processors are busy");
  assert.ok(thread.many(0.03, 0.07) > 900, "processors are idle again");
  assert.ok(thread.many(0.03, 0.031) < 50, "it makes no difference");
});

test("an answer that takes long is waited for in sleep", () => {
  const thread = new Thread(TURNS_MS);
  thread.turnCount = 0;
  assert.ok(thread.many(4, 4) < 50);
  // Each that was tried has turned until the time was up.
  const turnsMax = WAITS / 16 * TURNS_MS / TURN_MS;
  assert.ok(thread.turnCount < turnsMax, `${thread.turnCount} turns`);
});

test("without a time to turn, or an answer to wait for, the event loop is left alone", () => {
  const asleep = new Thread(0);
  asleep.many(0.03, 0.07);
  assert.is(asleep.turnCount, 0);
  const thread = new Thread(TURNS_MS);
  thread.many(0.03, 0.07);
  thread.settle();
  const { turnCount } = thread;
  thread.wait.noteAnswer();
  thread.wait.end();
  thread.settle();
  assert.is(thread.turnCount, turnCount);
  // One that has ended while its turns went on.
  for (let i = 0; i < 3; i++) {
    thread.wait.begin();
    thread.wait.begin();
    thread.wait.end();
    thread.settle();
  }
  assert.ok(thread.turnCount <= turnCount + 3, "a turn finds that nothing is waited for");
});

test.run();
