import { GpuBridgeError } from '@gpu-bridge/abstractions';
import { createUnplugin } from 'unplugin';
import type { UnpluginInstance } from 'unplugin';
import { attachCompiled } from './attach-compiled.js';
import type { GpuBridgeOptions } from './attach-compiled.js';

export type { GpuBridgeOptions } from './attach-compiled.js';

/** The plugin for every bundler that unplugin knows: `gpuBridge.esbuild()`, `gpuBridge.vite()`, `gpuBridge.rollup()`. */
export const gpuBridge: UnpluginInstance<GpuBridgeOptions | undefined> = createUnplugin((options = {}) => ({
  name: 'gpu-bridge',
  // Before other plugins change the source, which findings are located in.
  enforce: 'pre',
  transformInclude: (id) => /\.[cm]?[jt]sx?$/.test(id) && !id.includes('/node_modules/'),
  async transform(code, id) {
    try {
      const attached = await attachCompiled(code, id, options);
      for (const file of attached?.files ?? []) this.addWatchFile(file);
      return attached;
    } catch (e) {
      const first = GpuBridgeError.is(e, 'KERNEL_BUILD_FAILED') ? e.details.diagnostics[0] : undefined;
      if (first === undefined) throw e;
      const { file, line, column } = first;
      return this.error({ id, message: (e as Error).message, loc: { file, line, column: column - 1 } });
    }
  },
}));
