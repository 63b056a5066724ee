import type { GrainContext } from '@gpu-bridge/abstractions';
import { describe, expect, test } from 'vitest';
import { gate, grainClass, settled, startSilo } from '../testing/silo-fixture.js';
import type { Gate } from '../testing/silo-fixture.js';

class Store {
  constructor(
    private readonly context: GrainContext,
    private readonly log: string[],
    private readonly gates: Readonly<Record<string, Gate>>,
  ) {}

  async onActivate(): Promise<void> {
    await this.gates['activate']?.passed;
  }
  write(name: string): Promise<string> {
    return this.run('write', name);
  }
  read(name: string): Promise<string> {
    return this.run('read', name);
  }
  async readAndLeave(name: string): Promise<string> {
    this.context.deactivateOnIdle();
    return this.run('read', name);
  }

  private async run(what: string, name: string): Promise<string> {
    this.log.push(`${what} ${name} starts`);
    await this.gates[name]?.passed;
    this.log.push(`${what} ${name} ends`);
    return this.context.activationId;
  }
}

async function storeSilo(gates: Readonly<Record<string, Gate>>, options: { readonly maxLocal?: number } = {}) {
  const log: string[] = [];
  const kind = options.maxLocal === undefined ? 'keyed' : 'stateless-worker';
  const store = grainClass(
    { ...options, kind, interleaving: ['read', 'readAndLeave'] },
    (context) => new Store(context, log, gates),
  );
  const fixture = await startSilo([store]);
  return { ...fixture, log, grain: fixture.silo.getGrain(store, 'k') };
}

describe('interleaving methods of a non-reentrant grain', () => {
  test('run between the awaits of another turn, before the calls that wait', async () => {
    const gates = { a: gate() };
    const { grain, log, silo } = await storeSilo(gates);
    const writes = [grain.write('a'), grain.write('b')];
    await settled();
    await grain.read('c');
    expect(log).toEqual(['write a starts', 'read c starts', 'read c ends']);
    expect(silo.getInfo().waitingCalls).toBe(1);
    gates.a.open();
    await Promise.all(writes);
    expect(log.slice(3)).toEqual(['write a ends', 'write b starts', 'write b ends']);
  });

  test('hold up no other turn, and two that do not interleave still run one at a time', async () => {
    const gates = { a: gate(), b: gate() };
    const { grain, log } = await storeSilo(gates);
    const read = grain.read('a');
    const writes = [grain.write('b'), grain.write('c')];
    await settled();
    expect(log).toEqual(['read a starts', 'write b starts']);
    gates.a.open();
    await read;
    expect(log).toEqual(['read a starts', 'write b starts', 'read a ends']);
    gates.b.open();
    await Promise.all(writes);
    expect(log.slice(3)).toEqual(['write b ends', 'write c starts', 'write c ends']);
  });

  test('that came before the activation was there start as soon as it is', async () => {
    const gates = { activate: gate(), a: gate() };
    const { grain, log, silo } = await storeSilo(gates);
    const calls = [grain.write('a'), grain.write('b'), grain.read('c')];
    expect(silo.getInfo().waitingCalls).toBe(3);
    gates.activate.open();
    await calls[2];
    expect(log).toContain('read c ends');
    expect(log).not.toContain('write a ends');
    gates.a.open();
    await Promise.all(calls);
  });

  test('keep an activation that shall go until they have ended, while it takes no further call', async () => {
    const gates = { a: gate() };
    const { grain } = await storeSilo(gates);
    const first = await grain.read('z');
    const leaving = grain.readAndLeave('a');
    const behind = [grain.write('b'), grain.read('c')];
    await settled();
    gates.a.open();
    expect(await leaving).toBe(first);
    for (const activationId of await Promise.all(behind)) expect(activationId).not.toBe(first);
  });

  test('of a stateless worker spread over its activations', async () => {
    const gates = { a: gate() };
    const { grain } = await storeSilo(gates, { maxLocal: 2 });
    await grain.read('z');
    const first = grain.read('a');
    const second = await grain.read('b');
    gates.a.open();
    expect(await first).not.toBe(second);
  });

  test('fail like others, and leave the turn that runs alone', async () => {
    class Fails {
      constructor(private readonly hold: Gate) {}
      async write(): Promise<string> {
        await this.hold.passed;
        return 'written';
      }
      async read(): Promise<void> {
        throw new Error('not readable');
      }
    }
    const hold = gate();
    const fails = grainClass({ interleaving: ['read'] }, () => new Fails(hold));
    const { silo } = await startSilo([fails]);
    const grain = silo.getGrain(fails, 'k');
    const write = grain.write();
    await expect(grain.read()).rejects.toThrow('not readable');
    hold.open();
    expect(await write).toBe('written');
    expect(silo.getInfo().grains['test']).toMatchObject({ servedCalls: 1, failedCalls: 1, runningCalls: 0 });
  });
});
