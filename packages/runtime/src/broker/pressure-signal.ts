import type { DevicePressure } from '@gpu-bridge/abstractions';
import { Subject } from 'rxjs';
import type { Observable } from 'rxjs';
import type { RingSet } from '../kernel-host/ring-set.js';
import type { FairQueue } from './fair-queue.js';

/** How full a device is; tells subscribers when that has changed, at most once per turn of the event loop. */
export class PressureSignal {
  readonly changes$: Observable<DevicePressure>;
  private readonly changes = new Subject<DevicePressure>();
  private isPending = false;

  constructor(
    private readonly deviceId: string,
    private readonly queue: FairQueue,
    private readonly queueLimit: number,
    private readonly rings: RingSet,
  ) {
    this.changes$ = this.changes.asObservable();
  }

  current(): DevicePressure {
    const { deviceId, queueLimit } = this;
    const { queued: queuedJobs } = this.queue;
    return { deviceId, queuedJobs, queueUse: queuedJobs / queueLimit, utilisation: this.rings.utilisation() };
  }

  notify(): void {
    if (this.isPending || !this.changes.observed) return;
    this.isPending = true;
    setImmediate(() => {
      this.isPending = false;
      this.changes.next(this.current());
    });
  }

  complete(): void {
    this.changes.complete();
  }
}
