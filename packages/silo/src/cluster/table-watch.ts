import type { Cancellable, Clock, TableChange } from '@gpu-bridge/abstractions';
import { ENGINE, transmitLater } from './network.js';
import type { Network } from './network.js';

/** How long the engine waits before it sends again what was lost on its way to a watcher. */
const RESEND_MS = 1_000;

interface WatchServices {
  readonly network: Network;
  readonly clock: Clock;
  readonly table: string;
  readonly port: { readonly id: string; readonly connected: boolean };
}

/** What one watcher has still to be told. One batch at a time is on its way, so that order holds. */
export class TableWatch implements Disposable {
  /** The newest change of each key, in order of revision: as long as the table has keys, however long a break lasts. */
  private pending = new Map<string, TableChange>();
  private known = 0;
  private sending = false;
  disposed = false;
  private again: Cancellable | undefined;

  constructor(
    private readonly services: WatchServices,
    private readonly listener: (change: TableChange) => void,
    private readonly onDispose: (watch: TableWatch) => void,
  ) {}

  /**
   * Takes the rows, to be sent by `resume`.
   *
   * @param revision - up to which the rows say everything.
   */
  begin(rows: readonly TableChange[], revision: number): void {
    for (const row of rows) this.pending.set(row.key, row);
    this.known = revision;
  }

  tell(change: TableChange): void {
    // Written before the watch began, and stored only now.
    if (change.revision <= this.known) return;
    this.known = change.revision;
    this.pending.delete(change.key);
    this.pending.set(change.key, change);
    this.send();
  }

  /** Sends what waits: the rows are stored, or the port is connected again. */
  resume(): void {
    this.send();
  }

  [Symbol.dispose](): void {
    this.disposed = true;
    this.pending.clear();
    this.again?.cancel();
    this.onDispose(this);
  }

  private send(): void {
    const { network, clock, table, port } = this.services;
    if (this.sending || this.disposed || this.pending.size === 0 || !port.connected) return;
    this.sending = true;
    this.again?.cancel();
    const batch = this.pending;
    this.pending = new Map();
    transmitLater(network, { kind: 'change', from: ENGINE, to: port.id, what: table }, (arrived) => {
      this.sending = false;
      if (this.disposed) return;
      if (arrived && port.connected) {
        for (const change of batch.values()) this.deliver(change);
        this.send();
        return;
      }
      for (const [key, change] of this.pending) {
        batch.delete(key);
        batch.set(key, change);
      }
      this.pending = batch;
      this.again = clock.schedule(() => this.send(), RESEND_MS);
    });
  }

  private deliver({ key, value, revision }: TableChange): void {
    if (!this.disposed) this.listener({ key, value: value?.slice(), revision });
  }
}
