/**
 * The structures of a pool: the lists of property names that its objects share, so that each record
 * carries a number instead of names. Objects get smaller by that, and are decoded two to three
 * times faster, by code that msgpackr generates for each structure.
 *
 * They are stored in the pool itself and change by compare-and-set, so that all threads agree on
 * them and they survive together with the values that need them. A thread finds the structure of an
 * object in a trie of names. One that it has not seen before is added there and then, and saved
 * before the value that needs it is: if another thread has added one meanwhile, its list is taken
 * over, and the value is encoded again.
 *
 * @module
 */
import { STRUCTURE_CHARS_MAX, STRUCTURE_KEYS_MAX, STRUCTURES_MAX } from "../core/limits.ts";

/** Where structures are kept. */
export interface StructureStore {
  /**
   * Loads the structures, and a version for {@linkcode save}; undefined when there are none yet.
   */
  load(): { readonly json: string; readonly version: number } | undefined;
  /**
   * Saves structures if the stored version is still `version`, or if there are none and it is null.
   */
  save(json: string, version: number | null): boolean;
  /**
   * Saves names later, where a thread cannot wait for it: until then objects that have them are
   * written without a structure. Undefined where {@linkcode save} does it at once.
   */
  saveLater?(names: readonly string[]): void;
}

/** No structure has these names. */
export const UNSHARED = -1;

/**
 * Name in the last structure of a pool that gets no more of them; no property can be called that by
 * accident.
 */
const CLOSED = "\0closed";

/** A list of names, as far as it has been followed. */
export class StructureNode {
  /** Number of the structure that ends here, or {@linkcode UNSHARED}. */
  id: number = UNSHARED;
  /** How many names lead here. */
  readonly depth: number;
  // Mostly one name can follow, and names are interned: a comparison is cheaper than a look-up.
  #name: string | undefined;
  #next: StructureNode | undefined;
  #others: Map<string, StructureNode> | undefined;

  /** Makes a node that so many names lead to. */
  constructor(depth: number) {
    this.depth = depth;
  }

  /** Where one more name leads; undefined if nowhere. */
  next(name: string): StructureNode | undefined {
    return this.#name === name ? this.#next : this.#others?.get(name);
  }

  /** Where names lead; undefined if nowhere. */
  find(names: readonly string[]): StructureNode | undefined {
    return names.reduce<StructureNode | undefined>((node, name) => node?.next(name), this);
  }

  /** Where names lead, which are added if need be. */
  reach(names: readonly string[]): StructureNode {
    return names.reduce<StructureNode>((node, name) => node.next(name) ?? node.#add(name), this);
  }

  #add(name: string): StructureNode {
    const node = new StructureNode(this.depth + 1);
    if (this.#next === undefined) {
      this.#name = name;
      this.#next = node;
    } else {
      this.#others ??= new Map();
      this.#others.set(name, node);
    }
    return node;
  }
}

/** The structures of a pool, as one thread knows them. */
export class SharedStructures {
  /** Where the names of an object are followed from. */
  root = new StructureNode(0);
  /** Changes when numbers that were given out are not valid any more. */
  generation = 0;
  #store: StructureStore;
  #structures: (readonly string[])[] = [];
  /** Structures that the pool has, too; those behind them are new. */
  #savedCount = 0;
  #isLoaded = false;
  #isClosed = false;

  /** Structures that are kept in `store`. */
  constructor(store: StructureStore) {
    this.#store = store;
  }

  /** How many there are. */
  get count(): number {
    return this.#structures.length;
  }

  /** The structures of the pool as it has them now. */
  load(): string[][] {
    return this.#read().structures;
  }

  /** The number of the structure with these names; {@linkcode UNSHARED} if there can be none. */
  idOf(names: readonly string[]): number {
    if (!this.#isLoaded) this.#takeOver(this.load());
    const known = this.root.find(names);
    if (known !== undefined && known.id !== UNSHARED) return known.id;
    const isFull = this.#isClosed || this.#structures.length >= STRUCTURES_MAX;
    if (isFull || !isShareable(names)) return UNSHARED;
    if (this.#store.saveLater !== undefined) {
      this.#store.saveLater(names);
      return UNSHARED;
    }
    return this.root.reach(names).id = this.#structures.push(names) - 1;
  }

  /**
   * Saves what is new.
   *
   * @returns false if another thread has been faster: its structures have been taken over then, and
   *   numbers that were given out since the last save are not valid
   */
  save(): boolean {
    if (this.#structures.length === this.#savedCount) return true;
    const { structures, version } = this.#read();
    const isSaved = structures.length === this.#savedCount && !this.#isClosed &&
      this.#store.save(JSON.stringify(this.#structures), version);
    if (isSaved) this.#savedCount = this.#structures.length;
    else this.#takeOver(this.load());
    return isSaved;
  }

  /** Takes over what the pool has now. */
  update(): void {
    this.#takeOver(this.load());
  }

  /** Forgets those behind the first `count` that have not been saved. */
  forget(count: number): void {
    for (const names of this.#structures.splice(Math.max(count, this.#savedCount))) {
      this.root.reach(names).id = UNSHARED;
    }
  }

  /**
   * Adds none any more, for ever: after structures may have been lost, a new one must not get the
   * number of an old one, or values that need that would come back with the names of this one.
   */
  close(): void {
    while (!this.#isClosed) {
      const { structures, version } = this.#read();
      if (this.#isClosed) break;
      this.#isClosed = this.#store.save(JSON.stringify([...structures, [CLOSED]]), version);
    }
  }

  /** Lets go of the pool. */
  letGo(): void {
    this.#store = undefined as never;
  }

  #read(): { readonly structures: string[][]; readonly version: number | null } {
    const stored = this.#store.load();
    if (stored === undefined) return { structures: [], version: null };
    const structures = JSON.parse(stored.json) as string[][];
    if (structures.at(-1)?.[0] === CLOSED) {
      this.#isClosed = true;
      structures.pop();
    }
    return { structures, version: stored.version };
  }

  #takeOver(structures: readonly (readonly string[])[]): void {
    // Before the first time no number has been given out.
    if (this.#isLoaded) this.generation += 1;
    this.#isLoaded = true;
    this.root = new StructureNode(0);
    this.#structures = [...structures];
    this.#savedCount = structures.length;
    structures.forEach((names, id) => this.root.reach(names).id = id);
  }
}

/**
 * Stored structures with some more; undefined if nothing is to be added, or can be.
 *
 * @param json as it is stored; undefined for none
 */
export function withNames(
  json: string | undefined,
  added: readonly (readonly string[])[],
): string | undefined {
  const structures = json === undefined ? [] : JSON.parse(json) as (readonly string[])[];
  if (structures.at(-1)?.[0] === CLOSED) return undefined;
  const known = new Set(structures.map((names) => JSON.stringify(names)));
  const fresh = added.filter((names) => !known.has(JSON.stringify(names)));
  const room = Math.max(0, STRUCTURES_MAX - structures.length);
  if (fresh.length === 0 || room === 0) return undefined;
  return JSON.stringify([...structures, ...fresh.slice(0, room)]);
}

/** Dictionaries have key sets that rarely repeat; sharing them would only use up the structures. */
function isShareable(names: readonly string[]): boolean {
  if (names.length > STRUCTURE_KEYS_MAX) return false;
  let chars = 0;
  for (const name of names) chars += name.length;
  return chars <= STRUCTURE_CHARS_MAX;
}
