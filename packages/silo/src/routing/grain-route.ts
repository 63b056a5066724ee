import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { Clock, GrainId, RemoteForm, RemoteSide, RemoteStream, RequestContext } from '@gpu-bridge/abstractions';
import { GrainMethod } from '../activations/grain-method.js';
import type { GrainSlot } from '../activations/grain-slot.js';
import type { RemoteCall } from '../messaging/remote-call.js';
import { CallRefused } from './call-refused.js';
import { isStream } from './ending-stream.js';
import { isIdempotent, siloIdOf } from './routed-type.js';
import type { RoutedType } from './routed-type.js';

/** One call, as routes pass it on. */
export interface RoutedCall {
  readonly method: GrainMethod;
  readonly args: unknown[];
  readonly request: RequestContext;
}

/** What a call came back with: from a grain here its own result, from another silo what crossed. */
export interface Reply {
  /** Address of the silo that ran it; undefined: this one. */
  readonly afar: string | undefined;
  readonly value: unknown;
}

/** Sends calls to other silos; `RemoteCalls`. */
interface CallSender {
  call(to: string, call: RemoteCall): Promise<unknown>;
}

/** What the routes of a silo share. */
export interface Routing {
  readonly siloId: string;
  readonly clock: Clock;
  readonly calls: CallSender;
}

/** The way of one grain's calls to wherever the grain is. */
export abstract class GrainRoute {
  /** @param slot - the grain's place here; undefined when this silo does not host its type. */
  protected constructor(
    readonly id: GrainId,
    protected readonly type: RoutedType,
    protected readonly slot: GrainSlot | undefined,
    private readonly shared: Routing,
  ) {}

  /** Makes the call wherever it can be made; tries elsewhere as long as it did not run, or may run twice. */
  protected abstract deliver(call: RoutedCall): Promise<Reply>;

  protected async callWherever(call: RoutedCall): Promise<unknown> {
    const reply = await this.deliver(call);
    const form = this.formOf(call);
    if (reply.afar === undefined || form?.fromStream === undefined) return reply.value;
    return form.fromStream(streamOf(reply.value), this.remoteSide(reply, call, form));
  }

  protected async callHere({ method, args, request }: RoutedCall): Promise<Reply> {
    return { afar: undefined, value: await this.slot!.call(method, args, request) };
  }

  /** Sends the call in the form in which it crosses. @returns what crosses back. */
  protected send(
    to: string,
    call: RoutedCall,
    how: { readonly fencingToken: number; readonly placed: boolean },
  ): Promise<unknown> {
    const { method, request } = call;
    const args = this.formOf(call)?.packArguments?.(call.args, this.shared.clock) ?? call.args;
    return this.shared.calls.call(to, { grain: this.id, method: method.name, args, request, ...how });
  }

  /** Whether the call may be made again after this error, given that it may have run where it was sent. */
  protected mayRepeat(call: RoutedCall, error: unknown): boolean {
    return GpuBridgeError.is(error, 'OUTCOME_UNKNOWN') && isIdempotent(this.type, call.method.name);
  }

  private remoteSide({ afar }: Reply, call: RoutedCall, form: RemoteForm): RemoteSide {
    return {
      siloId: afar === undefined ? this.shared.siloId : siloIdOf(afar),
      call: (method, args) => this.callThere(afar, new GrainMethod(this.id.type, method), args, call.request.tenant),
      again: isIdempotent(this.type, call.method.name)
        ? (change) => this.deliverAgain(change === undefined ? call : { ...call, args: change(call.args) }, form)
        : undefined,
    };
  }

  private async deliverAgain(call: RoutedCall, form: RemoteForm): Promise<RemoteStream> {
    const reply = await this.deliver(call);
    const values = reply.afar === undefined ? form.toStream!(reply.value) : streamOf(reply.value);
    return { values, remote: this.remoteSide(reply, call, form) };
  }

  /** What belongs to a call is asked for in the name of its tenant. */
  private async callThere(
    afar: string | undefined,
    method: GrainMethod,
    args: readonly unknown[],
    tenant: string | undefined,
  ): Promise<unknown> {
    const call = { method, args: [...args], request: tenant === undefined ? {} : { tenant } };
    try {
      if (afar !== undefined) return await this.send(afar, call, { fencingToken: 0, placed: false });
      const followUp = this.slot!.grain.followUp(method.name);
      if (followUp !== undefined) return await followUp(call.request, ...args);
      return (await this.callHere(call)).value;
    } catch (error) {
      throw reasonOf(error);
    }
  }

  protected formOf({ method }: RoutedCall): RemoteForm | undefined {
    return this.type.remoteForms?.[method.name];
  }
}

/** The error of a refused call, for its caller. */
export function reasonOf(error: unknown): unknown {
  return error instanceof CallRefused ? error.reason : error;
}

function streamOf(reply: unknown): AsyncIterable<unknown> {
  if (isStream(reply)) return reply;
  throw new GpuBridgeError('MESSAGE_INVALID', { reason: 'a value where a stream was due' }, 'the reply is no stream');
}
