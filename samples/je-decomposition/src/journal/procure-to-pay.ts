import { compareCodeUnits } from './journal.js';
import type { Random } from './random.js';

/** Account ids by role; each list is what a posting picks one of. */
export interface ChartOfAccounts {
  /** Names by code unit. */
  readonly accounts: readonly string[];
  readonly banks: readonly number[];
  readonly inventory: readonly number[];
  readonly inputTax: readonly number[];
  readonly costCentres: readonly number[];
  readonly salaries: readonly number[];
  readonly payroll: readonly number[];
  readonly vendors: readonly number[];
  readonly goodsReceived: readonly number[];
  readonly commitments: readonly number[];
  readonly commitmentOffset: readonly number[];
  readonly exchange: readonly number[];
}

/** About 560 accounts, the mean the paper's data is quoted with. */
export function chartOfAccounts(): ChartOfAccounts {
  const numbered = (prefix: string, count: number): string[] =>
    Array.from({ length: count }, (_, i) => prefix + String(i + 1).padStart(3, '0'));
  const roles = {
    banks: numbered('assets:bank:', 12),
    inventory: numbered('assets:inventory:', 90),
    inputTax: ['assets:input-tax:reduced', 'assets:input-tax:standard'],
    costCentres: numbered('expenses:cost-centre:', 180),
    salaries: numbered('expenses:salaries:', 24),
    payroll: ['net-pay', 'pension', 'social-security', 'wage-tax'].map((name) => `liabilities:payroll:${name}`),
    vendors: numbered('liabilities:payables:', 240),
    goodsReceived: ['liabilities:goods-received'],
    commitments: numbered('commitments:open:', 6),
    commitmentOffset: ['commitments:offset'],
    exchange: ['equity:exchange'],
  };
  const accounts = Object.values(roles).flat().sort(compareCodeUnits);
  const ids = new Map(accounts.map((name, id) => [name, id]));
  const idsOf = (names: readonly string[]): number[] => names.map((name) => ids.get(name)!);
  return {
    accounts,
    banks: idsOf(roles.banks),
    inventory: idsOf(roles.inventory),
    inputTax: idsOf(roles.inputTax),
    costCentres: idsOf(roles.costCentres),
    salaries: idsOf(roles.salaries),
    payroll: idsOf(roles.payroll),
    vendors: idsOf(roles.vendors),
    goodsReceived: idsOf(roles.goodsReceived),
    commitments: idsOf(roles.commitments),
    commitmentOffset: idsOf(roles.commitmentOffset),
    exchange: idsOf(roles.exchange),
  };
}

/** Columns the postings go to, with room for all of them. */
export interface PostingColumns {
  readonly lineNo: Float64Array;
  readonly account: Uint32Array;
  /** Minor units. */
  readonly amount: Float64Array;
}

/** Cents: median 250.00, at most 100 million. */
const MEDIAN_AMOUNT = 25_000;
const SIGMA_AMOUNT = 1.5;
const MAX_AMOUNT = 1e10;

/** Writes one entry after the other, each as some document of purchasing. */
export class EntryWriter {
  lineCount = 0;
  private entryStart = 0;
  private previousStart = 0;
  private previousEnd = 0;

  constructor(
    private readonly random: Random,
    private readonly chart: ChartOfAccounts,
    private readonly columns: PostingColumns,
  ) {}

  /**
   * @param lines - wanted, ≥ 2; some documents take one less or one more.
   * @returns where the sub-entries of the entry end: one for the first commodity, or two.
   */
  writeEntry(lines: number): readonly number[] {
    this.entryStart = this.lineCount;
    let firstEnd: number | undefined;
    const kind = this.random.unit();
    if (lines === 2) this.twoLines(kind);
    else if (lines === 4 && kind < 0.1) firstEnd = this.currencyExchange();
    else if (kind < 0.04 && this.reversesPrevious(lines)) this.reversal();
    else if (kind < 0.6) this.goodsReceipt(lines);
    else if (kind < 0.78) this.invoice(lines);
    else if (kind < 0.83) this.paymentRun(lines);
    else if (kind < 0.92) this.payroll(lines);
    else if (kind < 0.955) this.allocation(lines);
    else this.correction(lines);
    this.previousStart = this.entryStart;
    this.previousEnd = firstEnd ?? this.lineCount;
    return firstEnd === undefined ? [this.lineCount] : [firstEnd, this.lineCount];
  }

  /** 1:1. Requisition, receipt of one item, payment, or clearing between vendors. */
  private twoLines(kind: number): void {
    const { chart } = this;
    const amount = this.amount();
    const [debit, credit] =
      kind < 0.2
        ? [chart.commitments, chart.commitmentOffset]
        : kind < 0.5
          ? [chart.inventory, chart.goodsReceived]
          : kind < 0.9
            ? [chart.vendors, chart.banks]
            : [chart.vendors, chart.vendors];
    this.post(debit, amount);
    this.post(credit, -amount);
  }

  /** n:n. Each item debits stock and credits goods received by the same amount. */
  private goodsReceipt(lines: number): void {
    for (let item = 0; item < (lines + 1) >> 1; item++) {
      const amount = this.amount();
      this.post(this.chart.inventory, amount);
      this.post(this.chart.goodsReceived, -amount);
    }
  }

  /** n:1. Items and a tax line against the vendor, who stands first or last. */
  private invoice(lines: number): void {
    const { chart, random } = this;
    const vendorFirst = random.below(2) === 0;
    if (vendorFirst) this.post(chart.vendors, 0);
    let net = 0;
    for (let item = 0; item < lines - 2; item++) {
      const amount = this.amount();
      net += amount;
      this.post(random.below(2) === 0 ? chart.goodsReceived : chart.costCentres, amount);
    }
    const tax = Math.max(1, Math.round(net * 0.19));
    this.post(chart.inputTax, tax);
    if (vendorFirst) this.columns.amount[this.entryStart] = -(net + tax);
    else this.post(chart.vendors, -(net + tax));
  }

  /** n:m. Payments from several banks, each the sum of some invoices: the parts can be found again. */
  private paymentRun(lines: number): void {
    const { chart, random } = this;
    const payments = 1 + random.below(Math.max(1, lines >> 2));
    const invoices = Math.max(payments, lines - payments);
    const sums = new Float64Array(payments);
    for (let i = 0; i < invoices; i++) {
      const amount = this.amount();
      sums[i < payments ? i : random.below(payments)]! += amount;
      this.post(chart.vendors, amount);
    }
    for (const sum of sums) this.post(chart.banks, -sum);
  }

  /** n:m with four credit accounts: gross pay by department against net pay, tax and contributions. */
  private payroll(lines: number): void {
    const { chart } = this;
    const departments = Math.max(1, lines - 4);
    let gross = 0;
    for (let i = 0; i < departments; i++) {
      const amount = this.amount() + 100;
      gross += amount;
      this.post(chart.salaries, amount);
    }
    const shares = [0, 0.04, 0.1, 0.2];
    let rest = gross;
    for (let i = 3; i > 0; i--) {
      const share = Math.max(1, Math.round(gross * shares[i]!));
      rest -= share;
      this.postTo(chart.payroll[i]!, -share);
    }
    this.postTo(chart.payroll[0]!, -rest);
  }

  /** n:m within few cost centres, so that accounts stand on both sides. */
  private allocation(lines: number): void {
    const { chart, random } = this;
    const centres = Array.from({ length: 2 + (lines >> 2) }, () => this.pick(chart.costCentres));
    this.balanced(lines, () => centres[random.below(centres.length)]!);
  }

  /** n:m over accounts of every kind, in amounts that only balance as a whole. */
  private correction(lines: number): void {
    this.balanced(lines, () => this.random.below(this.chart.accounts.length));
  }

  private balanced(lines: number, account: () => number): void {
    let balance = 0;
    for (let i = 0; i < lines - 1; i++) {
      const amount = this.amount() * (this.random.below(2) === 0 ? 1 : -1);
      balance += amount;
      this.postTo(account(), amount);
    }
    if (balance !== 0) this.postTo(account(), -balance);
  }

  /** Two sub-entries of 1:1, one in each commodity. @returns where the first ends. */
  private currencyExchange(): number {
    const { chart } = this;
    const euros = this.amount();
    const dollars = Math.max(1, Math.round(euros * 1.1));
    this.post(chart.exchange, euros);
    this.post(chart.banks, -euros);
    const end = this.lineCount;
    this.post(chart.banks, dollars);
    this.post(chart.exchange, -dollars);
    return end;
  }

  private reversesPrevious(lines: number): boolean {
    const length = this.previousEnd - this.previousStart;
    return length >= 2 && length <= 2 * lines && this.previousEnd === this.entryStart;
  }

  private reversal(): void {
    const { account, amount } = this.columns;
    for (let i = this.previousStart; i < this.previousEnd; i++) this.postTo(account[i]!, -amount[i]!);
  }

  private amount(): number {
    const amount = Math.round(MEDIAN_AMOUNT * Math.exp(SIGMA_AMOUNT * this.random.normal()));
    return Math.min(Math.max(amount, 1), MAX_AMOUNT);
  }

  private pick(accounts: readonly number[]): number {
    return accounts[this.random.below(accounts.length)]!;
  }

  private post(accounts: readonly number[], amount: number): void {
    this.postTo(this.pick(accounts), amount);
  }

  private postTo(account: number, amount: number): void {
    const i = this.lineCount++;
    this.columns.lineNo[i] = i - this.entryStart;
    this.columns.account[i] = account;
    this.columns.amount[i] = amount;
  }
}
