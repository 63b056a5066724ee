/**
 * The flows of a journal as columns. Sub-entry i has `count[i]` flows from position `start[i]` on, by (fromLine, toLine);
 * between the flows of two sub-entries there may be unused places.
 */
export interface FlowColumns<Amount extends Float64Array | BigInt64Array = Float64Array | BigInt64Array> {
  readonly start: Uint32Array;
  readonly count: Uint32Array;
  /** Line numbers within the sub-entry; its line count stands for the suspense line. */
  readonly fromLine: Uint32Array;
  readonly toLine: Uint32Array;
  /** Minor units, > 0; as numbers they are safe integers. */
  readonly amount: Amount;
  /** Method codes (see `METHOD`). */
  readonly method: Uint32Array;
  readonly confidence: Float32Array;
}

/** @returns columns with room for every flow of a journal: at most one per line (RULES.md §8). */
export function allocateFlowColumns(subEntryCount: number, lineCount: number): FlowColumns<Float64Array> {
  return {
    start: new Uint32Array(subEntryCount),
    count: new Uint32Array(subEntryCount),
    fromLine: new Uint32Array(lineCount),
    toLine: new Uint32Array(lineCount),
    amount: new Float64Array(lineCount),
    method: new Uint32Array(lineCount),
    confidence: new Float32Array(lineCount),
  };
}
