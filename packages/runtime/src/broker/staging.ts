import type { ComputeDevice } from '@gpu-bridge/abstractions';
import { ArenaAllocator } from '../arena/arena-allocator.js';
import { ArenaResidents } from '../arena/arena-residents.js';
import type { ResidentPins } from '../arena/resident-pins.js';
import { DeviceMemory } from '../columns/device-memory.js';
import type { Job } from '../jobs/job.js';
import type { SourceColumn } from '../columns/bound-inputs.js';
import type { SlotShape } from '../columns/kernel-shape.js';
import { TenantArena } from '../tenancy/tenant-arena.js';
import type { Shortage } from '../tenancy/tenant-arena.js';
import type { TenantAccounts } from '../tenancy/tenant-accounts.js';
import { Batch } from './batch.js';
import { inPlaceColumn, layOutBlock } from './block-layout.js';
import { formJobs } from './coalescing.js';
import type { Lane } from './fair-queue.js';

/** A device's memory as its broker uses it: which jobs become a batch, where it lies, and when its block is free again. */
export class Staging {
  readonly arena: TenantArena;
  readonly memory: DeviceMemory;
  /** Callers' allocations and datasets in the same arena. */
  readonly residents: ArenaResidents;
  /** Batches that have a block. */
  private readonly liveBatches = new Set<Batch>();
  /** One for each work-item that runs at once. */
  private readonly scratchRegions: number;
  private readonly isResident = (column: SourceColumn): boolean => this.residents.holds(column);

  /** @param number - of the device, by which tenants' accounts know it. */
  constructor(device: ComputeDevice, pins: ResidentPins, tenants: TenantAccounts, number: number) {
    this.scratchRegions = device.executors.length * device.description.lanes;
    this.memory = new DeviceMemory(device.memory);
    this.arena = new TenantArena(device, this.memory, tenants, number);
    this.residents = new ArenaResidents(this.arena, this.memory, device.description.id, pins);
  }

  /** Whether memory will come back without anybody asking for it. */
  get hasLiveBatches(): boolean {
    return this.liveBatches.size > 0;
  }

  batches(): readonly Batch[] {
    return [...this.liveBatches];
  }

  /** Bytes that the job takes in the arena, alone in a batch. */
  sizeOf(job: Job): number {
    const isInPlace = (slot: SlotShape): boolean => inPlaceColumn(slot, job.inputs, this.isResident) !== undefined;
    return ArenaAllocator.roundUp(layOutBlock(job.kernel.shape, job.inputs, this.scratchRegions, isInPlace));
  }

  /** Takes the lane's next jobs into one staged batch; where there is no room now, the lane stays as it was. */
  stageNext(lane: Lane): Batch | Shortage {
    const jobs = formJobs(lane, this.isResident);
    const batch = this.tryStage(jobs);
    if (batch instanceof Batch) return batch;
    lane.unshift(jobs);
    if (jobs.length === 1) return batch;
    lane.shift();
    const single = this.tryStage([jobs[0]!]);
    if (!(single instanceof Batch)) lane.unshift([jobs[0]!]);
    return single;
  }

  /** The batch holds nothing any more that somebody needs. */
  free(batch: Batch): void {
    if (batch.block === undefined) return;
    this.arena.free(batch.block);
    batch.block = undefined;
    this.liveBatches.delete(batch);
  }

  private tryStage(jobs: readonly Job[]): Batch | Shortage {
    const { tenant } = jobs[0]!;
    const batch = this.layOut(jobs);
    const block = this.arena.take(tenant, batch.measure(), 'batch');
    if (typeof block === 'string') {
      for (const job of jobs) job.batch = undefined; // they still wait
      return block;
    }
    batch.stage(block, this.memory);
    this.liveBatches.add(batch);
    for (const job of jobs) job.holdsMemory = true;
    return batch;
  }

  private layOut(jobs: readonly Job[]): Batch {
    return new Batch(jobs, this.scratchRegions, this.isResident);
  }
}
