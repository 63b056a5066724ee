import { Tokens } from '@gpu-bridge/abstractions';
import { addGpuBridge } from '@gpu-bridge/hosting';
import type { GpuBridgeHost } from '@gpu-bridge/hosting';
import { Container } from 'inversify';
import { CLUSTER_ID, echo } from './echo-grain.js';

/** A started silo without devices, on a NATS server. @param hostsEcho - whether it hosts the echo grain. */
export async function startSilo(
  siloId: string,
  server: string,
  hostsEcho: boolean,
): Promise<{ readonly container: Container; readonly host: GpuBridgeHost }> {
  const container = new Container();
  const host = addGpuBridge(container, {
    cpu: false,
    requireDevice: false,
    silo: { siloId },
    cluster: { nats: { servers: [server], clusterId: CLUSTER_ID } },
  });
  if (hostsEcho) container.bind(Tokens.GrainClass).toConstantValue(echo);
  await host.start();
  return { container, host };
}
