import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { GrainCall, GrainCallFilter, RequestContext } from '@gpu-bridge/abstractions';
import { checkRequest } from '../references/request-context.js';
import { rejected } from './call-errors.js';

/** Makes a call, with the context that the filters have left; may throw, and return anything. */
type RunCall = (request: RequestContext) => unknown;
/** Makes a call through filters; never throws, but rejects. */
export type FilterCall = (call: GrainCall, run: RunCall) => Promise<unknown>;

/**
 * The filters of one direction, the first one outermost.
 *
 * @returns undefined when there are none, so that calls need not pay for them.
 */
export function filterCalls(
  filters: readonly GrainCallFilter[],
  direction: GrainCallFilter['direction'],
): FilterCall | undefined {
  const applied = filters.filter((filter) => filter.direction === direction);
  return applied.length === 0 ? undefined : (call, run) => runFrom(applied, 0, call, run);
}

/** @throws GpuBridgeError `INVALID_ARGUMENT` for what is no filter. */
export function checkFilters(filters: readonly GrainCallFilter[]): readonly GrainCallFilter[] {
  for (const filter of filters) {
    if (filter?.direction !== 'incoming' && filter?.direction !== 'outgoing')
      throw GpuBridgeError.invalidArgument('callFilter.direction', filter?.direction, 'incoming or outgoing');
    if (typeof filter.invoke !== 'function')
      throw GpuBridgeError.invalidArgument('callFilter.invoke', typeof filter.invoke, 'a function');
  }
  return filters;
}

function runFrom(filters: readonly GrainCallFilter[], index: number, call: GrainCall, run: RunCall): Promise<unknown> {
  const filter = filters[index];
  if (filter === undefined) return settle(() => run(call.request));
  let wentOn = false;
  const next = (request?: RequestContext): Promise<unknown> => {
    if (wentOn) return Promise.reject(GpuBridgeError.invalidArgument('next', 'a second call', 'called at most once'));
    wentOn = true;
    if (request === undefined || request === call.request) return runFrom(filters, index + 1, call, run);
    const { grain, method, args } = call;
    return settle(() => runFrom(filters, index + 1, { grain, method, args, request: checkRequest(request) }, run));
  };
  return settle(() => filter.invoke(call, next));
}

/** What an async function would make of the outcome of `action`, without a promise more where it is one already. */
function settle(action: () => unknown): Promise<unknown> {
  try {
    const result = action();
    return result instanceof Promise ? result : Promise.resolve(result);
  } catch (error) {
    return rejected(error);
  }
}
