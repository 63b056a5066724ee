import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { CompileOptions } from '@gpu-bridge/abstractions';
import { BodyCompiler } from '@gpu-bridge/testkit';
import { describe, expect, it } from 'vitest';
import { definitionOf } from '../testing/fixture.js';
import { KernelCatalog } from './kernel-catalog.js';

describe('KernelCatalog', () => {
  it('finds a kernel by name, by id and by its definition', () => {
    const catalog = new KernelCatalog(new BodyCompiler());
    const first = definitionOf('first');
    const compiled = catalog.register(first);
    catalog.register(definitionOf('second'));
    expect(catalog.get('first')).toBe(compiled);
    expect(catalog.get(compiled.descriptor.id)).toBe(compiled);
    expect(catalog.get(first)).toBe(compiled);
    expect(catalog.descriptors().map((d) => d.name)).toEqual(['first', 'second']);
  });

  it('refuses a name that is taken, and says what it knows when asked for what it does not', () => {
    const catalog = new KernelCatalog(new BodyCompiler());
    expect(() => catalog.get('first')).toThrow(/KERNEL_NOT_FOUND.*Known: none/);
    catalog.register(definitionOf('first'));
    expect(() => catalog.register(definitionOf('first'))).toThrow(/kernel must be a name no other kernel has/);
    let thrown: unknown;
    try {
      catalog.get(definitionOf('first')); // an equal definition is another kernel until it is registered
    } catch (error) {
      thrown = error;
    }
    if (!GpuBridgeError.is(thrown, 'KERNEL_NOT_FOUND')) throw thrown;
    expect(thrown.details).toEqual({ kernel: 'first', known: ['first'] });
  });

  it('knows nothing of a kernel that does not compile', () => {
    const catalog = new KernelCatalog({
      compile: ({ name }) => {
        throw new GpuBridgeError('KERNEL_BUILD_FAILED', { kernel: name, diagnostics: [] }, 'no');
      },
    });
    expect(() => catalog.register(definitionOf('first'))).toThrow(/KERNEL_BUILD_FAILED/);
    expect(catalog.descriptors()).toEqual([]);
    expect(() => catalog.register(definitionOf('first'))).toThrow(/KERNEL_BUILD_FAILED/);
  });

  it('asks for the targets that devices load, and for nothing where those are the usual ones', () => {
    const asked: (CompileOptions | undefined)[] = [];
    const compiler = new BodyCompiler();
    const catalog = new KernelCatalog({
      compile: (kernel, options) => {
        asked.push(options);
        return compiler.compile(kernel);
      },
    });
    catalog.register(definitionOf('first'), ['wasm', 'wasm']);
    catalog.register(definitionOf('second'), ['wasm', 'cpp', 'opencl', 'cpp']);
    expect(asked).toEqual([undefined, { targets: ['wasm', 'cpp', 'opencl'] }]);
  });
});
