import type { Journal } from './journal.js';

const ROWS_PER_CHUNK = 4096;

/** Quotes a field where RFC 4180 needs it. */
export function csvField(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/**
 * A journal as CSV in pieces of some thousand rows, in the order of the journal: entry_id,line_no,account,commodity,amount.
 * Reading it gives an equal journal.
 */
export function* journalCsv(journal: Journal): Generator<string> {
  const { offsets, lineNo, account, amount, amountNumber } = journal;
  const accounts = journal.accounts.map(csvField);
  const commodities = journal.commodities.map(csvField);
  let chunk = 'entry_id,line_no,account,commodity,amount\n';
  let rows = 0;
  for (let s = 0; s < journal.subEntryCount; s++) {
    const entryId = csvField(journal.entryIds[journal.entryOfSubEntry[s]!]!);
    const commodity = commodities[journal.commodityOfSubEntry[s]!]!;
    for (let i = offsets[s]!; i < offsets[s + 1]!; i++) {
      const value = amountNumber === null ? amount[i]! : amountNumber[i]!;
      chunk += `${entryId},${lineNo[i]!},${accounts[account[i]!]!},${commodity},${value}\n`;
      if (++rows % ROWS_PER_CHUNK === 0) {
        yield chunk;
        chunk = '';
      }
    }
  }
  yield chunk;
}
