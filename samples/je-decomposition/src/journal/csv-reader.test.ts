import { Readable } from 'node:stream';

import { describe, expect, it } from 'vitest';

import { parseJournalCsv, readJournalCsv, type JournalCsvOptions } from './csv-reader.js';
import { JournalError } from './errors.js';
import type { Journal } from './journal.js';

/** Lines of a journal as `entry line account commodity amount`, in the order of the journal. */
function listLines(journal: Journal): string[] {
  const lines: string[] = [];
  for (let s = 0; s < journal.subEntryCount; s++) {
    const entry = journal.entryIds[journal.entryOfSubEntry[s]!]!;
    const commodity = journal.commodities[journal.commodityOfSubEntry[s]!]!;
    for (let i = journal.offsets[s]!; i < journal.offsets[s + 1]!; i++) {
      if (journal.amountNumber !== null) expect(BigInt(journal.amountNumber[i]!)).toBe(journal.amount[i]);
      lines.push(
        `${entry} ${journal.lineNo[i]!} ${journal.accounts[journal.account[i]!]!} ${commodity} ${journal.amount[i]!}`,
      );
    }
  }
  return lines;
}

function refusal(text: string, options?: JournalCsvOptions): JournalError {
  try {
    parseJournalCsv(text, options);
  } catch (error) {
    if (JournalError.is(error)) return error;
    throw error;
  }
  throw new Error('the text was accepted');
}

const HEADER = 'entry_id,line_no,date,account,commodity,amount,rounding';

describe('the accepted forms', () => {
  it('reads signed amounts and sorts by entry, commodity, line number, account and amount', () => {
    const journal = parseJournalCsv(
      [
        HEADER,
        '10,0,2024-01-02,b,USD,5,0',
        '9,2,2024-01-01,b,USD,-1,0',
        '9,1,2024-01-01,z,USD,1,0',
        '9,1,2024-01-01,a,USD,7,0',
        '9,1,2024-01-01,a,USD,-7,0',
        '9,3,2024-01-01,a,EUR,0,1',
      ].join('\n'),
    );
    expect(listLines(journal)).toEqual([
      '9 3 a EUR 0',
      '9 1 a USD -7',
      '9 1 a USD 7',
      '9 1 z USD 1',
      '9 2 b USD -1',
      '10 0 b USD 5',
    ]);
    expect(journal.subEntryCount).toBe(3);
  });

  it('sorts entry ids by code unit unless all are numbers', () => {
    const ids = (...entries: string[]): readonly string[] =>
      parseJournalCsv(`entry_id,account,commodity,amount\n${entries.map((id) => `${id},a,EUR,1`).join('\n')}`).entryIds;
    expect(ids('10', '9', '010', '123456789012345678901', '0')).toEqual([
      '0',
      '9',
      '010',
      '10',
      '123456789012345678901',
    ]);
    expect(ids('10', '9', 'a')).toEqual(['10', '9', 'a']);
    expect(ids('é', 'z', 'Z')).toEqual(['Z', 'z', 'é']);
  });

  it('reads debit and credit columns; a row with both makes two lines', () => {
    const journal = parseJournalCsv(
      'account,credit,debit,commodity,entry_id,line_no\n' +
        'a,,100,EUR,1,0\nb,40,,EUR,1,1\nc,70,10,EUR,1,2\nd,0,5,EUR,2,0\ne,5,0,EUR,2,1\nf,0,0,EUR,3,0\ng,,-4,EUR,4,0\n',
    );
    expect(listLines(journal)).toEqual([
      '1 0 a EUR 100',
      '1 1 b EUR -40',
      '1 2 c EUR -70',
      '1 2 c EUR 10',
      '2 0 d EUR 5',
      '2 1 e EUR -5',
      '3 0 f EUR 0',
      '4 0 g EUR -4',
    ]);
  });

  it('counts positions per entry where there is no line_no', () => {
    const journal = parseJournalCsv('entry_id,account,commodity,amount\n7,a,EUR,1\n8,b,EUR,2\n7,c,USD,3\n7,a,EUR,-1\n');
    expect(listLines(journal)).toEqual(['7 0 a EUR 1', '7 2 a EUR -1', '7 1 c USD 3', '8 0 b EUR 2']);
  });

  it('takes the commodity from the options where there is no column', () => {
    const journal = parseJournalCsv('entry_id,account,amount\n1,a,1\n', { defaultCommodity: 'CHF' });
    expect(listLines(journal)).toEqual(['1 0 a CHF 1']);
  });

  it('reads a byte order mark, CRLF, quotes, line breaks in quotes, blank rows, and no final line break', () => {
    const journal = parseJournalCsv(
      '\uFEFF"entry_id",Account , commodity,AMOUNT\r\n1,"a, ""b""",EUR,+5\r\n\r\n1,"c\nd",EUR,-5\r\n1,e,EUR,-0',
    );
    expect(listLines(journal)).toEqual(['1 0 a, "b" EUR 5', '1 1 c\nd EUR -5', '1 2 e EUR 0']);
    expect(Object.is(journal.amountNumber![2], 0)).toBe(true);
  });

  it('keeps 64-bit amounts exact, and has no float column then', () => {
    const journal = parseJournalCsv(
      'entry_id,account,commodity,amount\n1,a,EUR,4611686018427387903\n1,b,EUR,-4611686018427387903\n1,c,EUR,0000000000000000000000001\n',
    );
    expect([...journal.amount]).toEqual([4611686018427387903n, -4611686018427387903n, 1n]);
    expect(journal.amountNumber).toBeNull();
  });

  it('makes an empty journal of a header alone', () => {
    const journal = parseJournalCsv(`${HEADER}\n`);
    expect(journal).toMatchObject({ lineCount: 0, subEntryCount: 0, entryIds: [], accounts: [] });
    expect([...journal.offsets]).toEqual([0]);
  });

  it('classifies accounts by leading digit or first component', () => {
    const journal = parseJournalCsv(
      'entry_id,account,commodity,amount\n1,4000 Sales,EUR,1\n1,4711,EUR,1\n1,assets:bank,EUR,1\n1,assets,EUR,1\n1,Cash,EUR,1\n',
    );
    const classes = journal.accounts.map((name, id) => [name, journal.classes[journal.classOfAccount[id]!]]);
    expect(classes).toEqual([
      ['4000 Sales', '4'],
      ['4711', '4'],
      ['Cash', 'Cash'],
      ['assets', 'assets'],
      ['assets:bank', 'assets'],
    ]);
  });
});

describe('what is refused', () => {
  const row = (cells: string): string => `${HEADER}\n1,0,2024-01-01,a,EUR,1,0\n${cells}\n`;

  it.each([
    ['an empty amount', row('1,1,2024-01-01,b,EUR,,0'), 'INVALID_VALUE', 3, 'amount', 'the cell is empty'],
    ['a decimal amount', row('1,1,2024-01-01,b,EUR,1.5,0'), 'INVALID_VALUE', 3, 'amount', '"1.5" is no amount'],
    ['NaN', row('1,1,2024-01-01,b,EUR,NaN,0'), 'INVALID_VALUE', 3, 'amount', '"NaN" is no amount'],
    ['an exponent', row('1,1,2024-01-01,b,EUR,1e3,0'), 'INVALID_VALUE', 3, 'amount', '"1e3" is no amount'],
    ['a sign alone', row('1,1,2024-01-01,b,EUR,-,0'), 'INVALID_VALUE', 3, 'amount', '"-" is no amount'],
    [
      'a long wrong amount',
      row('1,1,2024-01-01,b,EUR,12345678901234567x,0'),
      'INVALID_VALUE',
      3,
      'amount',
      'no amount',
    ],
    ['2^63', row('1,1,2024-01-01,b,EUR,9223372036854775808,0'), 'AMOUNT_OUT_OF_RANGE', 3, 'amount', '64-bit'],
    ['a huge amount', row(`1,1,2024-01-01,b,EUR,-${'9'.repeat(5000)},0`), 'AMOUNT_OUT_OF_RANGE', 3, 'amount', '64-bit'],
    ['an empty account', row('1,1,2024-01-01,,EUR,1,0'), 'INVALID_VALUE', 3, 'account', 'the cell is empty'],
    ['an empty entry id', row(',1,2024-01-01,b,EUR,1,0'), 'INVALID_VALUE', 3, 'entry_id', 'the cell is empty'],
    ['an empty commodity', row('1,1,2024-01-01,b,,1,0'), 'INVALID_VALUE', 3, 'commodity', 'the cell is empty'],
    ['a negative line number', row('1,-1,2024-01-01,b,EUR,1,0'), 'INVALID_VALUE', 3, 'line_no', 'whole number'],
    ['an empty line number', row('1,,2024-01-01,b,EUR,1,0'), 'INVALID_VALUE', 3, 'line_no', 'whole number'],
    ['a row that is too short', row('1,1,2024-01-01,b'), 'CSV_MALFORMED', 3, undefined, '4 fields; expected 7'],
    [
      'a row that is too long',
      row('1,1,2024-01-01,b,EUR,1,0,9'),
      'CSV_MALFORMED',
      3,
      undefined,
      '8 fields; expected 7',
    ],
    [
      'a quote that never ends',
      row('1,1,2024-01-01,"b,EUR,1,0'),
      'CSV_MALFORMED',
      3,
      undefined,
      'CSV_QUOTE_NOT_CLOSED',
    ],
    [
      'text after a quote',
      row('1,1,2024-01-01,"b"c,EUR,1,0'),
      'CSV_MALFORMED',
      3,
      undefined,
      'CSV_INVALID_CLOSING_QUOTE',
    ],
    ['nothing', '', 'EMPTY_INPUT', undefined, undefined, 'the input is empty'],
    ['blank rows', '\n\n', 'EMPTY_INPUT', undefined, undefined, 'the input is empty'],
    ['no account column', 'entry_id,commodity,amount\n', 'MISSING_COLUMN', 1, 'account', 'expected entry_id'],
    ['no amount column', 'entry_id,commodity,account\n', 'MISSING_COLUMN', 1, 'amount', 'either amount or debit and'],
    ['debit without credit', 'entry_id,commodity,account,debit\n', 'MISSING_COLUMN', 1, 'credit', 'expected entry_id'],
    ['no commodity', 'entry_id,account,amount\n', 'MISSING_COLUMN', 1, 'commodity', 'expected entry_id'],
    ['a column twice', 'entry_id,account,account\n', 'AMBIGUOUS_COLUMN', 1, 'account', 'twice'],
    ['two forms', 'entry_id,account,amount,debit,credit\n', 'AMBIGUOUS_COLUMN', 1, 'amount', 'either'],
    [
      'no amount at all',
      'entry_id,account,commodity,debit,credit\n1,a,EUR,,\n',
      'INVALID_VALUE',
      2,
      'debit',
      'in one of',
    ],
    ['a wrong credit', 'entry_id,account,commodity,debit,credit\n1,a,EUR,1,x\n', 'INVALID_VALUE', 2, 'credit', '"x"'],
  ])('%s', (_, text, code, rowNumber, column, message) => {
    const error = refusal(text);
    expect(error).toMatchObject({ code, row: rowNumber, column });
    expect(error.message).toContain(message);
    if (rowNumber !== undefined) expect(error.message).toContain(`row ${rowNumber}`);
    if (column !== undefined) expect(error.message).toContain(`column "${column}"`);
    expect(error.message.length).toBeLessThan(400);
  });

  it('counts rows as a spreadsheet does, through blank rows and line breaks in quotes', () => {
    const error = refusal('entry_id,account,commodity,amount\n\n1,"a\nb",EUR,1\n1,c,EUR,x\n');
    expect(error).toMatchObject({ row: 4, column: 'amount' });
  });

  it('an entry whose absolute amounts reach 2^63, naming the row that takes it there', () => {
    const half = (2n ** 62n).toString();
    const text = `entry_id,account,commodity,amount\n1,a,EUR,${half}\n2,x,EUR,1\n1,c,USD,5\n1,b,EUR,-${half}\n1,b,EUR,9\n`;
    const error = refusal(text);
    expect(error).toMatchObject({ code: 'ENTRY_TOO_LARGE', row: 5 });
    expect(error.message).toContain('2^63');
    const below = text.replace(`-${half}`, `-${(2n ** 62n - 10n).toString()}`);
    expect(parseJournalCsv(below).lineCount).toBe(5);
  });

  it('a wrong option', () => {
    expect(refusal('entry_id', { defaultCommodity: '' })).toMatchObject({ code: 'INVALID_ARGUMENT' });
  });
});

describe('reading a stream', () => {
  const text = 'entry_id,account,commodity,amount\n1,größe,EUR,1\n1,b,EUR,-1\n';

  it('takes pieces cut anywhere, within a character too', async () => {
    const bytes = Buffer.from(text);
    const pieces = Array.from(bytes, (_, i) => bytes.subarray(i, i + 1));
    expect(listLines(await readJournalCsv(Readable.from(pieces)))).toEqual(listLines(parseJournalCsv(text)));
  });

  it('takes an async iterable of text', async () => {
    async function* pieces(): AsyncGenerator<string> {
      yield text.slice(0, 50);
      yield text.slice(50);
    }
    expect((await readJournalCsv(pieces())).lineCount).toBe(2);
  });

  it('rejects with the typed error, and destroys the source', async () => {
    const source = Readable.from([text, '1,c,EUR,oops\n', text]);
    await expect(readJournalCsv(source)).rejects.toMatchObject({ code: 'INVALID_VALUE', row: 4, column: 'amount' });
    expect(source.destroyed).toBe(true);
  });

  it('reports the first wrong row, whatever follows it in the same piece', async () => {
    for (const piece of [`${text}1,c,EUR,oops\n1,"`, `${text}1,c,EUR,oops\n1,"d"d,EUR,1\n`]) {
      await expect(readJournalCsv(Readable.from([piece]))).rejects.toMatchObject({ code: 'INVALID_VALUE', row: 4 });
    }
    await expect(readJournalCsv(Readable.from([`${text}1,"d"d,EUR,1\n`]))).rejects.toMatchObject({
      code: 'CSV_MALFORMED',
      row: 4,
    });
    await expect(readJournalCsv(Readable.from([]))).rejects.toMatchObject({ code: 'EMPTY_INPUT' });
  });

  it('rejects with the error of the source as it is', async () => {
    const source = new Readable({
      read() {
        this.destroy(new Error('disk gone'));
      },
    });
    await expect(readJournalCsv(source)).rejects.toThrow('disk gone');
  });
});
