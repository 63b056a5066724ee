import { groupBy } from './csr.js';

/** What happened at each node, in order of time; loops are left out, repeats stay. */
export interface TemporalRows {
  /** Events of node `v`: `row[v] … row[v + 1]`. */
  readonly row: Uint32Array;
  readonly node: Uint32Array;
  readonly counterpart: Uint32Array;
  readonly timeUs: Float64Array;
  /** 1 + the event before this one between the same two, or 0. */
  readonly previous: Uint32Array;
}

/** @param of - the node that an event belongs to; `counterpart` is who it was with. */
export function temporalRows(
  nodes: number,
  of: Uint32Array,
  counterpart: Uint32Array,
  timeUs: Float64Array,
): TemporalRows {
  const byTime = Uint32Array.from(of.keys()).filter((i) => of[i] !== counterpart[i]);
  if (!isSorted(byTime, timeUs)) byTime.sort((a, b) => timeUs[a]! - timeUs[b]! || a - b);
  // Grouping is stable, so each node's events stay in order of time.
  const ordered = <T extends Uint32Array | Float64Array>(column: T, target: T, order: Uint32Array): T => {
    order.forEach((from, to) => (target[to] = column[from]!));
    return target;
  };
  const { row, order } = groupBy(nodes, ordered(of, new Uint32Array(byTime.length), byTime));
  const rows = order.map((position) => byTime[position]!);
  const columns = {
    row,
    node: ordered(of, new Uint32Array(rows.length), rows),
    counterpart: ordered(counterpart, new Uint32Array(rows.length), rows),
    timeUs: ordered(timeUs, new Float64Array(rows.length), rows),
  };
  return { ...columns, previous: previousEvents(nodes, columns) };
}

function isSorted(order: Uint32Array, timeUs: Float64Array): boolean {
  return order.every((i, position) => position === 0 || timeUs[order[position - 1]!]! <= timeUs[i]!);
}

function previousEvents(
  nodes: number,
  { row, counterpart }: Pick<TemporalRows, 'row' | 'counterpart'>,
): TemporalRows['previous'] {
  const previous = new Uint32Array(counterpart.length);
  /** 1 + the last event with each counterpart; those of earlier nodes are below the row. */
  const last = new Uint32Array(nodes);
  for (let v = 0; v < nodes; v++) {
    const first = row[v]!;
    for (let event = first; event < row[v + 1]!; event++) {
      const other = counterpart[event]!;
      previous[event] = last[other]! > first ? last[other]! : 0;
      last[other] = event + 1;
    }
  }
  return previous;
}
