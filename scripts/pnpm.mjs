// Starts programs for the other scripts: one place for signals, exit codes and the pinned pnpm.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));

const forwarded = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/**
 * Runs a program in the repository root and waits for its end.
 *
 * @param stdio - 'inherit' shows its output; 'pipe' collects stdout and stderr into `output`.
 * @returns the exit code, 128 + n after signal n and 127 when the program is not there.
 */
export function run(command, args, { stdio = 'inherit', env = {} } = {}) {
  return new Promise((resolve) => {
    // A process group of its own: npx puts a shell before the program, and a signal to the shell alone stops nothing.
    const child = spawn(command, args, { cwd: root, stdio, env: { ...process.env, ...env }, detached: true });
    let output = '';
    child.stdout?.on('data', (chunk) => (output += chunk));
    child.stderr?.on('data', (chunk) => (output += chunk));

    let forwardedAtMs = -Infinity;
    const forward = (signal) => {
      // Ctrl-C comes twice, from the terminal and from npm; the program must not take the echo for impatience.
      const nowMs = performance.now();
      if (nowMs - forwardedAtMs < 300) return;
      forwardedAtMs = nowMs;
      if (child.pid) process.kill(-child.pid, signal);
    };
    const finish = (code) => {
      for (const signal of forwarded) process.off(signal, forward);
      resolve({ code, output });
    };
    for (const signal of forwarded) process.on(signal, forward);
    child.on('error', (error) => {
      output += error.message;
      finish(127);
    });
    child.on('close', (code, signal) => finish(signal ? 128 + constants.signals[signal] : code));
  });
}

/** Runs pnpm in the version that package.json names; npx fetches it where it is not installed. */
export function pnpm(args, options = {}) {
  const { packageManager } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  // `npm run -s` would silence pnpm through the environment, its errors included.
  const env = { TURBO_TELEMETRY_DISABLED: '1', npm_config_loglevel: 'error', ...options.env };
  return run('npx', ['--yes', packageManager, ...args], { ...options, env });
}

// As a program: `node scripts/pnpm.mjs ARGS`.
if (process.argv[1] === import.meta.filename) {
  process.exitCode = (await pnpm(process.argv.slice(2))).code;
}
