import { GrainSlot } from '../activations/grain-slot.js';
import type { SlotHost } from '../activations/grain-slot.js';
import type { RegisteredGrain } from '../activations/registered-grain.js';
import { GrainReferences } from './grain-references.js';

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

  constructor(
    private readonly grain: RegisteredGrain,
    private readonly silo: SlotHost,
  ) {
    this.references = new GrainReferences(grain.type);
  }

  /** The one reference of a key. */
  reference(key: string): object {
    return (this.slots.get(key)?.deref() ?? this.addSlot(key)).reference!;
  }

  private addSlot(key: string): GrainSlot {
    const slot = new GrainSlot({ type: this.grain.type, key }, this.grain, this.silo);
    slot.reference = this.references.create(slot);
    this.slots.set(key, new WeakRef(slot));
    this.collected.register(slot, key);
    return slot;
  }
}
