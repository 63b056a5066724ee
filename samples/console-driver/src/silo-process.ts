/** A silo process of the demo; forked by `SiloProcesses`, which sends it what to open and waits until it serves. */
import { Tokens } from '@gpu-bridge/abstractions';
import type { GpuBridge } from '@gpu-bridge/abstractions';
import { Silo, addGpuBridge } from '@gpu-bridge/hosting';
import type { GpuBridgeHost } from '@gpu-bridge/hosting';
import { graphResidents, motifKernels } from '@gpu-bridge/sample-graph-motifs';
import { jeDecomposition } from '@gpu-bridge/sample-je-decomposition';
import { Container } from 'inversify';
import type { FromSilo, SiloProcessOptions, ToSilo } from './hosts/silo-messages.js';

let host: GpuBridgeHost | undefined;

async function start({ siloId, servers, clusterId, devices, workers }: SiloProcessOptions): Promise<void> {
  const container = new Container();
  host = addGpuBridge(container, {
    kernels: [jeDecomposition, ...motifKernels],
    residents: graphResidents,
    cpu: devices ? { workers } : false,
    native: { opencl: devices },
    requireDevice: devices,
    silo: { siloId },
    cluster: { nats: { servers: [servers], clusterId } },
  });
  await host.start();
  const opened = container.get<GpuBridge>(Tokens.GpuBridge).getInfo().devices;
  tell({
    kind: 'serving',
    address: container.get(Silo).getInfo().cluster!.address!,
    devices: opened.map(({ description }) => description.id),
  });
}

function tell(message: FromSilo): void {
  process.send?.(message);
}

async function stop(): Promise<void> {
  await host?.stop();
  process.disconnect?.();
}

process.on('message', (message: ToSilo) => {
  const work = message.kind === 'start' ? start(message.options) : stop();
  work.catch((error: unknown) => {
    tell({ kind: 'failed', reason: error instanceof Error ? error.message : String(error) });
    process.exitCode = 1;
    process.disconnect?.();
  });
});
// The driver is gone: nobody needs this silo.
process.on('disconnect', () => void host?.stop().catch(() => undefined));
// Ctrl-C reaches the whole process group; the driver stops its silos when it is done with them.
process.on('SIGINT', () => undefined);
