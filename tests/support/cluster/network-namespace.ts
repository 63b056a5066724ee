import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';

const IP = '/usr/sbin/ip';
const PREFIX = 'gb-fault-';

const open = new Set<NetworkNamespace>();
process.on('exit', () => {
  for (const namespace of open) namespace[Symbol.dispose]();
});

/**
 * A network namespace with one link to this one, which a test can cut: packets vanish, and nobody is told. Removed when it is
 * disposed of, with this process at the latest, and by the next process that makes one.
 */
export class NetworkNamespace implements Disposable {
  private readonly name = `${PREFIX}${process.pid}`;
  /** Names of interfaces have 15 characters. */
  private readonly link = `gbf${process.pid}`;
  /** This side's address, which the other side reaches. */
  readonly hostAddress: string;

  constructor() {
    removeLeftOvers();
    const network = `10.199.${(process.pid >> 6) & 255}`;
    const first = (process.pid & 63) * 4;
    this.hostAddress = `${network}.${first + 1}`;
    const { name, link } = this;
    open.add(this);
    try {
      ip('netns', 'add', name);
      ip('link', 'add', link, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name);
      ip('address', 'add', `${this.hostAddress}/30`, 'dev', link);
      ip('link', 'set', link, 'up');
      ip('-n', name, 'address', 'add', `${network}.${first + 2}/30`, 'dev', 'eth0');
      ip('-n', name, 'link', 'set', 'eth0', 'up');
      ip('-n', name, 'link', 'set', 'lo', 'up');
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  /** Why none can be made here; undefined where it can. */
  static absence(): string | undefined {
    try {
      new NetworkNamespace()[Symbol.dispose]();
      return undefined;
    } catch (error) {
      return `no network namespaces here: ${String(error).split('\n')[0]}`;
    }
  }

  /** Command that runs another one within. */
  get within(): [string, ...string[]] {
    return [IP, 'netns', 'exec', this.name];
  }

  cut(): void {
    ip('link', 'set', this.link, 'down');
  }

  heal(): void {
    ip('link', 'set', this.link, 'up');
  }

  [Symbol.dispose](): void {
    open.delete(this);
    for (const args of [
      ['link', 'del', this.link],
      ['netns', 'del', this.name],
    ]) {
      try {
        ip(...args);
      } catch {
        // It was never made.
      }
    }
  }
}

function ip(...args: readonly string[]): string {
  return execFileSync(IP, args, { encoding: 'utf8', stdio: 'pipe' });
}

/** Of processes that were killed before they could. */
function removeLeftOvers(): void {
  for (const line of ip('netns', 'list').split('\n')) {
    const name = line.split(' ')[0]!;
    const pid = Number(name.slice(PREFIX.length));
    if (name.startsWith(PREFIX) && !existsSync(`/proc/${pid}`)) ip('netns', 'del', name);
  }
}
