import { csvField } from '../journal/csv-writer.js';
import { SUSPENSE_ACCOUNT, type Journal } from '../journal/journal.js';
import type { FlowColumns } from '../rules/flow-columns.js';
import { methodName } from '../rules/method.js';

export const FLOWS_CSV_HEADER = 'entry_id,commodity,from_line,to_line,from,to,amount,method,confidence';

const ROWS_PER_CHUNK = 4096;

/**
 * Flows as CSV in pieces of some thousand rows, sorted by entry id and commodity (the journal's orders), then from_line
 * and to_line as numbers.
 *
 * A line cell is the line's number in the input. The suspense line has none: its cell is empty and comes last, its account
 * is `[suspense]`. Where an entry repeats a line number, rows equal in both numbers keep the order of the rules. Amounts
 * are integers in minor units. A confidence has at most seven digits, enough to tell float32 values of 1/k apart.
 */
export function* flowsCsv(journal: Journal, flows: FlowColumns): Generator<string> {
  const rowOrder = new RowOrder(journal, flows);
  const accounts = journal.accounts.map(csvField);
  const commodities = journal.commodities.map(csvField);
  const confidences = new Map<number, string>();
  let chunk = `${FLOWS_CSV_HEADER}\n`;
  let rows = 0;
  for (let s = 0; s < journal.subEntryCount; s++) {
    const firstLine = journal.offsets[s]!;
    const lineCount = journal.offsets[s + 1]! - firstLine;
    const head = `${csvField(journal.entryIds[journal.entryOfSubEntry[s]!]!)},${commodities[journal.commodityOfSubEntry[s]!]!}`;
    const lineCell = (line: number): string => (line === lineCount ? '' : String(journal.lineNo[firstLine + line]!));
    const accountCell = (line: number): string =>
      line === lineCount ? SUSPENSE_ACCOUNT : accounts[journal.account[firstLine + line]!]!;
    for (const f of rowOrder.of(s)) {
      const [from, to] = [flows.fromLine[f]!, flows.toLine[f]!];
      const value = flows.confidence[f]!;
      let confidence = confidences.get(value);
      if (confidence === undefined) {
        confidence = String(Number(value.toPrecision(7)));
        confidences.set(value, confidence);
      }
      chunk +=
        `${head},${lineCell(from)},${lineCell(to)},${accountCell(from)},${accountCell(to)},` +
        `${flows.amount[f]!},${methodName(flows.method[f]!)},${confidence}\n`;
      if (++rows % ROWS_PER_CHUNK === 0) {
        yield chunk;
        chunk = '';
      }
    }
  }
  yield chunk;
}

/** Positions of a sub-entry's flows by line numbers. They stand so already unless the sub-entry repeats a number. */
class RowOrder {
  constructor(
    private readonly journal: Journal,
    private readonly flows: FlowColumns,
  ) {}

  of(subEntry: number): number[] {
    const start = this.flows.start[subEntry]!;
    const positions = Array.from({ length: this.flows.count[subEntry]! }, (_, i) => start + i);
    if (!this.repeatsLineNumber(subEntry)) return positions;
    const { fromLine, toLine } = this.flows;
    // A stable sort: equal numbers keep the order of the rules.
    return positions.sort(
      (a, b) =>
        this.sortNumber(subEntry, fromLine[a]!) - this.sortNumber(subEntry, fromLine[b]!) ||
        this.sortNumber(subEntry, toLine[a]!) - this.sortNumber(subEntry, toLine[b]!),
    );
  }

  private repeatsLineNumber(subEntry: number): boolean {
    const { lineNo, offsets } = this.journal;
    for (let i = offsets[subEntry]! + 1; i < offsets[subEntry + 1]!; i++) {
      if (lineNo[i] === lineNo[i - 1]) return true;
    }
    return false;
  }

  private sortNumber(subEntry: number, line: number): number {
    const { lineNo, offsets } = this.journal;
    const i = offsets[subEntry]! + line;
    // Above every line number: those are safe integers.
    return i === offsets[subEntry + 1]! ? 2 ** 53 : lineNo[i]!;
  }
}
