import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { Clock } from '@gpu-bridge/abstractions';
import type { GrainSlot } from '../activations/grain-slot.js';
import type { RegisteredGrain } from '../activations/registered-grain.js';
import type { CallReceiver, RemoteCall } from '../messaging/remote-call.js';
import type { Membership } from '../membership/membership.js';
import type { CapacityLedger } from '../placement/capacity-ledger.js';
import type { SlotTable } from '../references/slot-table.js';
import { CallRefused } from './call-refused.js';
import { untilEnd } from './ending-stream.js';
import { nameOf } from './routed-type.js';

/** What the service of a silo needs. */
export interface CallServing {
  readonly siloId: string;
  readonly clock: Clock;
  readonly membership: Pick<Membership, 'isFenced' | 'isDead'>;
  readonly ledger: Pick<CapacityLedger, 'tryReserve' | 'release' | 'busy'>;
  /** Grains of a type that this silo hosts. */
  find(type: string): SlotTable | undefined;
}

/** Takes the calls of other silos to the grains of this one, or refuses them before anything runs. */
export class CallService implements CallReceiver {
  constructor(private readonly serving: CallServing) {}

  /**
   * @returns plain data, or an async iterable of it.
   * @throws CallRefused when nothing ran; else what the grain threw.
   */
  async receive(call: RemoteCall, from: string): Promise<unknown> {
    const { siloId, ledger, membership } = this.serving;
    // What a silo had sent may come after its death was told: nobody would ever cancel it, or read its stream.
    if (membership.isDead(from))
      throw refused('SILO_UNREACHABLE', { siloId: from, reason: 'it is dead' }, `the caller's silo ${from} is dead`);
    const { type, key } = call.grain;
    const table = this.serving.find(type);
    if (table === undefined)
      throw refused(
        'GRAIN_NOT_FOUND',
        { grain: type, known: [] },
        `silo ${siloId} does not host grains of type ${type}`,
      );
    const followUp = table.grain.followUp(call.method);
    if (followUp !== undefined) return followUp(call.request, ...call.args);
    const slot = table.slot(key);
    if (table.grain.keyed) this.checkOwnership(call, slot);
    if (!call.placed) return this.run(call, table.grain, slot);
    if (!ledger.tryReserve()) throw new CallRefused(ledger.busy(siloId));
    return untilEnd(this.run(call, table.grain, slot), () => ledger.release());
  }

  /** A fenced silo answers for nothing; and a caller that knows a newer token has met the owner that came after us. */
  private checkOwnership({ grain, fencingToken }: RemoteCall, slot: GrainSlot): void {
    const { siloId, membership } = this.serving;
    if (!membership.isFenced() && fencingToken <= (slot.fencingToken ?? Number.POSITIVE_INFINITY)) return;
    throw refused(
      'LEASE_FENCED',
      { what: nameOf(grain), fencingToken },
      `silo ${siloId} has lost grain ${nameOf(grain)}`,
    );
  }

  private async run(call: RemoteCall, grain: RegisteredGrain, slot: GrainSlot): Promise<unknown> {
    const form = grain.remoteForms?.[call.method];
    const args = form?.unpackArguments?.([...call.args], this.serving.clock) ?? [...call.args];
    const hook = [grain.receiveReminder, grain.arrive].find(({ name }) => name === call.method);
    const method = hook ?? grain.method(call.method);
    const result = await slot.call(method, args, call.request);
    return form?.toStream === undefined ? result : form.toStream(result);
  }
}

function refused<C extends ConstructorParameters<typeof GpuBridgeError>[0]>(
  ...[code, details, message]: ConstructorParameters<typeof GpuBridgeError<C>>
): CallRefused {
  return new CallRefused(new GpuBridgeError(code, details, message));
}
