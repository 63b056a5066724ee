import { GpuBridgeError } from '@gpu-bridge/abstractions';
import { AUDIT_USAGE, runAudit } from './audit/audit-command.js';
import { COMPILE_USAGE, runCompile } from './compile-command.js';
import { UsageError } from './usage-error.js';

const COMMANDS = {
  compile: { usage: COMPILE_USAGE, run: runCompile },
  audit: { usage: AUDIT_USAGE, run: runAudit },
} as const;

const HELP = '  --help         print this';
const USAGE = [...Object.values(COMMANDS).map(({ usage }) => usage), HELP].join('\n\n');

/**
 * Runs one command; returns the exit code: 1 where a kernel does not compile, a log is not as it was written or a replay
 * differs, and where the command fails; 2 where the command line is wrong.
 */
export async function run(args: readonly string[]): Promise<number> {
  const [name, ...rest] = args;
  const usage = name !== undefined && isCommand(name) ? `${COMMANDS[name].usage}\n${HELP}` : USAGE;
  try {
    if (args.includes('--help') || args.includes('-h')) {
      console.log(usage);
      return 0;
    }
    if (name === undefined) throw new UsageError('no command');
    if (!isCommand(name)) throw new UsageError(`unknown command '${name}'`);
    return await COMMANDS[name].run(rest);
  } catch (e) {
    if (e instanceof UsageError) {
      console.error(`gpu-bridge: ${e.message}\n\n${usage}`);
      return 2;
    }
    // What a module throws at its top level is the user's to read in full.
    console.error(GpuBridgeError.is(e) ? `gpu-bridge: ${e.message}` : e);
    return 1;
  }
}

function isCommand(name: string): name is keyof typeof COMMANDS {
  return Object.hasOwn(COMMANDS, name);
}
