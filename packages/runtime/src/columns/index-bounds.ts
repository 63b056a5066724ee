import type { StoredColumn } from './stored-column.js';

export interface IndexBounds {
  readonly least: number | bigint;
  readonly greatest: number | bigint;
}

/** By column; undefined until they are asked for. */
const fixed = new WeakMap<StoredColumn, { bounds: IndexBounds | undefined }>();

/** Nobody writes the column until `releaseFixed`: what it holds needs to be looked at once only. */
export function holdFixed(column: StoredColumn): void {
  fixed.set(column, { bounds: undefined });
}

/** Its memory may be used for something else. */
export function releaseFixed(column: StoredColumn): void {
  fixed.delete(column);
}

/** Least and greatest element of a column that does not change; undefined for others, and for those without elements. */
export function boundsOfFixed(column: StoredColumn): IndexBounds | undefined {
  const entry = fixed.get(column);
  if (entry === undefined || column.length === 0) return undefined;
  entry.bounds ??= boundsOf(column);
  return entry.bounds;
}

function boundsOf(column: StoredColumn): IndexBounds {
  let least = column[0]!;
  let greatest = least;
  for (let i = 1; i < column.length; i++) {
    const element = column[i]!;
    if (element < least) least = element;
    if (element > greatest) greatest = element;
  }
  return { least, greatest };
}
