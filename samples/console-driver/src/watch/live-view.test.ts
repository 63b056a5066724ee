import type { DeviceInfo, GrainFactory, SiloDiagnostics, TenantInfo } from '@gpu-bridge/abstractions';
import type { ClusterHealth, SiloHealth } from '@gpu-bridge/grains';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { healthLines } from './health-lines.js';
import { LiveView } from './live-view.js';
import type { Screen } from './live-view.js';

const device = {
  description: { id: 'cpu:0' },
  health: 'healthy',
  pressure: { deviceId: 'cpu:0', queuedJobs: 12, queueUse: 0.5, utilisation: 1 },
  arena: { usedBytes: 3 * 2 ** 20, capacityBytes: 64 * 2 ** 20 },
  counters: { completed: 41, failed: 2, deaths: 1 },
  latencyUs: { count: 41, p50: 1_500, p95: 2_500, p99: 9_990, max: 10_000 },
} as DeviceInfo;
const tenant = {
  ...{
    tenant: 'acme',
    queuedJobs: 12,
    completed: 41,
    failed: 2,
    refusedByQueue: 1,
    refusedByRate: 2,
    refusedByQuota: 4,
  },
  ...{ arenaBytes: 2 ** 20, latencyUs: { count: 41, p50: 1_500, p95: 2_500, p99: 9_990 } },
} as TenantInfo;
const silo: SiloHealth = {
  ...{ siloId: 'silo-1', address: 'silo-1.1', state: 'active', reason: undefined, ageMs: 0, devices: [] },
  diagnostics: { siloId: 'silo-1', devices: [device], tenants: [tenant] } as unknown as SiloDiagnostics,
};
const dead: SiloHealth = {
  ...silo,
  ...{ siloId: 'silo-2', state: 'unreachable', diagnostics: undefined, reason: 'it is dead' },
};
const health: ClusterHealth = {
  ...{ verdict: 'degraded', reasons: ['silo silo-2 is unreachable'], silos: [silo, dead], takenAtMs: 0 },
};
const WORK = { label: 'decomposing', done: 1_200, total: 5_000 };

describe('the picture of a cluster', () => {
  it('has the work, silos, devices, tenants and what is wrong, in columns', () => {
    expect(healthLines(health, WORK)).toEqual([
      'GpuBridge · decomposing 1,200 of 5,000 · degraded',
      'silos: silo-1 active · silo-2 unreachable',
      '',
      'device  silo    health   queue          busy              arena MiB    done  failed  deaths  p50 ms  p95   p99',
      'cpu:0   silo-1  healthy  █████░░░░░ 12  ██████████ 100 %  3.0 of 64.0  41    2       1       1.50    2.50  9.99',
      '',
      'tenant  silo    waiting  done  failed  refused  arena MiB  p50 ms  p95   p99',
      'acme    silo-1  12       41    2       7        1.0        1.50    2.50  9.99',
      '',
      '! silo silo-2 is unreachable',
    ]);
  });
});

class Written implements Screen {
  text = '';
  readonly columns = 30;
  readonly rows = 6;
  constructor(readonly isTTY: boolean) {}
  write(text: string): void {
    this.text += text;
  }
}

let view: LiveView | undefined;
afterEach(() => view?.stop());

/** A view of a cluster that answers at once. */
function watch(screen: Written, lines: Written, ask = async () => health): LiveView {
  const factory = { getGrain: () => ({ getClusterHealth: ask }) } as unknown as GrainFactory;
  view = new LiveView(factory, screen, lines);
  view.begin('decomposing', 5_000);
  view.update(1_200);
  return view;
}

describe('the live view', () => {
  it('draws on the other screen of a terminal, within its size, and gives the terminal back once', async () => {
    const screen = new Written(true);
    const lines = new Written(false);
    watch(screen, lines);
    await vi.waitFor(() => expect(screen.text).toContain('cpu:0'));
    expect(screen.text.startsWith('\x1b[?1049h\x1b[?25l\x1b[H')).toBe(true);
    const picture = screen.text.split('\x1b[H')[1]!.split('\n');
    expect(picture).toHaveLength(6);
    for (const line of picture.slice(0, 5)) expect(line.replace('\x1b[K', '').length).toBeLessThanOrEqual(30);
    view!.stop();
    view!.stop();
    expect(screen.text.endsWith('\x1b[?25h\x1b[?1049l')).toBe(true);
    expect(screen.text.split('\x1b[?1049l')).toHaveLength(2);
    expect(lines.text).toBe('');
  });

  it('gives the terminal back at the first interrupt, and leaves the second to the process', () => {
    const before = process.listenerCount('SIGINT');
    const screen = new Written(true);
    watch(screen, new Written(false));
    expect(process.listenerCount('SIGINT')).toBe(before + 1);
    process.listeners('SIGINT').at(-1)!('SIGINT');
    expect(screen.text.endsWith('\x1b[?1049l')).toBe(true);
    expect(process.listenerCount('SIGINT')).toBe(before);
  });

  it('writes plain lines where nothing can be drawn, and nothing of a silo that does not answer', async () => {
    const screen = new Written(false);
    const lines = new Written(false);
    watch(screen, lines);
    await vi.waitFor(() => expect(lines.text).not.toBe(''));
    expect(lines.text).toBe(
      'watch: decomposing 1,200 of 5,000 · degraded · ' +
        'silo-1/cpu:0 queue 12 busy 100 % done 41 p95 2.50 ms · silo-2 unreachable\n',
    );
    expect(screen.text).toBe('');
    view!.stop();
    const asked = vi.fn(() => Promise.reject(new Error('draining')));
    const none = new Written(false);
    watch(screen, none, asked);
    await vi.waitFor(() => expect(asked).toHaveBeenCalled());
    expect(none.text).toBe('');
  });
});
