import { defineLibrary } from '../tsup.base.js';

export default defineLibrary({
  entry: [
    'src/main.ts',
    'src/soak.ts',
    'src/kernels/worker.ts',
    'src/kernels/peers/peer-process.ts',
    'src/kernels/first-result.ts',
    'src/cluster/responder.ts',
  ],
  dts: false,
});
