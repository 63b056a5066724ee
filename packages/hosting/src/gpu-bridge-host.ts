import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { LifecycleParticipant } from '@gpu-bridge/abstractions';

/**
 * A silo's life: starts its participants stage by stage and stops them in reverse. Both can be awaited any number of
 * times; a stop during a start waits for it.
 */
export class GpuBridgeHost implements AsyncDisposable {
  private starting: Promise<void> | undefined;
  private stopping: Promise<void> | undefined;
  private readonly started: LifecycleParticipant[] = [];

  /** @param participants - asked for at start, so that bindings made after `addGpuBridge` count. */
  constructor(private readonly participants: () => Promise<readonly LifecycleParticipant[]>) {}

  /**
   * Compiles kernels, opens devices, accepts jobs, lets grains activate: in that order.
   *
   * @throws what a participant threw, after everything started before it was stopped again.
   */
  start(): Promise<void> {
    this.starting ??= this.startAll();
    return this.starting;
  }

  /** Refuses new work, finishes what was accepted, then closes the devices. Final: a host starts once. */
  stop(): Promise<void> {
    this.stopping ??= this.stopAll();
    return this.stopping;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  private async startAll(): Promise<void> {
    const ordered = [...(await this.participants())].sort((a, b) => a.stage - b.stage);
    try {
      for (const participant of ordered) {
        await participant.start();
        this.started.push(participant);
      }
    } catch (error) {
      await this.stopStarted();
      throw error;
    }
  }

  private async stopAll(): Promise<void> {
    await this.starting?.catch(() => undefined); // whoever awaited the start has its error
    this.starting ??= Promise.reject(
      new GpuBridgeError('DRAINING', { what: 'the host' }, 'the host was stopped before it started'),
    );
    this.starting.catch(() => undefined);
    await this.stopStarted();
  }

  /** Every participant is stopped even if one fails; the first failure is thrown at the end. */
  private async stopStarted(): Promise<void> {
    const failures: unknown[] = [];
    for (const participant of this.started.splice(0).reverse()) {
      try {
        await participant.stop();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  }
}
