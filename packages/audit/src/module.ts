import { Tokens } from '@gpu-bridge/abstractions';
import type { Clock, Logger } from '@gpu-bridge/abstractions';
import { ContainerModule } from 'inversify';
import type { ResolvedAuditOptions } from './options.js';
import { AuditLog } from './recorder/audit-log.js';

/** Records the jobs of this silo. Needs `Tokens.Clock` and `Tokens.Logger`. */
export function auditModule(options: ResolvedAuditOptions): ContainerModule {
  return new ContainerModule(({ bind }) => {
    bind(Tokens.JobRecorder)
      .toResolvedValue(
        (clock: Clock, logger: Logger) => new AuditLog(options, clock, logger),
        [Tokens.Clock, Tokens.Logger],
      )
      .inSingletonScope();
    bind(Tokens.LifecycleParticipant).toService(Tokens.JobRecorder);
  });
}
