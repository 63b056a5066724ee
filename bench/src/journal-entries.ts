import type { Benchmark } from './report.js';
export const journalEntries: Benchmark = { name: 'je', describe: 'todo', run: () => Promise.resolve([]) };
