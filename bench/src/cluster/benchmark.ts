import type { Benchmark } from '../report.js';
import { localCalls } from './local-calls.js';

export const cluster: Benchmark = {
  name: 'cluster',
  describe: 'calls of grains: within a silo, bare and traced',
  run: () => localCalls(),
};
