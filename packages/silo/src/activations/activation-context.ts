import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type {
  GrainContext,
  GrainFactory,
  GrainId,
  GrainReminders,
  GrainStorage,
  RequestContext,
  Schedule,
} from '@gpu-bridge/abstractions';
import type { Activation } from './activation.js';
import type { RegisteredGrain } from './registered-grain.js';

/** What a grain sees of its activation. */
export class ActivationContext implements GrainContext {
  readonly id: GrainId;
  readonly activationId: string;
  readonly #activation: Activation;
  readonly #grain: RegisteredGrain;

  constructor(
    activation: Activation,
    grain: RegisteredGrain,
    readonly siloId: string,
    readonly grainFactory: GrainFactory,
  ) {
    this.id = activation.id;
    this.activationId = activation.activationId;
    this.#activation = activation;
    this.#grain = grain;
  }

  get request(): RequestContext {
    return this.#activation.turnRequest;
  }

  get fencingToken(): number {
    return this.#activation.fencingToken;
  }

  get storage(): GrainStorage {
    if (!this.#grain.persistent) throw this.misuse('context.storage', 'used by grain classes with persistent: true');
    return this.#activation.opened?.storage ?? this.unavailable('storage');
  }

  get reminders(): GrainReminders {
    if (!this.#grain.keyed || !this.#activation.receivesReminders)
      throw this.misuse('context.reminders', 'used by keyed grains with receiveReminder, once they are made');
    return this.#activation.opened?.reminders ?? this.unavailable('reminders');
  }

  registerTimer(callback: () => Promise<void> | void, schedule: Schedule): Disposable {
    if (!this.#activation.lives) throw this.misuse('context.registerTimer', 'called before the grain is deactivated');
    return this.#activation.registerTimer(callback, schedule);
  }

  deactivateOnIdle(): void {
    this.#activation.retireOnRequest();
  }

  keepActive(): Disposable {
    return this.#activation.keepActive();
  }

  migrateOnIdle(siloId?: string): void {
    if (!this.#grain.keyed) throw this.misuse('context.migrateOnIdle', 'used by keyed grains');
    if (!this.#activation.lives) throw this.misuse('context.migrateOnIdle', 'called before the grain is deactivated');
    const { opened } = this.#activation;
    if (opened?.chooseSuccessor === undefined)
      throw this.misuse('context.migrateOnIdle', 'used in a silo of a cluster, once the grain is made');
    this.#activation.migrate(opened.chooseSuccessor(siloId));
  }

  private misuse(field: string, expected: string): GpuBridgeError {
    return GpuBridgeError.invalidArgument(field, this.#grain.type, expected);
  }

  private unavailable(what: string): never {
    const { type, key } = this.id;
    const reason = 'nothing durable keeps it in this silo';
    throw new GpuBridgeError('STORAGE_UNAVAILABLE', { what, reason }, `grain ${type}/${key} has no ${what}`);
  }
}
