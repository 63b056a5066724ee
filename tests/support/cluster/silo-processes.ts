import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { ErrorCode, RequestContext } from '@gpu-bridge/abstractions';
import type { ClusterOptions } from '@gpu-bridge/hosting';
import type { SiloInfo, SiloOptions } from '@gpu-bridge/silo';

const PROGRAM = fileURLToPath(new URL('./silo-process.mjs', import.meta.url));

export interface SiloProcessOptions {
  readonly siloId: string;
  readonly cluster: ClusterOptions;
  readonly silo?: SiloOptions;
  /** CPU workers of its device; 0 (default): no device. */
  readonly cpuWorkers?: number;
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

  private constructor(
    readonly siloId: string,
    readonly child: ChildProcess,
  ) {
    this.exited = once(child, 'exit');
    child.on('message', (message: { id: number; value?: never; error?: { code?: ErrorCode; message: string } }) => {
      const waiting = this.answers.get(message.id);
      this.answers.delete(message.id);
      if (message.error === undefined) waiting?.resolve(message.value as never);
      else waiting?.reject(rebuilt(message.error));
    });
    child.on('exit', () => {
      for (const { reject } of this.answers.values()) reject(new Error(`silo process ${siloId} has ended`));
      this.answers.clear();
    });
  }

  static async start(options: SiloProcessOptions): Promise<SiloProcess> {
    const silo = new SiloProcess(options.siloId, fork(PROGRAM, { serialization: 'advanced' }));
    try {
      await silo.ask('start', options);
      return silo;
    } catch (error) {
      await silo.kill();
      throw error;
    }
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
