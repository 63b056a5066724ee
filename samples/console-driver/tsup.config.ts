import { defineLibrary } from '../../tsup.base.js';

export default defineLibrary({ entry: ['src/main.ts', 'src/silo-process.ts'], dts: false });
