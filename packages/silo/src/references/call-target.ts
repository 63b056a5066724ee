import type { GrainId, RequestContext } from '@gpu-bridge/abstractions';
import type { GrainMethod } from '../activations/grain-method.js';

/** Where the calls of a reference go. */
export interface CallTarget {
  readonly id: GrainId;
  /**
   * @param request - checked.
   * @returns the method's result; never throws, but rejects.
   */
  call(method: GrainMethod, args: unknown[], request: RequestContext): Promise<unknown>;
}
