import type { DevicePressure } from '@gpu-bridge/abstractions';
import { Subject } from 'rxjs';
import type { Observable } from 'rxjs';

/** Tells subscribers of a device's pressure when it has changed, at most once per turn of the event loop. */
export class PressureSignal {
  readonly changes$: Observable<DevicePressure>;
  private readonly changes = new Subject<DevicePressure>();
  private isPending = false;

  constructor(private readonly current: () => DevicePressure) {
    this.changes$ = this.changes.asObservable();
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
