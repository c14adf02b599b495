/**
 * Planted bugs in what comes back of a value, and in the structures that threads share.
 *
 * @module
 */
import type { PlantedBug } from "./planted_bug.ts";

const STRUCTURES = "test/unit/msgpack_structures.test.ts";
const CODEC = "test/unit/msgpack_codec.test.ts";
const VALUES = "test/property/values.test.ts";
const PICKED = "test/unit/msgpack_picker.test.ts";
const PICKER = "lib/codec/msgpack_picker.ts";
const WRITER = "lib/codec/msgpack_writer.ts";
const ENCODER = "lib/codec/msgpack_encoder.ts";
const SHARED = "lib/codec/shared_structures.ts";

/** Bugs of the codec. */
export const CODEC_BUGS: readonly PlantedBug[] = [
  {
    name: "minus zero is taken for zero",
    breaks: "I5",
    file: WRITER,
    edits: [["value >>> 0 === value && (value !== 0 || 1 / value > 0)", "value >>> 0 === value"]],
    caughtBy: [VALUES],
  },
  {
    name: "a long string is stored whether or not it is well-formed",
    breaks: "I5",
    file: WRITER,
    edits: [["if (!isDecodable(text)) return false;", ""]],
    caughtBy: [VALUES],
  },
  {
    name: "a value is not marked although it contains marked lists",
    breaks: "I5",
    file: ENCODER,
    edits: [["    this.#isMarked = true;\n", ""]],
    caughtBy: [VALUES],
  },
  {
    name: "a record refers to a structure of its value when it cannot be found by that",
    breaks: "I5",
    file: ENCODER,
    edits: [["this.#structures.count > ONE_BYTE_RECORDS &&", "true &&"]],
    caughtBy: [STRUCTURES],
  },
  {
    name: "what changes while it is stored is stored all the same",
    breaks: "I5",
    file: ENCODER,
    edits: [["if (list.length < length) throw", "if (list.length > length) throw"]],
    caughtBy: [CODEC],
  },
  {
    name: "numbers of structures are used that another thread has given to others",
    breaks: "I5",
    file: ENCODER,
    edits: [["while (!this.#isCurrent());", "while (this.#isCurrent() && false);"]],
    caughtBy: [STRUCTURES],
  },
  {
    name: "an inner value's save is not noticed by the value around it",
    breaks: "I5",
    file: SHARED,
    edits: [["if (this.#isLoaded) this.generation += 1;", ""]],
    caughtBy: [STRUCTURES],
  },
  {
    name: "structures of a refused value are kept",
    breaks: "I5",
    file: ENCODER,
    edits: [["      this.#structures.forget(structureCount);\n", ""]],
    caughtBy: [STRUCTURES],
  },
  {
    name: "what follows the extension of a set is not skipped with it",
    breaks: "I5",
    file: PICKER,
    edits: [["type === Extension.SET || type === Extension.REG_EXP ? 1 : 0", "0"]],
    caughtBy: [PICKED],
  },
  {
    name: "a name that UTF-8 cannot say is taken for the one that it is made",
    breaks: "I5",
    file: PICKER,
    edits: [["nameBytes.length !== length || !this.#isDecodable", "nameBytes.length !== length"]],
    caughtBy: [PICKED],
  },
  {
    name: "values behind the last part of an inner object are not skipped",
    breaks: "I5",
    file: PICKER,
    edits: [["if (!isLast) this.#skip(rest, true);", ""]],
    caughtBy: [PICKED],
  },
];
