import type { GrainFactory } from '@gpu-bridge/abstractions';
import { getHealthGrain } from '@gpu-bridge/grains';
import type { ClusterHealth } from '@gpu-bridge/grains';
import type { ProgressDisplay } from '../progress.js';
import { healthLine, healthLines } from './health-lines.js';

/** Where a view is shown; `process.stdout` is one. */
export interface Screen {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
  write(text: string): unknown;
}

const REDRAW_MS = 300;
/** Between plain lines, where nothing can be drawn. */
const LINE_MS = 1_000;
const ENTER = '\x1b[?1049h\x1b[?25l';
const LEAVE = '\x1b[?25h\x1b[?1049l';
const HOME = '\x1b[H';
const REST_OF_LINE = '\x1b[K';
const REST_OF_SCREEN = '\x1b[J';

/**
 * The cluster's health while the demo runs: on a terminal's alternate screen, redrawn a few times a second; elsewhere a plain line
 * every second on the other stream, so that the result stays alone on its own.
 */
export class LiveView implements ProgressDisplay {
  private readonly ask: () => Promise<ClusterHealth>;
  private readonly drawn: boolean;
  private label = '';
  private total = 0;
  private done = 0;
  private timer: NodeJS.Timeout | undefined;
  private stopped = false;
  /** A first Ctrl-C ends the demo, which takes a while; the terminal is given back at once. */
  private readonly interrupted = (): void => this.stop();

  /**
   * @param screen - drawn on where it is a terminal.
   * @param lines - gets plain lines where it is none.
   */
  constructor(
    grainFactory: GrainFactory,
    private readonly screen: Screen = process.stdout,
    private readonly lines: Pick<Screen, 'write'> = process.stderr,
  ) {
    const grain = getHealthGrain(grainFactory);
    this.ask = () => grain.getClusterHealth({ timeoutMs: 1_000 });
    this.drawn = screen.isTTY === true;
    process.once('SIGINT', this.interrupted);
    if (this.drawn) screen.write(ENTER);
    void this.look();
  }

  begin(label: string, total: number): void {
    this.label = label;
    this.total = total;
    this.done = 0;
  }

  update(done: number): void {
    this.done = done;
  }

  end(): void {
    this.done = this.total;
  }

  /** Gives the terminal back. Idempotent. */
  stop(): void {
    if (this.stopped) return;
    this.stopped = true;
    clearTimeout(this.timer);
    process.removeListener('SIGINT', this.interrupted);
    if (this.drawn) this.screen.write(LEAVE);
  }

  private async look(): Promise<void> {
    try {
      const health = await this.ask();
      if (!this.stopped) this.show(health);
    } catch {
      // Silos that start or stop answer nothing; the last picture stays until they do.
    }
    if (this.stopped) return;
    this.timer = setTimeout(() => void this.look(), this.drawn ? REDRAW_MS : LINE_MS);
    this.timer.unref();
  }

  private show(health: ClusterHealth): void {
    const { label, done, total } = this;
    const work = { label: label === '' ? 'starting' : label, done, total };
    if (!this.drawn) {
      this.lines.write(`${healthLine(health, work)}\n`);
      return;
    }
    // A terminal may not know its size, and says 0.
    const columns = this.screen.columns || 80;
    const rows = this.screen.rows || 24;
    const visible = healthLines(health, work).slice(0, rows - 1);
    const drawn = visible.map((line) => `${[...line].slice(0, columns).join('')}${REST_OF_LINE}\n`);
    this.screen.write(`${HOME}${drawn.join('')}${REST_OF_SCREEN}`);
  }
}
