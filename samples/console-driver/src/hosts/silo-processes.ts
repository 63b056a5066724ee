import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { FromSilo, SiloProcessOptions, ToSilo } from './silo-messages.js';

const PROGRAM = fileURLToPath(new URL('./silo-process.js', import.meta.url));

/** One silo of the demo in a process of its own. */
export interface SiloProcess {
  readonly siloId: string;
  readonly address: string;
  /** Ids of its devices. */
  readonly devices: readonly string[];
  readonly child: ChildProcess;
  /** Lets it finish what it has accepted, and waits for its end. */
  stop(): Promise<void>;
}

/** @throws when the silo does not come to serve. */
export async function startSiloProcess(options: SiloProcessOptions): Promise<SiloProcess> {
  const child = fork(PROGRAM, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const ended = once(child, 'exit');
  const send = (message: ToSilo): void => void child.send(message, () => undefined); // it may be gone already
  try {
    send({ kind: 'start', options });
    const first = await Promise.race([
      once(child, 'message').then(([message]) => message as FromSilo),
      ended.then((): FromSilo => ({
        kind: 'failed',
        reason: `its process ended (${child.signalCode ?? child.exitCode})`,
      })),
    ]);
    if (first.kind === 'failed') throw new Error(`silo ${options.siloId} did not start: ${first.reason}`);
    const stop = async (): Promise<void> => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      send({ kind: 'stop' });
      await ended;
    };
    return { siloId: options.siloId, address: first.address, devices: first.devices, child, stop };
  } catch (error) {
    child.kill('SIGKILL');
    throw error;
  }
}
