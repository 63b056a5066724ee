import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { ErrorCode, RequestContext } from '@gpu-bridge/abstractions';
import type { ClusterOptions } from '@gpu-bridge/hosting';
import type { SiloInfo, SiloOptions } from '@gpu-bridge/silo';

const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

const PROGRAM = fileURLToPath(new URL('./silo-process.mjs', import.meta.url));

export interface SiloProcessOptions {
  readonly siloId: string;
  readonly cluster: ClusterOptions;
  readonly silo?: SiloOptions;
  /** CPU workers of its device, which has the kernel `spin`; 0 (default): no device. */
  readonly cpuWorkers?: number;
  /** Epochs of the resident grains `spun`, which the silo hosts then. */
  readonly datasetFolder?: string;
  /** A command that runs another, such as `ip netns exec`; its last argument is the name of ours. */
  readonly within?: readonly [program: string, ...args: string[]];
}

/** The turns that wait in a silo process until its gate opens, and how those ended that it held: `returned`, or the error's code. */
export interface GateInfo {
  readonly waiting: number;
  readonly endings: readonly string[];
}

/** A grain call made in a silo process, as that process makes it. */
export interface CallThere {
  readonly type: string;
  readonly key: string;
  readonly method: string;
  readonly args?: readonly unknown[];
  readonly request?: Pick<RequestContext, 'tenant' | 'traceparent'>;
}

/** A silo in a process of its own, which a test can kill, freeze and talk to. */
export class SiloProcess implements AsyncDisposable {
  private readonly answers = new Map<number, { resolve: (value: never) => void; reject: (error: unknown) => void }>();
  private readonly exited: Promise<unknown>;
  private asked = 0;
  private output = '';
  private startAddress: string | undefined;

  private constructor(
    readonly siloId: string,
    readonly child: ChildProcess,
  ) {
    this.exited = once(child, 'exit');
    running.add(child);
    const keep = (text: Buffer): void => void (this.output += text.toString());
    child.stdout?.on('data', keep);
    child.stderr?.on('data', keep);
    child.on('message', (message: { id: number; value?: never; error?: { code?: ErrorCode; message: string } }) => {
      const waiting = this.answers.get(message.id);
      this.answers.delete(message.id);
      if (message.error === undefined) waiting?.resolve(message.value as never);
      else waiting?.reject(rebuilt(message.error));
    });
    child.on('exit', () => {
      running.delete(child);
      for (const { reject } of this.answers.values()) reject(new Error(`silo process ${siloId} has ended`));
      this.answers.clear();
    });
  }

  static async start({ within, ...options }: SiloProcessOptions): Promise<SiloProcess> {
    const elsewhere = within && { execPath: within[0], execArgv: [...within.slice(1), process.execPath] };
    const child = fork(PROGRAM, { serialization: 'advanced', silent: true, ...elsewhere });
    const silo = new SiloProcess(options.siloId, child);
    try {
      const { cluster } = await silo.ask<SiloInfo>('start', options);
      silo.startAddress = cluster?.address;
      return silo;
    } catch (error) {
      await silo.kill();
      throw error;
    }
  }

  /** Everything it has logged. */
  get log(): string {
    return this.output;
  }

  /** Address of the incarnation with which it started. */
  get address(): string | undefined {
    return this.startAddress;
  }

  get pid(): number {
    return this.child.pid!;
  }

  info(): Promise<SiloInfo> {
    return this.ask('info');
  }

  call<R>(call: CallThere): Promise<R> {
    return this.ask('call', call);
  }

  gate(): Promise<GateInfo> {
    return this.ask('gate');
  }

  /** Lets the turns that wait at the gate go on, and all that follow. */
  openGate(): Promise<void> {
    return this.ask('openGate');
  }

  /** Ends it in the middle of whatever it does. */
  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    if (this.hasEnded) return;
    await this.exited;
  }

  /** Freezes it: connections stay, nothing answers. */
  freeze(): void {
    this.child.kill('SIGSTOP');
  }

  thaw(): void {
    this.child.kill('SIGCONT');
  }

  /** Drains and ends it. */
  async stop(): Promise<void> {
    await this.ask('stop');
    if (!this.hasEnded) await this.exited;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.kill();
  }

  private get hasEnded(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }

  private ask<R>(action: string, options?: object): Promise<R> {
    return new Promise((resolve, reject) => {
      const id = ++this.asked;
      this.answers.set(id, { resolve, reject });
      this.child.send({ id, action, options }, (error) => {
        if (error !== null && this.answers.delete(id)) reject(error);
      });
    });
  }
}

function rebuilt({ code, message }: { code?: ErrorCode; message: string }): Error {
  const text = code === undefined ? message : message.replace(`${code}: `, '');
  return code === undefined ? new Error(text) : new GpuBridgeError(code, {} as never, text);
}
