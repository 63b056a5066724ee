import { nativeBaseline } from '@gpu-bridge/kernels/aot';
import { describe, expect, it } from 'vitest';
import { sharedObjectTool } from './native-tools.js';

const toolOn = (arch: string) => sharedObjectTool('g++', 'g++ 12', nativeBaseline({ os: 'linux', arch })!);
const FLAGS = ['-std=c++20', '-ffp-contract=off', '-march=native'];
const REST = ['-shared', '-fPIC', '-o', 'kernel.so', 'kernel.cpp'];

describe('a shared object built ahead of time', () => {
  it('is for every x64 processor with AVX2, not for the one that builds', () => {
    const tool = toolOn('x64');
    expect(tool).toMatchObject({ platform: 'linux-x64-v3', extension: 'linux-x64-v3.so', kind: 'shared-object' });
    const args = tool.args('kernel.cpp', FLAGS, 'kernel.so');
    expect(args).toEqual(['-std=c++20', '-ffp-contract=off', '-march=x86-64-v3', ...REST]);
  });

  it('is for every arm64 processor', () => {
    const tool = toolOn('arm64');
    expect(tool).toMatchObject({ platform: 'linux-arm64-v8', extension: 'linux-arm64-v8.so' });
    expect(tool.args('kernel.cpp', FLAGS, 'kernel.so')).toContain('-march=armv8-a');
    expect(tool.args('kernel.cpp', FLAGS, 'kernel.so')).not.toContain('-march=native');
  });

  it('names its baseline also where an artifact names no processor', () => {
    expect(toolOn('x64').args('kernel.cpp', ['-O3'], 'kernel.so')).toEqual(['-O3', '-march=x86-64-v3', ...REST]);
  });
});
