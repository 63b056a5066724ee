import type { CompiledKernel, KernelTarget } from '@gpu-bridge/abstractions';
import { createKernelCompiler } from '../../index.js';
import { runKernel } from '../argument-block.js';
import type { Outcome } from '../argument-block.js';
import { CUDA_ARCHITECTURES, compilePtx } from '../cuda/nvcc.js';
import { hasGxx } from '../native/native-calls.js';
import { runCpp } from '../native/run-cpp.js';
import { hasOpenCl } from '../opencl/opencl-launches.js';
import { runOpenCl } from '../opencl/run-opencl.js';
import type { RandomProgram } from './random-program.js';

const compiler = createKernelCompiler();

/** A way to run programs, several at once where starting is what costs. */
export interface FuzzTarget {
  readonly name: string;
  readonly isPresent: () => boolean;
  /** One outcome per program; null where the target refuses the program. */
  readonly run: (programs: readonly RandomProgram[], mutate?: Mutation) => (Outcome | null)[];
}
/** Breaks an artifact on purpose. */
export type Mutation = (compiled: CompiledKernel) => CompiledKernel;

/** Null where the target refuses the kernel. */
function compile(
  program: RandomProgram,
  target: KernelTarget,
  simd: 'never' | 'always',
  mutate: Mutation,
): CompiledKernel | null {
  const compiled = compiler.compile(program.definition, { targets: [target], simd });
  return compiled.artifacts.length === 0 ? null : mutate(compiled);
}

function oneByOne(name: string, target: 'js' | 'wasm', simd: 'never' | 'always'): FuzzTarget {
  return {
    name,
    isPresent: () => true,
    run: (programs, mutate = (compiled) => compiled) =>
      programs.map((program) => {
        const compiled = compile(program, target, simd, mutate);
        return compiled && runKernel(compiled, target, program.args);
      }),
  };
}

interface Case {
  readonly compiled: CompiledKernel;
  readonly args: RandomProgram['args'];
}

/** All programs of one precision, which agree on their flags, in one text, because compilers of C take long to start. */
function together(
  name: string,
  target: 'cpp' | 'opencl',
  simd: 'never' | 'always',
  isPresent: () => boolean,
  runAll: (cases: readonly Case[]) => Outcome[],
): FuzzTarget {
  return {
    name,
    isPresent,
    run: (programs, mutate = (compiled) => compiled) => {
      const outcomes = new Map<RandomProgram, Outcome>();
      for (const precision of ['strict', 'default'] as const) {
        const cases = programs.flatMap((program) => {
          const compiled = program.definition.fp === precision ? compile(program, target, simd, mutate) : null;
          return compiled ? [{ program, compiled, args: program.args }] : [];
        });
        const made = cases.length === 0 ? [] : runAll(cases);
        made.forEach((outcome, i) => {
          const of = cases[i]?.program;
          if (of) outcomes.set(of, outcome);
        });
      }
      return programs.map((program) => outcomes.get(program) ?? null);
    },
  };
}

/** What every other target must agree with. */
export const REFERENCE = oneByOne('JavaScript', 'js', 'never');
export const WASM = oneByOne('WebAssembly', 'wasm', 'never');
export const WASM_SIMD = oneByOne('WebAssembly SIMD', 'wasm', 'always');
export const CPP = together('C++', 'cpp', 'never', hasGxx, runCpp);
export const CPP_LANES = together('C++ lanes', 'cpp', 'always', hasGxx, runCpp);
export const OPENCL = together('OpenCL', 'opencl', 'never', hasOpenCl, runOpenCl);

/** The CUDA texts of the programs through nvcc, for every architecture. @throws Error with what nvcc says. */
export function compileCuda(programs: readonly RandomProgram[]): void {
  for (const precision of ['strict', 'default'] as const) {
    const chosen = programs.filter(({ definition }) => definition.fp === precision);
    const artifacts = chosen.flatMap(({ definition }) => compiler.compile(definition, { targets: ['cuda'] }).artifacts);
    const texts = artifacts.flatMap((artifact) => (artifact.target === 'cuda' ? [artifact] : []));
    const [first] = texts;
    if (first === undefined) continue;
    for (const architecture of CUDA_ARCHITECTURES) {
      compilePtx(
        texts.map(({ source }) => source),
        first.flags,
        architecture,
      );
    }
  }
}
