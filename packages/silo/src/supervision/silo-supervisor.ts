import type { ChildProcess } from 'node:child_process';
import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { Clock, ClusterPort, ClusterTable, Logger } from '@gpu-bridge/abstractions';
import { RaceBackOff } from '../directory/race-back-off.js';
import { MEMBERS_TABLE, TOMBSTONE, isTombstone } from '../membership/member-record.js';

export interface SiloSupervisorServices {
  readonly port: ClusterPort;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface SiloSupervisorOptions {
  /** That of the cluster's silos. Default 15,000. */
  readonly leaseMs?: number;
}

const FIRST_RETRY_MS = 20;
const MAX_RETRY_MS = 1_000;

/**
 * For a process that starts silos as its children: tells the cluster at once that one is gone, which the lease would only
 * after {@link SiloSupervisorOptions.leaseMs}. Only for processes whose exit it has seen: a silo that is declared dead while
 * it lives would be active twice until its next beat.
 */
export class SiloSupervisor {
  private readonly leaseMs: number;
  private table: ClusterTable | undefined;

  constructor(
    private readonly services: SiloSupervisorServices,
    options: SiloSupervisorOptions = {},
  ) {
    this.leaseMs = options.leaseMs ?? 15_000;
  }

  /**
   * Reports the child when it exits, for whatever reason.
   *
   * @param address - of the silo in it, as it last told; undefined as long as it has not.
   */
  watch(child: ChildProcess, address: () => string | undefined): Disposable {
    const onExit = () => {
      const last = address();
      if (last !== undefined) void this.reportExit(last);
    };
    if (child.exitCode !== null || child.signalCode !== null) onExit();
    else child.once('exit', onExit);
    return { [Symbol.dispose]: () => void child.off('exit', onExit) };
  }

  /**
   * The process of that silo is gone: puts a tombstone in the place of its row. Tries again while the engine is away.
   *
   * @returns false when it gave up, since the lease has run out by now.
   */
  async reportExit(address: string): Promise<boolean> {
    const { clock, logger } = this.services;
    const untilMs = clock.nowMs() + this.leaseMs;
    for (let retryMs = FIRST_RETRY_MS; ; retryMs = Math.min(retryMs * 2, MAX_RETRY_MS)) {
      try {
        await this.bury(address);
        logger.info('silo exited', { address });
        return true;
      } catch (error) {
        const isAway = GpuBridgeError.is(error, 'CLUSTER_UNAVAILABLE');
        if (!isAway || clock.nowMs() + retryMs >= untilMs) {
          logger.warn('the exit of a silo could not be told: its lease has to run out', { address, error });
          return false;
        }
      }
      await clock.sleepNs(BigInt(retryMs) * 1_000_000n);
    }
  }

  /** A silo that has exited sends nothing more; what it sent may still arrive, so a lost race is run again. */
  private async bury(address: string): Promise<void> {
    const { port, clock } = this.services;
    const table = (this.table ??= await port.openTable(MEMBERS_TABLE, { expireAfterMs: this.leaseMs }));
    for (const races = new RaceBackOff(`member row ${address}`, clock); ; await races.wait()) {
      if ((await table.create(address, TOMBSTONE)) !== undefined) return;
      const row = await table.get(address);
      if (row === undefined) continue;
      if (isTombstone(row.value) || (await table.update(address, TOMBSTONE, row.revision)) !== undefined) return;
    }
  }
}
