import type { Logger } from '@gpu-bridge/abstractions';
import { HostProcess } from './host-process.js';
import type { Frame } from './frames.js';
import type { HostMessage } from './host-message.js';

/** A process, and what it and the silo have said to each other. */
export class HostSession {
  readonly process: HostProcess;
  /** What it opened, once it has. */
  opened: HostMessage | undefined;
  /** Resolves when its executors poll; pending for ever where it ends before. */
  readonly serving: Promise<void>;

  /** Who waits for which answer: builds by kernel number, seals in their order. */
  private readonly waiting = new Map<string, ((answer: HostMessage) => void)[]>();
  private readonly sent = new Map<string, number>();
  private nowServes: () => void = () => undefined;

  constructor(
    path: string,
    args: readonly string[],
    regionFd: number,
    journal: readonly Frame[],
    private readonly deviceId: string,
    private readonly logger: Logger,
  ) {
    this.serving = new Promise((resolve) => (this.nowServes = resolve));
    this.process = new HostProcess(path, args, regionFd, (message) => this.hear(message));
    for (const frame of journal) this.send(frame);
  }

  /** Whether it has opened the device and built all that it was sent. */
  get isWarm(): boolean {
    return this.opened !== undefined && [...this.sent.values()].every((unanswered) => unanswered === 0);
  }

  send(frame: Frame): void {
    const key = questionOf(frame);
    if (key !== undefined) this.sent.set(key, (this.sent.get(key) ?? 0) + 1);
    this.process.send(frame);
  }

  /** Sends frames, the last one a kernel or a seal; resolves with its answer, or with why the process ended before it. */
  async ask(frames: readonly Frame[]): Promise<HostMessage | { readonly ended: string }> {
    const key = questionOf(frames.at(-1)!)!;
    const answer = new Promise<HostMessage>((resolve) => {
      this.waiting.set(key, [...(this.waiting.get(key) ?? []), resolve]);
    });
    for (const frame of frames) this.send(frame);
    return Promise.race([answer, this.process.exited.then((ended) => ({ ended }))]);
  }

  private hear(message: HostMessage): void {
    const { verb, values } = message;
    if (verb === 'opened') this.opened = message;
    else if (verb === 'serving') this.nowServes();
    else if (verb === 'kernel' || verb === 'refused') this.answer(`kernel ${values.get('number')}`, message);
    else if (verb === 'sealed' || verb === 'unsealed') this.answer('seal', message);
    else if (verb === 'log') this.log(values.get('level') ?? 'info', values.get('text') ?? '');
  }

  private answer(key: string, message: HostMessage): void {
    this.sent.set(key, (this.sent.get(key) ?? 1) - 1);
    const [first, ...rest] = this.waiting.get(key) ?? [];
    this.waiting.set(key, rest);
    if (first !== undefined) first(message);
    else if (message.verb === 'refused' || message.verb === 'unsealed')
      this.logger.warn('a device host cannot build again what it built before', {
        device: this.deviceId,
        what: key,
        log: message.values.get('log'),
      });
  }

  private log(level: string, text: string): void {
    const fields = { device: this.deviceId, text };
    if (level === 'error') this.logger.error('device host', fields);
    else if (level === 'warn') this.logger.warn('device host', fields);
    else this.logger.debug('device host', fields);
  }
}

/** What the answer to a frame is recognised by; undefined for frames without one. */
function questionOf({ verb, payload }: Frame): string | undefined {
  if (verb === 'kernel') return payload.slice(0, payload.indexOf('\n')).replace('number', 'kernel');
  return verb === 'seal' ? 'seal' : undefined;
}
