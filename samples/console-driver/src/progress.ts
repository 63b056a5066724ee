import cliProgress from 'cli-progress';

/** Shows how far the demo is: one task after the other. */
export interface ProgressDisplay {
  begin(label: string, total: number): void;
  update(done: number): void;
  /** The task is over, done or not. */
  end(): void;
  /** Nothing more is shown. Idempotent. */
  stop(): void;
}

/** A bar on standard error where that is a terminal; silent elsewhere. */
export class ProgressBar implements ProgressDisplay {
  private bar: cliProgress.SingleBar | undefined;

  begin(label: string, total: number): void {
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

  end(): void {
    this.bar?.stop();
    this.bar = undefined;
  }

  stop(): void {
    this.end();
  }
}

/** One line on standard error, for people. */
export function say(line: string): void {
  process.stderr.write(`${line}\n`);
}
