/** Resident grains on CPU devices of silos in this process. */
import { Tokens } from '@gpu-bridge/abstractions';
import type { DatasetStore, GrainFactory } from '@gpu-bridge/abstractions';
import { GpuResidentGrain, getResidentGrain } from '@gpu-bridge/grains';
import type { BatchExecution, ResidentDefinition } from '@gpu-bridge/grains';
import { addGpuBridge } from '@gpu-bridge/hosting';
import type { GpuBridgeHostOptions } from '@gpu-bridge/hosting';
import { Silo } from '@gpu-bridge/silo';
import { Container } from 'inversify';
import { describe, expect, test } from 'vitest';
import { InProcessTestCluster } from '../support/cluster/in-process-test-cluster.js';
import { until } from '../support/silo.js';
import { COLUMNS, MemorySource, filled, plus, valuesOf } from '../support/resident.js';

type Definition = ResidentDefinition<typeof COLUMNS>;

const DEVICE: GpuBridgeHostOptions = { kernels: [plus], cpu: { workers: 1, arenaMiB: 8 } };
const NO_DEVICE: GpuBridgeHostOptions = { kernels: [plus], cpu: false, requireDevice: false };

function definitionWith(source?: MemorySource): Definition {
  const common: Definition = { type: 'table', columns: COLUMNS, kernels: [plus] };
  return source === undefined ? common : { ...common, source };
}

function grainOf(container: Container, definition: Definition, key = 'a', tenant?: string) {
  const factory = container.get<GrainFactory>(Tokens.GrainFactory);
  return getResidentGrain(factory, definition, key, tenant === undefined ? {} : { tenant });
}

/** Two silos with a device, and one without, which calls the others. */
async function start(definition: Definition) {
  const cluster = new InProcessTestCluster();
  const [a, b] = [
    await cluster.start('a', { ...DEVICE, residents: [definition] }),
    await cluster.start('b', { ...DEVICE, residents: [definition] }),
  ];
  const front = await cluster.start('front', NO_DEVICE);
  for (const silo of [a, b, front]) await cluster.sees(silo, 3);
  return { cluster, a, b, front, [Symbol.asyncDispose]: () => cluster[Symbol.asyncDispose]() };
}

/** Everything it gave is of one epoch, and its result says which. */
async function epochOf(execution: BatchExecution<{ readonly y: Uint32Array }>, by: number): Promise<string> {
  const values = await valuesOf(execution);
  const { outcome, epoch } = await execution.result;
  expect(outcome).toBe('completed');
  expect(new Set(values)).toEqual(new Set([Number(epoch) + by]));
  return epoch!;
}

function gate() {
  let open!: () => void;
  const passed = new Promise<void>((resolve) => (open = resolve));
  return { passed, open };
}

describe('a resident grain', () => {
  test('answers every call from one epoch, published or migrated as it may be, and fails none', async () => {
    const definition = definitionWith(new MemorySource());
    await using silos = await start(definition);
    const owner = grainOf(silos.a, definition);
    expect(await owner.publish(filled(1))).toBe('1');
    let over = false;
    const seen = new Set<string>();
    const callers = [silos.a, silos.b, silos.front].flatMap((container, at) =>
      [1, 2].map(async (n) => {
        const grain = grainOf(container, definition);
        let last = 0;
        while (!over) {
          const by = 1_000 * (at + 1) + n;
          const epoch = Number(await epochOf(await grain.compute(plus, { by }), by));
          expect(epoch).toBeGreaterThanOrEqual(last); // a caller never goes back
          last = epoch;
          seen.add(`${epoch}`);
        }
      }),
    );
    const places = new Set<string>();
    const tokens: number[] = [];
    try {
      for (let round = 2; round <= 9; round++) {
        expect(await owner.publish(filled(round))).toBe(`${round}`);
        await until(() => seen.has(`${round}`), `epoch ${round} answers`);
        const { siloId, fencingToken, epoch } = await owner.describe();
        expect(epoch).toBe(`${round}`);
        places.add(siloId);
        tokens.push(fencingToken);
        if (round % 2 === 0) await owner.migrate(siloId === 'a' ? 'b' : 'a');
      }
    } finally {
      over = true;
      await Promise.all(callers);
    }
    expect([...places].sort()).toEqual(['a', 'b']);
    expect(tokens).toEqual(tokens.toSorted((x, y) => x - y));
    expect(seen).toEqual(new Set(['1', '2', '3', '4', '5', '6', '7', '8', '9']));
  });

  test('gives the results of a job out where it ran, after the grain has moved', async () => {
    const definition = definitionWith(new MemorySource());
    await using silos = await start(definition);
    const grain = grainOf(silos.front, definition);
    await grain.publish(filled(1));
    const { siloId } = await grain.describe();
    const execution = await grain.compute(plus, { by: 5 });
    await grain.migrate();
    expect((await grain.describe()).siloId).not.toBe(siloId);
    expect(await epochOf(execution, 5)).toBe('1');
    expect(execution.siloId).toBe(siloId);
  });

  test('has the dataset loaded on the silo that it moves to before anybody computes, and keeps pins', async () => {
    const source = new MemorySource();
    const definition = definitionWith(source);
    await using silos = await start(definition);
    const grain = grainOf(silos.front, definition);
    await grain.publish(filled(1));
    await grain.pin('1');
    await grain.update({ z: filled(2).z });
    await grain.migrate();
    const { epochs, epoch, pins } = await grain.describe();
    expect({ epoch, pins }).toEqual({ epoch: '2', pins: ['1'] });
    const resident = epochs.map((info) => [info.epoch, info.residency, info.isCurrent, info.pins]);
    expect(resident.sort()).toEqual([
      ['1', 'resident', false, 1],
      ['2', 'resident', true, 0],
    ]);
    await grain.unpin('1');
    expect((await grain.describe()).epochs.every(({ pins: held }) => held === 0)).toBe(true);
    const { x, z } = source.saved.get('table/a@2')!;
    expect([x, z]).toEqual([filled(1).x, filled(2).z]);
    // Superseded epochs can be computed on, and columns go to the parameters that are named.
    expect(await epochOf(await grain.compute(plus, { by: 1 }, { epoch: '1' }), 1)).toBe('1');
    expect(await epochOf(await grain.compute(plus, { by: 1 }, { bind: { x: 'z' } }), 1)).toBe('2');
  });

  test('keeps answering when its arena is too small for all that was published', async () => {
    const definition = definitionWith(new MemorySource());
    await using cluster = new InProcessTestCluster();
    const silo = await cluster.start('a', { ...DEVICE, residents: [definition] });
    const keys = ['a', 'b', 'c', 'd', 'e'];
    const elements = 2 ** 18; // 2 MiB an epoch, of an arena of 8
    for (const [i, key] of keys.entries()) {
      await grainOf(silo, definition, key).publish(filled(0, elements));
      await grainOf(silo, definition, key).publish(filled(10 * i, elements), `of-${key}`);
    }
    for (let round = 0; round < 2; round++) {
      for (const [i, key] of keys.entries()) {
        const execution = await grainOf(silo, definition, key).compute(plus, { by: 1 });
        const values = await valuesOf(execution);
        expect([values.length, values[0], values.at(-1)]).toEqual([elements, 10 * i + 1, 10 * i + 1]);
        expect((await execution.result).epoch).toBe(`of-${key}`);
      }
    }
    expect(silo.get<DatasetStore>(Tokens.DatasetStore).counters().evictions).toBeGreaterThan(5);
  });

  test('goes on under a new activation, and refuses what a replaced one publishes', async () => {
    const source = new MemorySource();
    const definition = definitionWith(source);
    await using cluster = new InProcessTestCluster();
    const silo = await cluster.start('a', { ...DEVICE, residents: [definition] });
    const grain = grainOf(silo, definition);
    await grain.publish(filled(1));
    const before = await grain.describe();
    // In the middle of a publish, the silo loses its place, and with it the grain.
    const saving = gate();
    const goOn = gate();
    source.onSave = () => {
      saving.open();
      return goOn.passed;
    };
    const refused = expect(grain.publish(filled(2))).rejects.toMatchObject({ code: 'LEASE_FENCED' });
    await saving.passed;
    await silo.get(Silo).fenceKeyed();
    const after = await grain.describe();
    expect(after.fencingToken).toBeGreaterThan(before.fencingToken);
    expect(await epochOf(await grain.compute(plus, { by: 1 }), 1)).toBe('1');
    goOn.open();
    await refused;
    expect(source.saved.has('table/a@2')).toBe(true);
    expect(await epochOf(await grain.compute(plus, { by: 1 }), 1)).toBe('1');
    expect(await grain.publish(filled(3))).toBe('3');
    expect(await epochOf(await grain.compute(plus, { by: 1 }), 1)).toBe('3');
  });

  test('says what is lost when nothing saved it, and does not move before', async () => {
    const definition = definitionWith();
    await using silos = await start(definition);
    const grain = grainOf(silos.front, definition);
    await expect(grain.compute(plus, { by: 1 })).rejects.toMatchObject({ code: 'DATASET_NOT_FOUND' });
    await grain.publish(filled(1));
    const { siloId, isSaved } = await grain.describe();
    expect(isSaved).toBe(false);
    await expect(grain.migrate()).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', details: { field: 'source' } });
    await silos.cluster.stop(siloId);
    const lost = grain.compute(plus, { by: 1 });
    await expect(lost).rejects.toMatchObject({ code: 'DATASET_NOT_FOUND' });
    await expect(lost).rejects.toThrow(/without a source that saves/);
    expect(await grain.publish(filled(2))).toBe('2');
    expect(await epochOf(await grain.compute(plus, { by: 1 }), 1)).toBe('2');
  });

  test('refuses what it cannot do before anything is queued', async () => {
    const definition: Definition = { ...definitionWith(new MemorySource()), tenant: 'acme', sharedWith: ['guest'] };
    await using cluster = new InProcessTestCluster();
    const silo = await cluster.start('a', { ...DEVICE, residents: [definition] });
    const grain = grainOf(silo, definition, 'a', 'acme');
    await grain.publish(filled(1));
    const guest = grainOf(silo, definition, 'a', 'guest');
    expect(await epochOf(await guest.compute(plus, { by: 1 }), 1)).toBe('1');
    const stranger = grainOf(silo, definition, 'a', 'stranger');
    const foreign = { code: 'FOREIGN_HANDLE' };
    await expect(stranger.compute(plus, { by: 1 })).rejects.toMatchObject(foreign);
    await expect(guest.publish(filled(2))).rejects.toMatchObject(foreign);
    await expect(guest.update({ x: filled(2).x })).rejects.toMatchObject(foreign);
    await expect(guest.migrate()).rejects.toMatchObject(foreign);
    const refusals: readonly [string, Promise<unknown>][] = [
      ['options.launch', grain.compute(plus, { by: 1 }, { launch: { globalSize: [1] } })],
      ['options.bind.q', grain.compute(plus, { by: 1 }, { bind: { q: 'x' } })],
      ['options.bind.x', grain.compute(plus, { by: 1 }, { bind: { x: 'w' as 'x' } })],
      ['args.x', grain.compute(plus, { by: 1, x: filled(1).x }, { bind: { x: 'z' } })],
      ['kernel', grain.compute(plus, { by: 1, x: filled(1).x })],
      ['options.mode', grain.compute(plus, { by: 1 }, { mode: 'lend' as 'copy' })],
      ['epoch', grain.publish(filled(2), '7')],
      ['patch', grain.update({})],
      ['siloId', grain.migrate('nowhere')],
    ];
    for (const [field, refusal] of refusals)
      await expect(refusal, field).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', details: { field } });
    await expect(grain.compute(plus, { by: 1 }, { epoch: 'none' })).rejects.toMatchObject({
      code: 'DATASET_NOT_FOUND',
    });
    expect((await grain.describe()).epoch).toBe('1');
  });

  test('of a class of its own has methods and state beside the dataset, which move with it', async () => {
    class Counting extends GpuResidentGrain<{ readonly calls: number }, typeof COLUMNS> {
      async count(): Promise<number> {
        const calls = (this.state?.calls ?? 0) + 1;
        await this.saveState({ calls });
        return calls;
      }
    }
    const definition: ResidentDefinition<typeof COLUMNS, Counting> = {
      ...{ type: 'counting', columns: COLUMNS, source: new MemorySource() },
      grain: Counting,
      interleaving: ['count'],
    };
    await using cluster = new InProcessTestCluster();
    const silo = await cluster.start('a', { ...DEVICE, residents: [definition] });
    await cluster.start('b', { ...DEVICE, residents: [definition] });
    await cluster.sees(silo, 2);
    const grain = getResidentGrain(silo.get<GrainFactory>(Tokens.GrainFactory), definition, 'a');
    // Beside each other, and beside a publish: no write undoes another.
    const counts = [grain.count(), grain.publish(filled(1)), grain.count(), grain.count()];
    await Promise.all(counts);
    await grain.migrate();
    const before = await grain.count();
    expect(before).toBeGreaterThan(1);
    expect(await epochOf(await grain.compute(plus, { by: 1 }), 1)).toBe('1');
    expect(await grain.publish(filled(2))).toBe('2');
    expect(await grain.count()).toBe(before + 1);
  });

  test('lives as long as its silo where nothing keeps state', async () => {
    const definition = definitionWith();
    const container = new Container();
    const host = addGpuBridge(container, {
      ...DEVICE,
      residents: [definition],
      silo: { idleAfterMs: 1, sweepIntervalMs: 1 },
    });
    await host.start();
    try {
      const grain = grainOf(container, definition);
      await grain.publish(filled(1));
      await until(() => container.get(Silo).getInfo().activations === 0, 'it is collected');
      expect(await epochOf(await grain.compute(plus, { by: 1 }), 1)).toBe('1');
      expect(await grain.publish(filled(2))).toBe('2');
      await expect(grain.migrate()).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    } finally {
      await host.stop();
    }
  });
});
