/**
 * A leaderboard: scores as keys that sort, so that the best ones are the last keys of a range.
 *
 * ```sh
 * bun examples/leaderboard.ts
 * deno run -A examples/leaderboard.ts
 * npm run build && node dist/examples/leaderboard.js
 * ```
 *
 * @module
 */
import { open } from "dinomo";

const PLAYERS = 20_000;

await using store = await open<number | string>({ capacity: "64MiB", ordered: true });
const scores = store.namespace<number>("score of:");
const board = store.namespace<string>("board:");

/** A score as digits that sort as the number does, and whose it is. */
function boardKey(score: number, player: string): string {
  return `${String(score).padStart(9, "0")}:${player}`;
}

/** Gives a player points: the score and its place on the board change together. */
async function addPoints(player: string, points: number): Promise<void> {
  await store.transaction(async (tx) => {
    const old = await tx.get(`score of:${player}`) as number | undefined;
    const score = (old ?? 0) + points;
    if (old !== undefined) tx.delete(`board:${boardKey(old, player)}`);
    tx.put(`score of:${player}`, score);
    tx.put(`board:${boardKey(score, player)}`, player);
  });
}

/** The best players, the best one first. */
async function top(count: number): Promise<string[]> {
  const lines: string[] = [];
  for await (const [key, player] of board.entries({ reverse: true, limit: count })) {
    lines.push(`${player} ${Number(key.split(":")[0])}`);
  }
  return lines;
}

const players = Array.from({ length: PLAYERS }, (_, i) => `player ${i}`);
await scores.putMany(players.map((player, i) => [player, i]));
await board.putMany(players.map((player, i) => [boardKey(i, player), player]));

console.log((await top(3)).join(", "));
await Promise.all([addPoints("player 5", 50_000), addPoints("player 7", 40_000)]);
await addPoints("player 7", 40_000);
console.log((await top(3)).join(", "));
console.log(
  "with 100 to 102 points:",
  await board.countKeys({ gte: "000000100", lt: "000000103" }),
);
