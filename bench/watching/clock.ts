/**
 * One clock for two threads, whose own begin at different moments on Bun and Deno.
 *
 * One thread asks for the time of the other, again and again, and takes the answer that came
 * soonest: it is of the middle of the time that this took, give or take half of it, which is less
 * than a microsecond.
 *
 * @module
 */
import process from "node:process";

/** Words: the number of the question, and of the answer. */
const ASKED = 0;
const ANSWERED = 1;
const QUESTIONS = 2000;

export interface SharedClock {
  words: Int32Array;
  /** The time of the answer. */
  answer: Float64Array;
}

export function makeSharedClock(): SharedClock {
  return {
    words: new Int32Array(new SharedArrayBuffer(8)),
    answer: new Float64Array(new SharedArrayBuffer(8)),
  };
}

/** The time of this thread in microseconds. */
export function nowUs(): number {
  return Number(process.hrtime.bigint()) / 1000;
}

/** Answers all questions. */
export function answerClock({ words, answer }: SharedClock): void {
  for (let question = 1; question <= QUESTIONS; question++) {
    while (Atomics.load(words, ASKED) < question);
    answer[0] = nowUs();
    Atomics.store(words, ANSWERED, question);
  }
}

/** What the clock of the thread that answers shows more than that of this one, in microseconds. */
export function clockOffsetUs({ words, answer }: SharedClock): number {
  let [leastUs, offsetUs] = [Infinity, 0];
  for (let question = 1; question <= QUESTIONS; question++) {
    const askedUs = nowUs();
    Atomics.store(words, ASKED, question);
    while (Atomics.load(words, ANSWERED) < question);
    const tookUs = nowUs() - askedUs;
    if (tookUs >= leastUs) continue;
    leastUs = tookUs;
    offsetUs = answer[0]! - (askedUs + tookUs / 2);
  }
  return offsetUs;
}
