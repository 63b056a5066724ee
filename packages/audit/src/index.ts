export { AuditLog } from './recorder/audit-log.js';
export { auditModule } from './module.js';
export { resolveAuditOptions } from './options.js';
export type { AuditOptions } from './options.js';
export { readJob, readLog } from './read/log-reader.js';
export { verifyLog } from './read/verify-log.js';
export { CapturedJobs } from './replay/captured-jobs.js';
export { replayJob } from './replay/replay-job.js';
