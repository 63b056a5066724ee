import { LifecycleStage } from '@gpu-bridge/abstractions';
import type { LifecycleParticipant } from '@gpu-bridge/abstractions';
import type { LocalGpuBridge } from '../bridge/local-gpu-bridge.js';

/** The bridge's place in the lifecycle: it accepts after the devices are open and drains before they close. */
export class BrokerService implements LifecycleParticipant {
  readonly name = 'gpu broker';
  readonly stage = LifecycleStage.Broker;

  constructor(private readonly bridge: LocalGpuBridge) {}

  start(): Promise<void> {
    this.bridge.start();
    return Promise.resolve();
  }

  stop(): Promise<void> {
    return this.bridge.stop();
  }
}
