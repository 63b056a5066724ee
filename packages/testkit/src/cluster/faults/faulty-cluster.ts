import type { ClusterPort } from '@gpu-bridge/abstractions';
import type { ClusterPortSubject, ClusterUnderTest } from '../cluster-port-case.js';
import type { ClusterPortFault } from './cluster-port-fault.js';
import { FaultyPort } from './faulty-port.js';

/** What the faulty ports of one cluster know together. */
export class FaultyEngine {
  nowMs = 0;
  restarts = 0;
  /** What arrives is lost. */
  losing = false;
  /** By address; of this engine's ports. */
  readonly listeners = new Map<string, (payload: Uint8Array) => void>();
  /** Names that were met, such as keys and messageIds, and what belongs to them. */
  readonly memory = new Map<string, number>();

  constructor(readonly fault: ClusterPortFault) {}

  is(...faults: readonly ClusterPortFault[]): boolean {
    return faults.includes(this.fault);
  }
}

/** The subject, whose ports have one fault. */
export function faultyClusterSubject(subject: ClusterPortSubject, fault: ClusterPortFault): ClusterPortSubject {
  const createCluster = async (): Promise<ClusterUnderTest> => new FaultyCluster(await subject.createCluster(), fault);
  return { ...subject, name: `${subject.name} with ${fault}`, createCluster };
}

class FaultyCluster implements ClusterUnderTest {
  private readonly engine: FaultyEngine;
  private readonly ports = new Map<ClusterPort, FaultyPort>();

  constructor(
    private readonly inner: ClusterUnderTest,
    fault: ClusterPortFault,
  ) {
    this.engine = new FaultyEngine(fault);
  }

  async createPort(): Promise<ClusterPort> {
    const port = new FaultyPort(await this.inner.createPort(), this.engine, this.ports.size);
    this.ports.set(port, port);
    return port;
  }

  elapse(ms: number): Promise<void> {
    this.engine.nowMs += ms;
    return this.inner.elapse(ms);
  }

  async disconnect(port: ClusterPort): Promise<void> {
    const faulty = this.ports.get(port)!;
    faulty.broken = true;
    faulty.hadBreak = true;
    await this.inner.disconnect!(faulty.inner);
  }

  async reconnect(port: ClusterPort): Promise<void> {
    const faulty = this.ports.get(port)!;
    faulty.broken = false;
    await this.inner.reconnect!(faulty.inner);
  }

  async restart(): Promise<void> {
    this.engine.restarts++;
    await this.inner.restart!();
  }

  async close(): Promise<void> {
    for (const port of this.ports.values()) await port.inner.close();
    await this.inner.close();
  }
}
