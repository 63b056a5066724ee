import { describe, expect, it } from 'vitest';

import { decomposePlain } from '../baseline/plain-js.js';
import { parseJournalCsv } from '../journal/csv-reader.js';
import { generateJournal } from '../journal/generate.js';
import { accountTotalsOfFlows, accountTotalsOfLines } from './account-totals.js';
import { FLOWS_CSV_HEADER, flowsCsv } from './flows-csv.js';

function flowRows(csv: string): string[] {
  const journal = parseJournalCsv(csv);
  const [header, ...rows] = [...flowsCsv(journal, decomposePlain(journal))].join('').trimEnd().split('\n');
  expect(header).toBe(FLOWS_CSV_HEADER);
  return rows;
}

describe('flows as CSV', () => {
  it('sorts by entry, commodity, from_line and to_line as numbers, and quotes names', () => {
    const rows = flowRows(
      'entry_id,line_no,account,commodity,amount\n' +
        '10,1,"a, b",EUR,5\n10,2,c,EUR,-5\n9,10,x,USD,-3\n9,9,y,USD,3\n9,100,x,EUR,-7\n9,11,y,EUR,4\n9,12,z,EUR,3\n',
    );
    expect(rows).toEqual([
      '9,EUR,100,11,x,y,4,C,0.85',
      '9,EUR,100,12,x,z,3,C,0.85',
      '9,USD,10,9,x,y,3,A,1',
      '10,EUR,2,1,c,"a, b",5,A,1',
    ]);
  });

  it('shows an unbalanced entry as flows of the suspense account, whose line cell is empty', () => {
    expect(flowRows('entry_id,account,commodity,amount\n1,a,EUR,100\n1,b,EUR,-99\n')).toEqual([
      '1,EUR,1,0,b,a,99,C,0.85',
      '1,EUR,,0,[suspense],a,1,C,0',
    ]);
  });

  it('sorts by the numbers even where an entry repeats them', () => {
    const rows = flowRows(
      'entry_id,line_no,account,commodity,amount\n1,5,b,EUR,-20\n1,5,c,EUR,-30\n1,9,d,EUR,20\n1,3,e,EUR,30\n',
    );
    expect(rows).toEqual(['1,EUR,5,3,c,e,30,B,1', '1,EUR,5,9,b,d,20,B,1']);
  });
});

describe('account totals', () => {
  it('are the same of lines and of flows, but for suspense', () => {
    const journal = generateJournal({ lines: 30_000, seed: 5, unbalancedFraction: 0.1 });
    const ofFlows = accountTotalsOfFlows(journal, decomposePlain(journal));
    expect(ofFlows.filter(({ account }) => account !== '[suspense]')).toEqual(accountTotalsOfLines(journal));
    expect(ofFlows.some(({ account }) => account === '[suspense]')).toBe(true);
  });

  it('are exact beyond 2^53 and beyond 2^63', () => {
    const most = 2n ** 62n - 1n;
    const rows = Array.from({ length: 6 }, (_, i) => `${i},a,EUR,${most}\n${i},b,EUR,${-most}\n`).join('');
    const journal = parseJournalCsv(`entry_id,account,commodity,amount\n${rows}`);
    expect(accountTotalsOfLines(journal)).toEqual([
      { account: 'a', commodity: 'EUR', debit: 6n * most, credit: 0n },
      { account: 'b', commodity: 'EUR', debit: 0n, credit: 6n * most },
    ]);
    const odd = 2n ** 52n - 1n;
    const safeRows = Array.from({ length: 9 }, (_, i) => `${i},a,EUR,${odd}\n${i},b,EUR,${-odd}\n`).join('');
    const safe = parseJournalCsv(`entry_id,account,commodity,amount\n${safeRows}`);
    expect(safe.amountNumber).not.toBeNull();
    expect(accountTotalsOfLines(safe)[0]!.debit).toBe(9n * odd);
    expect(accountTotalsOfFlows(safe, decomposePlain(safe))).toEqual(accountTotalsOfLines(safe));
  });

  it('leave out accounts with only zero lines', () => {
    const journal = parseJournalCsv('entry_id,account,commodity,amount\n1,a,EUR,0\n1,b,EUR,1\n1,c,EUR,-1\n');
    expect(accountTotalsOfLines(journal).map(({ account }) => account)).toEqual(['b', 'c']);
  });
});
