/**
 * Commands: what nodes write into the control stream.
 *
 * Each names the message that it follows. That is a compare-and-swap which the readers decide, see
 * {@linkcode ControlState}.
 *
 * @module
 */
import { NODE_ID_COUNT } from "../../core/limits.ts";
import { decodeCommand, encodeCommand } from "../messages/log_codec.ts";
import { MESSAGE_BYTES_MAX, PLAIN_MESSAGE_BYTES_MAX } from "../messages/message_limits.ts";
import { FrameError } from "../../wire/frame.ts";
import {
  type Ahead,
  type Barrier,
  type Fenced,
  type Floor,
  isAhead,
  isBelow,
  isLoad,
  isMoves,
  isOffer,
  isPairs,
  isTail,
  isWhole,
  type Load,
  type Move,
  type Offer,
  type Settings,
  type Tail,
} from "./command_rules.ts";
import { isPicture, type StatePicture } from "./state_picture.ts";

export type { Ahead, Barrier, Fenced, Floor, Load, Move, Offer, Settings, Tail };

/** A node takes its lease, or prolongs it. */
export interface Renew {
  readonly kind: "renew";
  readonly node: number;
  /** Names one life of the node: no other one has the same. */
  readonly holder: string;
  /** Number of the renewal within that life: by it the holder knows when it sent it. */
  readonly number: number;
  /** Sequence of the last command that counts about this lease, 0 for none. */
  readonly follows: number;
  /** Where the node takes requests, as `host:port`; left out if nowhere. */
  readonly address?: string;
  /** What it has to do, if it is told. It decides nothing about what counts. */
  readonly load?: Load;
  /** What it is going to give away, if anything; decides as little. */
  readonly offer?: Offer;
  /** For whose offer it reads ahead, if for any; decides as little. */
  readonly ahead?: Ahead;
  /** That it leaves: it gives all of its slots away, and takes none; decides as little. */
  readonly leaves?: true;
}

/** What a renewal says beside that it is one. */
export type Told = Pick<Renew, "load" | "offer" | "ahead" | "leaves">;

/** A node ends a lease that is over, or its own. */
export interface Revoke {
  readonly kind: "revoke";
  readonly node: number;
  /** As in {@linkcode Renew.follows}. */
  readonly follows: number;
  /** That its own node ends it, by plan. It decides nothing about what counts. */
  readonly resigns?: true;
}

/** A node gives its own slots to others, or slots that have no owner to anybody. */
export interface Assign {
  readonly kind: "assign";
  /** Who gives. */
  readonly node: number;
  readonly holder: string;
  /** Sequence of the last command that changed who owns what, 0 for none. */
  readonly follows: number;
  readonly moves: readonly Move[];
  readonly barriers: readonly Barrier[];
  /** The logs that were fenced; a barrier stands behind each fence. */
  readonly fenced: readonly Fenced[];
}

/** A node has written the index of all its slots. */
export interface Checkpoint {
  readonly kind: "checkpoint";
  readonly node: number;
  readonly holder: string;
  /** As in {@linkcode Assign.follows}: the slots are those that the node owned then. */
  readonly follows: number;
  /** Sequence of the checkpoint in the index stream of the node. */
  readonly index: number;
  /**
   * From where which logs are to be read for what the checkpoint does not have; its own among them.
   */
  readonly tails: readonly Tail[];
  /** The first message of each stream that is needed for what it has. */
  readonly floors: readonly Floor[];
}

/**
 * 1: all nodes read all logs, which nobody shortens. 2: the index is in the engine, by which nodes
 * read what they need, and purge the rest. 3: one record alone may have a message that is longer
 * than others, up to what the settings say. 4: of its own log a node needs what is behind its last
 * barrier for slots that come later. Nodes of one cannot be beside those of another one.
 */
export const STREAM_FORMAT = 4;
/** The same where it needs what is behind its last checkpoint. */
const FORMAT_WITHOUT_BARRIERS = 3;
/** And without long messages. Such clusters are used as they are, by this release, too. */
const FORMAT_WITHOUT_LONG = 2;

/** Bytes of a message of a cluster, at most; undefined if this release cannot use the cluster. */
export function messageBytesIn(
  { format = 1, messageBytes = PLAIN_MESSAGE_BYTES_MAX }: Settings,
): number | undefined {
  const isPossible = messageBytes >= PLAIN_MESSAGE_BYTES_MAX && messageBytes <= MESSAGE_BYTES_MAX;
  const hasLong = format === STREAM_FORMAT || format === FORMAT_WITHOUT_BARRIERS;
  if (hasLong && isPossible) return messageBytes;
  return format === FORMAT_WITHOUT_LONG ? PLAIN_MESSAGE_BYTES_MAX : undefined;
}

/** Whether what comes to a node later is behind its last barrier; so it is if nothing is said. */
export function beginsAtBarriers(settings: Settings | undefined): boolean {
  return settings === undefined || settings.format === STREAM_FORMAT;
}

/** What all messages up to one add up to. It changes nothing for who has read them. */
export interface StateCommand {
  readonly kind: "state";
  /** The last message of them. */
  readonly at: number;
  readonly state: StatePicture;
}

/** A message of the control stream. */
export type Command = Renew | Revoke | Assign | Checkpoint | Settings | StateCommand;

/** The subject of a command. */
export function subjectOf(command: Command): string {
  switch (command.kind) {
    case "settings":
    case "state":
      return command.kind;
    case "assign":
      return "map";
    case "checkpoint":
      return `index.${command.node}`;
    default:
      return `lease.${command.node}`;
  }
}

/** A command as a message. */
export function encode(command: Command): Uint8Array {
  return encodeCommand(command);
}

/**
 * Reads a command.
 *
 * @throws {FrameError} when it is none
 */
export function decode(bytes: Uint8Array): Command {
  const value = decodeCommand(bytes) as Record<string, unknown> | null;
  if (typeof value === "object" && value !== null && isCommand(value)) return value;
  throw new FrameError("a command must be one");
}

function isCommand(value: Record<string, unknown>): value is Command & Record<string, unknown> {
  const { kind, node, holder, number, follows, moves, barriers, fenced, address } = value;
  const { index, tails, floors, load, offer, ahead, leaves, resigns } = value;
  if (kind === "settings") return isSettings(value);
  if (kind === "state") return isWhole(value["at"]) && isPicture(value["state"], isSettings);
  if (!isBelow(node, NODE_ID_COUNT) || !isWhole(follows)) return false;
  switch (kind) {
    case "renew":
      return typeof holder === "string" && isWhole(number) &&
        (address === undefined || isAddress(address)) && (load === undefined || isLoad(load)) &&
        (offer === undefined || isOffer(offer)) && (ahead === undefined || isAhead(ahead)) &&
        (leaves === undefined || leaves === true);
    case "revoke":
      return resigns === undefined || resigns === true;
    case "assign":
      return typeof holder === "string" && isMoves(moves) &&
        isPairs(barriers, (of, sequence) => isBelow(of, NODE_ID_COUNT) && isWhole(sequence)) &&
        isPairs(fenced, (of, term) => isBelow(of, NODE_ID_COUNT) && isWhole(term));
    case "checkpoint":
      return typeof holder === "string" && isWhole(index) && Array.isArray(tails) &&
        tails.every(isTail) && tails.some(([of]) => of === node) &&
        isPairs(floors, (stream, sequence) => typeof stream === "string" && isWhole(sequence));
    default:
      return false;
  }
}

function isAddress(value: unknown): boolean {
  const port = typeof value === "string" ? /.:([0-9]{1,5})$/.exec(value)?.[1] : undefined;
  return port !== undefined && Number(port) > 0 && Number(port) < 65_536;
}

function isSettings(value: Record<string, unknown>): boolean {
  const { hashKey, keys, codec, replicas, leaseMs, proof, format = 1, messageBytes } = value;
  return Array.isArray(hashKey) && hashKey.length === 2 && hashKey.every(Number.isInteger) &&
    [keys, codec, proof].every((text) => typeof text === "string") && isWhole(replicas) &&
    isWhole(leaseMs) && isWhole(format) && (messageBytes === undefined || isWhole(messageBytes));
}
