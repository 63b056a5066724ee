import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const PROGRAM = fileURLToPath(new URL('./cluster/responder.js', import.meta.url));

/** A responder process. */
export interface Responder {
  readonly siloId: string;
  readonly address: string;
  readonly child: ChildProcess;
  /** In the middle of whatever it does; resolves when it is gone. */
  kill(): Promise<void>;
}

/** Resolves when it serves. */
export async function startResponder(siloId: string, server: string): Promise<Responder> {
  const child = fork(PROGRAM, [siloId, server]);
  const exited = once(child, 'exit');
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL');
    await exited;
  };
  try {
    const address = await Promise.race([
      once(child, 'message').then(([message]) => message as string),
      exited.then(() => Promise.reject(new Error(`responder ${siloId} ended before it served`))),
    ]);
    return { siloId, address, child, kill };
  } catch (error) {
    child.kill('SIGKILL');
    throw error;
  }
}
