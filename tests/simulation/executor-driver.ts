import type { EntryFault, ReferenceExecutor, SeededRandom } from '@gpu-bridge/testkit';
import type { OwnedExecutor, SimBridge, SimulatedJob, SlotRecord } from './sim-bridge.js';
import type { TrackedJob } from './tracked-job.js';

/** Runs what is in the rings, entry by entry, and lets executors die or hang: over cursed items, or for no reason. */
export class ExecutorDriver {
  constructor(
    private readonly random: SeededRandom,
    private readonly sim: SimBridge,
    private readonly tracked: (job: SimulatedJob) => TrackedJob,
  ) {}

  stepSome(): void {
    for (let n = 1 + this.random.below(6); n > 0; n--) this.step(this.drawExecutor());
  }

  /** Runs all that is there. */
  runUntilIdle(): void {
    for (const owned of this.sim.executors) while (this.step(owned));
  }

  /** An executor dies between two entries, or in the next one, whatever that is. */
  faultSome(): void {
    const { random } = this;
    const { owner, executor } = this.drawExecutor();
    if (!executor.isAlive || owner.device.isFrozen) return;
    const record = owner.nextRecord(executor);
    if (record === undefined || random.below(2) === 0) {
      executor.exit('the simulation lets it die');
      return;
    }
    this.fault(executor, record, random.below(2) === 0 ? 'exit' : 'hang');
    executor.step();
  }

  /** Something from outside: a device's process stands still, or is killed for a reason of somebody else's. */
  disturbSome(): void {
    const { device } = this.sim.drawDevice(this.random);
    if (device.description.faultDomain === 'executor') return;
    if (this.random.below(2) === 0) device.isFrozen = true;
    else device.executors[0]!.exit('the simulation kills its process', 'collateral');
  }

  /** Runs an entry; one that holds a cursed item makes the executor die or hang. */
  private step({ owner, executor }: OwnedExecutor): boolean {
    const record = executor.isAlive ? owner.nextRecord(executor) : undefined;
    const fault = record === undefined ? undefined : this.cursedFault(record);
    if (record !== undefined && fault !== undefined && !owner.device.isFrozen) this.fault(executor, record, fault);
    return executor.step();
  }

  private fault(executor: ReferenceExecutor, record: SlotRecord, fault: EntryFault): void {
    if (record.isSuspect) for (const job of record.jobs()) this.tracked(job).aloneFaults++;
    executor.faultAtNextEntry(fault);
  }

  private cursedFault(record: SlotRecord): EntryFault | undefined {
    for (const job of record.jobs()) {
      const { curse } = this.tracked(job).request;
      if (curse === undefined) continue;
      const item = job.firstItem + curse.item;
      if (item >= record.firstItem && item < record.firstItem + record.itemCount) return curse.fault;
    }
    return undefined;
  }

  private drawExecutor(): OwnedExecutor {
    const { executors } = this.sim;
    return executors[this.random.below(executors.length)]!;
  }
}
