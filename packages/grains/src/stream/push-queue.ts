import type { RequestContext } from '@gpu-bridge/abstractions';
import type { ItemColumns } from './item-columns.js';
import type { StreamReceipt } from './producer-memory.js';

/** A push that waits for room; its columns are still the caller's. */
interface WaitingPush {
  readonly items: ItemColumns;
  /** Of its call: nobody wants it any more once that has ended. */
  readonly request: RequestContext;
  readonly accept: () => Promise<StreamReceipt>;
  readonly resolve: (receipt: Promise<StreamReceipt>) => void;
  readonly reject: (error: Error) => void;
}

/** Pushes that wait for room, in the order of their calls. */
export class PushQueue {
  private readonly pushes: WaitingPush[] = [];

  get length(): number {
    return this.pushes.length;
  }

  wait(items: ItemColumns, request: RequestContext, accept: () => Promise<StreamReceipt>): Promise<StreamReceipt> {
    return new Promise((resolve, reject) => this.pushes.push({ items, request, accept, resolve, reject }));
  }

  /**
   * Accepts pushes as long as there is room.
   *
   * @param refusal - why a call that has ended meanwhile is not made any more; undefined for one that has not.
   */
  admit(hasRoom: (itemCount: number) => boolean, refusal: (request: RequestContext) => Error | undefined): void {
    for (let push = this.pushes[0]; push !== undefined; push = this.pushes[0]) {
      const error = refusal(push.request);
      if (error === undefined && !hasRoom(push.items.itemCount)) return;
      this.pushes.shift();
      if (error === undefined) push.resolve(push.accept());
      else push.reject(error);
    }
  }

  refuseAll(error: Error): void {
    for (const { reject } of this.pushes.splice(0)) reject(error);
  }
}
