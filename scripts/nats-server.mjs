// Starts nats-server processes on loopback, for tests, the demo and benchmarks; nats-server.d.mts has the types.
import { spawn, spawnSync } from 'node:child_process';
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

const PROGRAM = 'nats-server';
/** Where Debian puts servers is not in every user's PATH. */
const PATH = `${process.env.PATH ?? ''}:/usr/sbin`;
/** Also on a busy machine; what hangs ends. */
const START_LIMIT_MS = 30_000;
/** From util-linux. Ends the server with us, however we end. */
const SETPRIV = '/usr/bin/setpriv';
const PORT_ATTEMPTS = 5;

const running = new Set();
process.on('exit', () => {
  for (const server of running) server.killNow();
});

/** Why no server can be started here; undefined where one can. */
export function natsServerAbsence() {
  const { error } = spawnSync(PROGRAM, ['--version'], { env: { ...process.env, PATH } });
  return error === undefined ? undefined : `no ${PROGRAM} (install nats-server of Debian)`;
}

/** @param options - see NatsServerOptions in nats-server.d.mts */
export async function startNatsServer(options = {}) {
  for (let attempt = 1; ; attempt++) {
    const port = options.port ?? (await freePort());
    const server = new Server(port, options);
    try {
      await server.start();
      return server;
    } catch (error) {
      await server.stop();
      // Between our look and the start somebody else may have taken the port.
      const isTaken = /address already in use/.test(String(error));
      if (!isTaken || options.port !== undefined || attempt === PORT_ATTEMPTS) throw error;
    }
  }
}

/** Servers that form one cluster; resolves when all answer clients, which is before they have elected a leader. */
export async function startNatsCluster({ size = 3, ...options } = {}) {
  const routePorts = await Promise.all(Array.from({ length: size }, freePort));
  const routes = routePorts.map((port) => `nats://127.0.0.1:${port}`).join(', ');
  const started = await Promise.allSettled(
    routePorts.map((port, i) => {
      const config = `cluster { name: test, listen: "127.0.0.1:${port}", routes: [${routes}] }\n${options.config ?? ''}`;
      return startNatsServer({ ...options, config, name: `server-${i}` });
    }),
  );
  const servers = started.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
  const stop = async () => void (await Promise.all(servers.map((server) => server.stop())));
  const failed = started.find((outcome) => outcome.status === 'rejected');
  if (failed !== undefined) {
    await stop();
    throw failed.reason;
  }
  return { servers, urls: servers.map((server) => server.url), stop, [Symbol.asyncDispose]: stop };
}

class Server {
  #child;
  #exited = Promise.resolve();

  constructor(port, { name = 'server', config = '', jetStream = true }) {
    this.port = port;
    this.name = name;
    this.url = `nats://127.0.0.1:${port}`;
    this.folder = mkdtempSync(join(tmpdir(), 'gpu-bridge-nats-'));
    this.logFile = join(this.folder, 'server.log');
    const store = `jetstream { store_dir: "${this.folder}", max_memory_store: 256MB, max_file_store: 1GB }`;
    const lines = [`listen: "127.0.0.1:${port}"`, `server_name: ${name}`, jetStream ? store : '', config, ''];
    writeFileSync(join(this.folder, 'server.conf'), lines.join('\n'));
  }

  get pid() {
    return this.#child?.pid;
  }

  /** Resolves when it answers clients. */
  async start() {
    const command = [PROGRAM, '--config', join(this.folder, 'server.conf')];
    const [program, ...args] = existsSync(SETPRIV) ? [SETPRIV, '--pdeathsig', 'KILL', ...command] : command;
    const log = openSync(this.logFile, 'a');
    const child = spawn(program, args, { stdio: ['ignore', log, log], env: { ...process.env, PATH } });
    closeSync(log);
    this.#child = child;
    running.add(this);
    let ended;
    this.#exited = new Promise((resolve) => {
      const end = (reason) => {
        ended = reason;
        running.delete(this);
        resolve();
      };
      child.on('error', (error) => end(error.message));
      child.on('exit', (code, signal) => end(`ended with ${signal ?? code}`));
    });
    const endMs = performance.now() + START_LIMIT_MS;
    while (!(await answers(this.port))) {
      if (ended !== undefined || performance.now() > endMs)
        throw new Error(`nats-server: ${ended ?? 'no answer'}\n${this.log()}`);
      await pause(20);
    }
  }

  log() {
    return existsSync(this.logFile) ? readFileSync(this.logFile, 'utf8') : '';
  }

  /** Stops it in the middle of whatever it does; its folder stays. */
  async kill(signal = 'SIGKILL') {
    this.#child?.kill(signal);
    await this.#exited;
  }

  /** Freezes it: connections stay, nothing answers. */
  pause() {
    this.#child?.kill('SIGSTOP');
  }

  resume() {
    this.#child?.kill('SIGCONT');
  }

  /** Ends it and removes its folder. */
  async stop() {
    this.killNow();
    await this.#exited;
    rmSync(this.folder, { recursive: true, force: true });
  }

  killNow() {
    this.#child?.kill('SIGKILL');
  }

  [Symbol.asyncDispose]() {
    return this.stop();
  }
}

function freePort() {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.on('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

/** Whether a server greets who connects. */
function answers(port) {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    const end = (answer) => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(1_000, () => end(false));
    socket.on('data', () => end(true));
    socket.on('error', () => end(false));
    socket.on('close', () => resolve(false));
  });
}
