import { Op, RingMemory, SiloEnd, Status } from '@gpu-bridge/protocol';
import type { Cqe, Sqe } from '@gpu-bridge/protocol';
import type { BackendFault } from './backend-fault.js';

/** A fault that happens to a completion now and then happens to each fifth. */
const NOW_AND_THEN = 5;

const OK_INSTEAD_OF: Partial<Record<BackendFault, Status>> = {
  'unknown-kernel-is-ok': Status.UNKNOWN_KERNEL,
  'bad-block-is-ok': Status.BAD_ARGUMENT_BLOCK,
  'bad-range-is-ok': Status.BAD_RANGE,
  'fault-is-ok': Status.KERNEL_FAULT,
  'load-failure-is-ok': Status.LOAD_FAILED,
};

/** The silo's end of a ring that misbehaves in what it passes on, in either direction. */
export class FaultyRing extends SiloEnd {
  private reapedCount = 0;
  private violations = 0;
  private again: Cqe | undefined;
  private readonly early: Cqe[] = [];
  private readonly loaded = new Set<number>();
  private before: Uint8Array | undefined;

  /** @param arena - the device's arena, which memory faults write to. */
  constructor(
    memory: RingMemory,
    private readonly fault: BackendFault,
    private readonly arena: Uint8Array,
  ) {
    super(fault === 'lost-wake-up' ? deaf(memory) : memory);
  }

  override submit(entry: Readonly<Sqe>): number {
    if (this.fault === 'wrong-result' || this.fault === 'writes-outside-output') this.before ??= this.arena.slice();
    return super.submit(this.misread(entry));
  }

  override ready(): boolean {
    return this.again !== undefined || this.early.length > 0 || super.ready();
  }

  override reap(into: Cqe): boolean {
    if (this.again !== undefined) {
      Object.assign(into, this.again);
      this.again = undefined;
      return true;
    }
    const held = this.early.shift();
    if (held !== undefined) {
      Object.assign(into, held);
      return true;
    }
    if (!super.reap(into)) return false;
    this.reapedCount++;
    const nowAndThen = this.reapedCount % NOW_AND_THEN === 0;
    if (this.fault === 'lost-completion' && nowAndThen) return super.reap(into);
    if (this.fault === 'duplicate-completion' && nowAndThen) this.again = { ...into };
    if (this.fault === 'swapped-completions' && super.ready()) {
      this.early.push({ ...into });
      super.reap(into);
    }
    this.corrupt(into);
    return true;
  }

  private misread(entry: Readonly<Sqe>): Readonly<Sqe> {
    const { op, kernel, firstItem, itemCount } = entry;
    if (op === Op.LOAD_KERNEL) this.loaded.add(kernel);
    switch (this.fault) {
      case 'ignores-first-item':
        return { ...entry, firstItem: 0, itemCount: firstItem + itemCount };
      case 'skips-last-item':
        return itemCount > 1 ? { ...entry, itemCount: itemCount - 1 } : entry;
      case 'accepts-stale-generation':
        return { ...entry, generation: this.memory.generation };
      case 'accepts-unknown-op':
        return op === Op.LOAD_KERNEL ? entry : { ...entry, op: Op.RUN };
      case 'forgets-kernels':
        return this.memory.generation === 1 || this.loaded.has(kernel) ? entry : { ...entry, kernel: 2 ** 32 - 1 };
      default:
        return entry;
    }
  }

  private corrupt(cqe: Cqe): void {
    if (cqe.status === OK_INSTEAD_OF[this.fault]) cqe.status = Status.OK;
    switch (this.fault) {
      case 'wrong-user-data':
        cqe.userDataHigh = (cqe.userDataHigh ^ 1) >>> 0;
        break;
      case 'wrong-generation':
        cqe.generation++;
        break;
      case 'violations-not-counted':
        cqe.violations = 0;
        break;
      case 'violations-summed':
        cqe.violations = this.violations += cqe.violations;
        break;
      case 'no-duration':
        cqe.durationNs = 0;
        break;
      case 'wrong-result':
        this.damage((changed) => changed[0], 0);
        break;
      case 'writes-outside-output':
        this.damage((changed) => changed.at(-1), 1);
        break;
      default:
    }
  }

  /** Flips a bit of the byte `distance` behind the one that `pick` takes from those that were written since `submit`. */
  private damage(pick: (changed: readonly number[]) => number | undefined, distance: number): void {
    const { arena, before } = this;
    this.before = undefined;
    if (before === undefined) return;
    const changed: number[] = [];
    arena.forEach((byte, i) => byte !== before[i] && changed.push(i));
    const at = pick(changed);
    if (at !== undefined) arena[at + distance]! ^= 0x40;
  }
}

/** The same ring for a silo that rings no bell. */
function deaf(memory: RingMemory): RingMemory {
  const { buffer, byteOffset } = memory.words;
  const copy = new RingMemory(buffer, byteOffset, memory.capacity, memory.signals);
  copy.wake = () => undefined;
  return copy;
}
