/**
 * Lines: what the words are divided into that different threads write.
 *
 * @module
 */

/** Words of a line, the unit of isolation between writers. */
export const LINE_WORDS = 32;
