/**
 * A disk in memory that fails calls on demand, and that forgets what was not synced when the power
 * goes.
 *
 * What a program sees is the volatile state. What survives {@linkcode MemoryDisk.losePower} is
 * decided write by write: of a file, what was synced, and any of the later writes, whole, any of
 * its sectors, or not at all; of the directory, what was synced, and any of the later changes.
 *
 * @module
 */
import { systemError as makeSystemError } from "../../lib/core/system_code.ts";
import type { FileInfo, FileSystem } from "../../lib/persistence/file_system.ts";
import type { Random } from "./random.ts";

/** What may be torn off a write. */
const SECTOR_BYTES = 512;

interface Write {
  readonly position: number;
  readonly bytes: Uint8Array;
  /** The file ends there from then on, and nothing is written. */
  readonly isEnd?: boolean;
}

/** A file's contents: as a program sees them, as they are synced, and the changes in between. */
class FileNode {
  readonly inode = BigInt(nextInode++);
  readonly current = new Contents();
  readonly #synced = new Contents();
  #pending: Write[] = [];

  change(change: Write): void {
    this.current.apply(change);
    this.#pending.push(change);
  }

  sync(): void {
    for (const change of this.#pending) this.#synced.apply(change);
    this.#pending = [];
  }

  /** Keeps, of what was not synced, the changes and parts of them that `survivorsOf` says. */
  losePower(survivorsOf: (change: Write) => readonly Write[]): void {
    for (const change of this.#pending) {
      for (const piece of survivorsOf(change)) this.#synced.apply(piece);
    }
    this.#pending = [];
    this.current.become(this.#synced);
  }
}

/** Bytes that grow. */
class Contents {
  length = 0;
  #bytes = new Uint8Array(1024);

  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.length);
  }

  apply(change: Write): void {
    if (change.isEnd) {
      // What comes behind a later end are zeros again.
      this.#bytes.fill(0, change.position);
      this.length = change.position;
      return;
    }
    const end = change.position + change.bytes.length;
    if (end > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(end, 2 * this.#bytes.length));
      grown.set(this.#bytes);
      this.#bytes = grown;
    }
    this.#bytes.set(change.bytes, change.position);
    this.length = Math.max(this.length, end);
  }

  become(other: Contents): void {
    this.#bytes = other.#bytes.slice();
    this.length = other.length;
  }
}

type Entries = Map<string, FileNode>;

/**
 * Inodes count up for all disks: what is told apart by them must not depend on which disk it is on.
 */
let nextInode = 1;

/** A system error as `node:fs` throws it. */
export function systemError(code: string, call: string): Error {
  return makeSystemError(code, `simulated, ${call}`);
}

/** One directory on a disk in memory. Everything above it is there, and nothing else. */
export class MemoryDisk implements FileSystem {
  /** Path of the directory; undefined while there is none. */
  directory: string | undefined = "/pool";
  #inode = BigInt(nextInode++);
  /** Calls so far, by name. */
  readonly calls: string[] = [];
  /** Called before each call; what it throws is what the call throws. */
  beforeCall: (call: string, number: number) => void = () => {};
  /** False on a disk that only says that it has synced. */
  honoursSync = true;
  /** How many of the bytes of a write are written. */
  shortWrite: (length: number) => number = (length) => length;
  #synced: Entries = new Map();
  /** Changes of the directory that are not synced, each as a function on its entries. */
  #pending: ((entries: Entries) => void)[] = [];
  #entries: Entries = new Map();
  readonly #open = new Map<number, FileNode | "directory">();
  #nextFile = 3;

  /** Number of files that are open. */
  get openCount(): number {
    return this.#open.size;
  }

  /** Contents of a file, as a program sees it. */
  fileContents(path: string): Uint8Array {
    return this.#node(path).current.bytes.slice();
  }

  /** Replaces a file, durably. */
  replaceFile(path: string, bytes: Uint8Array): void {
    const node = new FileNode();
    node.change({ position: 0, bytes: bytes.slice() });
    node.sync();
    this.#change((entries) => entries.set(nameOf(path), node));
    this.#syncDirectory();
  }

  /** Removes a file, durably. */
  removeFile(path: string): void {
    this.#change((entries) => entries.delete(nameOf(path)));
    this.#syncDirectory();
  }

  /** Forgets, of everything that was not synced, what `random` says. Open files are closed. */
  losePower(random: Random): void {
    for (const change of this.#pending) if (random.below(2) === 0) change(this.#synced);
    this.#lose((change) => random.below(2) === 0 ? [] : survivors(change, random));
  }

  /**
   * Forgets what was not synced, but for writes at positions that `keeps` tells. Open files are
   * closed.
   */
  losePowerExcept(keeps: (position: number) => boolean): void {
    this.#lose((change) => keeps(change.position) ? [change] : []);
  }

  #lose(survivorsOf: (change: Write) => readonly Write[]): void {
    for (const node of new Set(this.#synced.values())) node.losePower(survivorsOf);
    this.#entries = new Map(this.#synced);
    this.#pending = [];
    this.#open.clear();
  }

  openForRead(path: string): number {
    this.#count("openForRead");
    return this.#openNode(this.#node(path));
  }

  openDirectory(path: string): number {
    this.#count("openDirectory");
    if (path !== this.directory) throw systemError("ENOENT", path);
    return this.#openNode("directory");
  }

  create(path: string): number {
    this.#count("create");
    const name = nameOf(path);
    if (this.#entries.has(name)) throw systemError("EEXIST", path);
    const node = new FileNode();
    this.#change((entries) => entries.set(name, node));
    return this.#openNode(node);
  }

  link(from: string, to: string): void {
    this.#count("link");
    const node = this.#node(from);
    if (this.#entries.has(nameOf(to))) throw systemError("EEXIST", to);
    this.#change((entries) => entries.set(nameOf(to), node));
  }

  openForUpdate(path: string): number {
    this.#count("openForUpdate");
    return this.#openNode(this.#node(path));
  }

  read(file: number, bytes: Uint8Array, position: number): number {
    this.#count("read");
    const contents = this.#opened(file).current.bytes;
    const part = contents.subarray(position, position + bytes.length);
    bytes.set(part);
    return part.length;
  }

  write(file: number, bytes: Uint8Array, position: number): number {
    this.#count("write");
    const length = this.shortWrite(bytes.length);
    this.#opened(file).change({ position, bytes: Uint8Array.from(bytes.subarray(0, length)) });
    return length;
  }

  truncate(file: number, byteLength: number): void {
    this.#count("truncate");
    const node = this.#opened(file);
    if (byteLength > node.current.length) throw systemError("EINVAL", "it is not that long");
    node.change({ position: byteLength, bytes: new Uint8Array(0), isEnd: true });
  }

  sync(file: number): void {
    this.#count("sync");
    const node = this.#opened(file);
    if (this.honoursSync) node.sync();
  }

  close(file: number): void {
    if (!this.#open.delete(file)) throw systemError("EBADF", String(file));
    this.#count("close");
  }

  rename(from: string, to: string): void {
    this.#count("rename");
    const node = this.#node(from);
    this.#change((entries) => {
      entries.delete(nameOf(from));
      entries.set(nameOf(to), node);
    });
  }

  unlink(path: string): void {
    this.#count("unlink");
    this.#node(path);
    this.#change((entries) => entries.delete(nameOf(path)));
  }

  makeDirectory(path: string): void {
    this.#count("makeDirectory");
    this.directory ??= path;
  }

  syncDirectory(_path: string): void {
    this.#count("syncDirectory");
    if (this.honoursSync) this.#syncDirectory();
  }

  list(_path: string): string[] {
    this.#count("list");
    return [...this.#entries.keys()];
  }

  info(path: string): FileInfo | undefined {
    this.#count("info");
    if (path === this.directory || path === "/") return this.#infoOfDirectory();
    const node = this.#entries.get(nameOf(path));
    return node && infoOfNode(node);
  }

  infoOf(file: number): FileInfo {
    this.#count("infoOf");
    return this.#open.get(file) === "directory"
      ? this.#infoOfDirectory()
      : infoOfNode(this.#opened(file));
  }

  assertWritable(_path: string): void {
    this.#count("assertWritable");
  }

  #infoOfDirectory(): FileInfo {
    return { kind: "directory", size: 0, device: DEVICE, inode: this.#inode, modifiedMs: 0n };
  }

  #count(call: string): void {
    this.calls.push(call);
    this.beforeCall(call, this.calls.length);
  }

  #change(change: (entries: Entries) => void): void {
    change(this.#entries);
    this.#pending.push(change);
  }

  #syncDirectory(): void {
    this.#synced = new Map(this.#entries);
    this.#pending = [];
  }

  #node(path: string): FileNode {
    const node = this.#entries.get(nameOf(path));
    if (node === undefined) throw systemError("ENOENT", path);
    return node;
  }

  #openNode(node: FileNode | "directory"): number {
    this.#open.set(this.#nextFile, node);
    return this.#nextFile++;
  }

  #opened(file: number): FileNode {
    const node = this.#open.get(file);
    if (node === undefined) throw systemError("EBADF", String(file));
    if (node === "directory") throw systemError("EISDIR", String(file));
    return node;
  }
}

/** Of all disks. */
const DEVICE = 1n;

function infoOfNode({ inode, current }: FileNode): FileInfo {
  return { kind: "file", size: current.length, device: DEVICE, inode, modifiedMs: 0n };
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

/** What arrived of a write: all of it, its first sectors, or any of its sectors. */
function survivors(write: Write, random: Random): Write[] {
  if (write.isEnd) return [write];
  const { position, bytes } = write;
  const mode = random.below(3);
  if (mode === 0) return [write];
  const pieces: Write[] = [];
  let hasEnded = false;
  for (let from = 0; from < bytes.length;) {
    const to = Math.min(bytes.length, from + SECTOR_BYTES - (position + from) % SECTOR_BYTES);
    const survives = random.below(2) === 0;
    if (mode === 1 && !survives) hasEnded = true;
    if (survives && !hasEnded) {
      pieces.push({ position: position + from, bytes: bytes.subarray(from, to) });
    }
    from = to;
  }
  return pieces;
}
