/**
 * How far the opening of a pool is, which has one part or two.
 *
 * @module
 */

/** Share of the time that restoring a pool takes of it and ordering its keys. */
const RESTORING_SHARE = 0.4;

/** Called with the share that is done, from 0 to 1. */
export type Progress = (share: number) => void;

/** What is told how far a pool is restored, when its keys are ordered after that or not. */
export function restoringPart(
  { ordered, onProgress }: { ordered: boolean; onProgress: Progress | undefined },
): Progress | undefined {
  if (!ordered || onProgress === undefined) return onProgress;
  return (share) => onProgress(RESTORING_SHARE * share);
}

/**
 * Opens what tells how far it is. What the application's function throws ends that, and is thrown
 * as it is, whatever becomes of it on the way.
 *
 * @param open calls what it is given, and may try again what has failed
 */
export async function openTelling<Opened>(
  onProgress: Progress | undefined,
  open: (onProgress: Progress | undefined) => Promise<Opened>,
): Promise<Opened> {
  if (onProgress === undefined) return await open(undefined);
  const failures: unknown[] = [];
  const tell = (share: number) => {
    try {
      if (failures.length === 0) return onProgress(share);
    } catch (error) {
      failures.push(error);
    }
    throw failures[0];
  };
  try {
    return await open(tell);
  } catch (error) {
    throw failures.length === 0 ? error : failures[0];
  }
}

/** What is told how far the keys of a pool are ordered that was restored before. */
export function orderingPart(onProgress: Progress | undefined): Progress {
  if (onProgress === undefined) return () => {};
  return (share) => onProgress(RESTORING_SHARE + (1 - RESTORING_SHARE) * share);
}
