import type { RequestContext } from '@gpu-bridge/abstractions';
import { GrainSlot } from '../activations/grain-slot.js';
import type { RegisteredGrain } from '../activations/registered-grain.js';
import type { SlotHost } from '../activations/slot-host.js';
import type { FilterCall } from '../activations/call-filters.js';
import { GrainReferences } from './grain-references.js';
import { NO_REQUEST } from './request-context.js';
import type { CallTarget } from './call-target.js';

/**
 * The slots of one grain type by key. A key has one slot as long as anyone holds its reference or it has an
 * activation; after that the slot goes with the garbage, so a key that was used once does not cost memory for ever.
 */
export class SlotTable {
  private readonly slots = new Map<string, WeakRef<GrainSlot>>();
  private readonly references: GrainReferences;
  private readonly collected = new FinalizationRegistry<string>((key) => {
    // By now the key may have a new slot.
    if (this.slots.get(key)?.deref() === undefined) this.slots.delete(key);
  });

  /** @param route - where the calls of a key's references go, and what keeps its slot alive for them. Default: the slot. */
  constructor(
    readonly grain: RegisteredGrain,
    private readonly silo: SlotHost,
    outgoingFilter: FilterCall | undefined,
    private readonly route: (slot: GrainSlot) => CallTarget = (slot) => slot,
  ) {
    this.references = new GrainReferences((name) => grain.method(name), outgoingFilter);
  }

  /** The one reference of a key that carries no request; a new one for each that does. @param request - checked. */
  reference(key: string, request: RequestContext): object {
    const reference = this.slot(key).reference!;
    return request === NO_REQUEST ? reference : this.references.withRequest(reference, request);
  }

  slot(key: string): GrainSlot {
    return this.slots.get(key)?.deref() ?? this.addSlot(key);
  }

  private addSlot(key: string): GrainSlot {
    const slot = new GrainSlot({ type: this.grain.type, key }, this.grain, this.silo);
    slot.reference = this.references.create(this.route(slot), NO_REQUEST);
    this.slots.set(key, new WeakRef(slot));
    this.collected.register(slot, key);
    return slot;
  }
}
