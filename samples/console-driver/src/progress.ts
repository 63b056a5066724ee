import cliProgress from 'cli-progress';

/** A bar on standard error where that is a terminal; silent elsewhere. */
export class Progress {
  private readonly bar: cliProgress.SingleBar | undefined;

  constructor(label: string, total: number) {
    if (!process.stderr.isTTY || total === 0) return;
    this.bar = new cliProgress.SingleBar(
      {
        format: `${label} {bar} {percentage}% | {value}/{total} | {eta_formatted} left`,
        stream: process.stderr,
        hideCursor: true,
      },
      cliProgress.Presets.shades_classic,
    );
    this.bar.start(total, 0);
  }

  update(done: number): void {
    this.bar?.update(done);
  }

  stop(): void {
    this.bar?.stop();
  }
}

/** One line on standard error, for people. */
export function say(line: string): void {
  process.stderr.write(`${line}\n`);
}
