import { readFileSync } from 'node:fs';

/** The least processors that shared objects are built for ahead of time; the machine that builds may be a better one. */
export interface NativeBaseline {
  /** Operating system, architecture and its level: `linux-x64-v3`, `linux-arm64-v8`. */
  readonly platform: string;
  /** Its name for `-march` of GCC and Clang. */
  readonly march: string;
  /** What a processor needs beyond the least of its architecture, as Linux names it in `/proc/cpuinfo`. */
  readonly extensions: readonly string[];
}

/** What decides which shared objects run on a machine. */
export interface Machine {
  readonly os: string;
  readonly arch: string;
  /** Instruction set extensions by the names of `/proc/cpuinfo`. */
  readonly extensions: () => ReadonlySet<string>;
}

type Level = Omit<NativeBaseline, 'platform'> & { readonly name: string };

const LEVELS: Readonly<Record<string, Level>> = {
  // Microarchitecture level 3 of the x86-64 psABI (AVX2, FMA, BMI2; Haswell, Zen): what eight lanes of f32 fill. `abm` has LZCNT.
  x64: {
    name: 'x64-v3',
    march: 'x86-64-v3',
    extensions: [
      ...['cx16', 'lahf_lm', 'popcnt', 'pni', 'sse4_1', 'sse4_2', 'ssse3'],
      ...['abm', 'avx', 'avx2', 'bmi1', 'bmi2', 'f16c', 'fma', 'movbe', 'xsave'],
    ],
  },
  arm64: { name: 'arm64-v8', march: 'armv8-a', extensions: [] },
};

/** What shared objects are built for on such a machine; undefined where no device would load them. */
export function nativeBaseline({ os, arch }: Pick<Machine, 'os' | 'arch'>): NativeBaseline | undefined {
  const level = LEVELS[arch];
  if (level === undefined) return undefined;
  const { name, march, extensions } = level;
  return { platform: `${os}-${name}`, march, extensions };
}

/** Whether the machine runs what was built for a platform; only Linux says what its processors have. */
export function runsOn(machine: Machine, platform: string): boolean {
  const baseline = nativeBaseline(machine);
  if (machine.os !== 'linux' || baseline?.platform !== platform) return false;
  if (baseline.extensions.length === 0) return true;
  const present = machine.extensions();
  return baseline.extensions.every((extension) => present.has(extension));
}

let extensionsHere: ReadonlySet<string> | undefined;

export const thisMachine: Machine = {
  os: process.platform,
  arch: process.arch,
  // Read once, and late: Linux asks every core for it.
  extensions: () => (extensionsHere ??= readExtensions()),
};

/** Those of the first core; all have the same. None where the table cannot be read. */
function readExtensions(): ReadonlySet<string> {
  try {
    const flags = /^flags\s*: (.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1] ?? '';
    return new Set(flags.split(' '));
  } catch {
    return new Set();
  }
}
