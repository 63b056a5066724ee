/** Neighbours in compressed rows: those of `v` are `col[row[v] … row[v + 1]]`, ascending, each once. */
export interface Csr {
  readonly row: Uint32Array;
  readonly col: Uint32Array;
}

/**
 * Compressed rows of the arcs `from[i] → to[i]`, without loops and repeats. Two counting sorts, the second one stable, leave
 * every row sorted; the time is linear.
 */
export function simpleCsr(nodes: number, from: Uint32Array, to: Uint32Array): Csr {
  const byTarget = groupBy(nodes, to).order;
  const { row: rawRow, order } = groupBy(nodes, from, byTarget);
  const row = new Uint32Array(nodes + 1);
  const col = new Uint32Array(to.length);
  let count = 0;
  for (let v = 0; v < nodes; v++) {
    let previous = v; // a loop counts as seen
    for (let i = rawRow[v]!; i < rawRow[v + 1]!; i++) {
      const w = to[order[i]!]!;
      if (w === v || (w === previous && count > row[v]!)) continue;
      col[count++] = w;
      previous = w;
    }
    row[v + 1] = count;
  }
  return { row, col: col.slice(0, count) };
}

/**
 * Positions of `keys` grouped by key, a counting sort.
 *
 * @param order - the order in which positions stand within a group; default: ascending.
 */
export function groupBy(
  groups: number,
  keys: Uint32Array,
  order?: Uint32Array,
): { readonly row: Uint32Array; readonly order: Uint32Array } {
  const row = new Uint32Array(groups + 1);
  for (const key of keys) row[key + 1]!++;
  for (let g = 0; g < groups; g++) row[g + 1]! += row[g]!;
  const next = row.slice(0, groups);
  const grouped = new Uint32Array(keys.length);
  for (let i = 0; i < keys.length; i++) {
    const position = order === undefined ? i : order[i]!;
    grouped[next[keys[position]!]!++] = position;
  }
  return { row, order: grouped };
}

/** The row of every element of `col`. */
export function rowsOf({ row, col }: Csr): Uint32Array {
  const rows = new Uint32Array(col.length);
  for (let v = 0; v + 1 < row.length; v++) rows.fill(v, row[v], row[v + 1]);
  return rows;
}

/** The part of every row that is above the row's own number: for symmetric rows, each edge once, at its lower end. */
export function upperPart({ row, col }: Csr): Csr {
  const upperRow = new Uint32Array(row.length);
  const upperCol = new Uint32Array(col.length);
  let count = 0;
  for (let v = 0; v + 1 < row.length; v++) {
    for (let e = row[v]!; e < row[v + 1]!; e++) if (col[e]! > v) upperCol[count++] = col[e]!;
    upperRow[v + 1] = count;
  }
  return { row: upperRow, col: upperCol.slice(0, count) };
}
