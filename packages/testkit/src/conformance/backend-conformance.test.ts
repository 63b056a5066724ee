import { BodyCompiler } from '../compiler/body-compiler.js';
import { ReferenceBackend } from '../reference/reference-backend.js';
import type { ReferenceExecutor } from '../reference/reference-executor.js';
import { describeBackendConformance } from './backend-conformance.js';

describeBackendConformance({
  name: 'the reference backend',
  createBackend: () => new ReferenceBackend(),
  compiler: new BodyCompiler(),
  lacks: { preemption: 'it runs in the thread of its caller' },
  provokeExit: (executor) => (executor as ReferenceExecutor).exit('a test made it die'),
});
