/** What OpenTelemetry hears of two silos, by the SDK that an application registers. */
import { Tokens } from '@gpu-bridge/abstractions';
import type { GrainFactory } from '@gpu-bridge/abstractions';
import { getBatchGrain } from '@gpu-bridge/grains';
import type { GpuBridgeHostOptions } from '@gpu-bridge/hosting';
import { metrics, trace } from '@opentelemetry/api';
import {
  AggregationTemporality,
  DataPointType,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';
import type { Container } from 'inversify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { InProcessTestCluster } from '../support/cluster/in-process-test-cluster.js';
import { spin } from '../support/kernels.js';
import { startSilo } from '../support/silo.js';
import { read, tableBelow } from '../docs/documents.js';

const TRACE_ID = '0af7651916cd43dd8448eb211c80319c';
const CALLER_SPAN = 'b7ad6b7169203331';
const traceparent = `00-${TRACE_ID}-${CALLER_SPAN}-01`;
const NEVER_ENDS = 0xffff_ffff;
const DEVICE: GpuBridgeHostOptions = {
  ...{ kernels: [spin], cpu: { workers: 1, arenaMiB: 16 }, health: { slotBudgetMs: 150 }, telemetry: true },
};
const FRONT: GpuBridgeHostOptions = { cpu: false, requireDevice: false, telemetry: true };

const KINDS: Readonly<Record<number, string>> = {
  [DataPointType.HISTOGRAM]: 'histogram',
  [DataPointType.SUM]: 'counter',
  [DataPointType.GAUGE]: 'gauge',
};

const spans = new InMemorySpanExporter();
const exported = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
const meters = new MeterProvider({
  readers: [new PeriodicExportingMetricReader({ exporter: exported, exportIntervalMillis: 2 ** 30 })],
});
const cluster = new InProcessTestCluster();
let front: Container;
let factory: GrainFactory;

beforeAll(async () => {
  trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] }));
  metrics.setGlobalMeterProvider(meters);
  await cluster.start('device', DEVICE);
  front = await cluster.start('front', FRONT);
  factory = front.get<GrainFactory>(Tokens.GrainFactory);
});
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
  await meters.shutdown();
  trace.disable();
  metrics.disable();
});

/** Runs one item on the silo with the device, and waits until its spans have ended. */
async function run(rounds: number): Promise<readonly ReadableSpan[]> {
  await cluster.sees(front, 2);
  spans.reset();
  const grain = getBatchGrain(factory, spin, { traceparent, tenant: 'acme' });
  const items = { rounds: Uint32Array.of(rounds), x: Uint32Array.of(1) };
  const execution = await grain.execute(items);
  await execution.result;
  execution.dispose();
  const ended = (): readonly ReadableSpan[] =>
    spans.getFinishedSpans().filter(({ name }) => name !== 'gpu-batch/giveUpRemote');
  await expect.poll(() => ended().map(({ name }) => name)).toContain('gpu-batch/execute');
  await expect.poll(() => ended().filter(({ name }) => name === 'gpu-batch/execute')).toHaveLength(2);
  return ended();
}

function one(from: readonly ReadableSpan[], name: string, siloId?: string): ReadableSpan {
  const found = from.filter(
    (s) => s.name === name && (siloId === undefined || s.attributes['gpu_bridge.silo.id'] === siloId),
  );
  expect(found.map((s) => s.name)).toEqual([name]);
  return found[0]!;
}

const parentIdOf = (span: ReadableSpan): string | undefined => span.parentSpanContext?.spanId;
const idOf = (span: ReadableSpan): string => span.spanContext().spanId;

describe('telemetry', () => {
  it('shows one trace from the call through the broker to the attempt, over two silos', async () => {
    const seen = await run(1);
    expect(new Set(seen.map((span) => span.spanContext().traceId))).toEqual(new Set([TRACE_ID]));
    const outgoing = one(seen, 'gpu-batch/execute', 'front');
    const incoming = one(seen, 'gpu-batch/execute', 'device');
    const job = one(seen, 'job spin');
    const attempt = one(seen, 'attempt 1');
    expect([outgoing, incoming, job, attempt].map(parentIdOf)).toEqual([
      CALLER_SPAN,
      ...[outgoing, incoming, job].map(idOf),
    ]);
    expect(job.attributes).toMatchObject({
      'gpu_bridge.kernel': 'spin',
      'gpu_bridge.tenant': 'acme',
      'gpu_bridge.silo.id': 'device',
      'gpu_bridge.device.id': 'cpu:0',
      'gpu_bridge.job.items': 1,
      'gpu_bridge.job.outcome': 'completed',
      'gpu_bridge.job.attempts': 1,
    });
  });

  it('shows an attempt that follows a death as a span of its own', async () => {
    const seen = await run(NEVER_ENDS);
    const job = one(seen, 'job spin');
    // Alone from the second on, and poison after two deaths alone.
    const attempts = [1, 2, 3].map((n) => one(seen, `attempt ${n}`));
    expect(attempts.map(parentIdOf)).toEqual(Array(3).fill(idOf(job)));
    for (const { status } of attempts) expect(status.message).toMatch(/150 ms|budget|slot/);
    expect(job.attributes).toMatchObject({ 'error.type': 'JOB_POISONED', 'gpu_bridge.job.outcome': 'failed' });
  });

  it('says nothing of a silo that was not asked to, and puts nothing around its calls', async () => {
    await using silo = await startSilo({ kernels: [spin], cpu: { workers: 1 } });
    spans.reset();
    const grain = getBatchGrain(silo.container.get<GrainFactory>(Tokens.GrainFactory), spin, { traceparent });
    const execution = await grain.execute({ rounds: Uint32Array.of(1), x: Uint32Array.of(1) });
    expect((await execution.result).outcome).toBe('completed');
    execution.dispose();
    expect(spans.getFinishedSpans()).toEqual([]);
    expect(silo.container.isBound(Tokens.GrainCallFilter)).toBe(false);
  });

  it('tells the metrics that the documentation lists, and no others', async () => {
    await run(1);
    await meters.forceFlush();
    const told = exported
      .getMetrics()
      .at(-1)!
      .scopeMetrics.flatMap((scope) => scope.metrics);
    const rows = tableBelow(read('docs/OPERATIONS.md'), 'Metrics');
    const listed = new Map(rows.map(([name, kind, unit]) => [name!, [kind!, unit!]]));
    for (const { descriptor, dataPointType } of told) {
      const kind = KINDS[dataPointType];
      expect([descriptor.name, ...(listed.get(descriptor.name) ?? [])]).toEqual([
        descriptor.name,
        kind,
        descriptor.unit,
      ]);
    }
    // Nothing is recorded here for audits.
    const missing = [...listed.keys()].filter((name) => told.every(({ descriptor }) => descriptor.name !== name));
    expect(missing.filter((name) => !name.startsWith('gpu_bridge.audit.'))).toEqual([]);
    const points = (name: string) => told.find(({ descriptor }) => descriptor.name === name)?.dataPoints ?? [];
    const here = { 'gpu_bridge.silo.id': 'device', 'gpu_bridge.device.id': 'cpu:0' };
    expect(points('gpu_bridge.device.jobs')).toContainEqual(
      expect.objectContaining({ value: 1, attributes: { ...here, 'gpu_bridge.job.outcome': 'failed' } }),
    );
    expect(points('gpu_bridge.job.duration')).toContainEqual(
      expect.objectContaining({
        attributes: { ...here, 'gpu_bridge.tenant': 'acme', 'gpu_bridge.job.outcome': 'completed' },
        value: expect.objectContaining({ count: 2 }) as unknown,
      }),
    );
    const acme = { 'gpu_bridge.silo.id': 'device', 'gpu_bridge.tenant': 'acme' };
    expect(points('gpu_bridge.tenant.jobs')).toContainEqual(
      expect.objectContaining({ value: 2, attributes: { ...acme, 'gpu_bridge.job.outcome': 'completed' } }),
    );
    expect(points('gpu_bridge.tenant.security')).toContainEqual(
      expect.objectContaining({ value: 0, attributes: { ...acme, 'gpu_bridge.security.check': 'foreign_handle' } }),
    );
    expect(points('gpu_bridge.cluster.silos')).toContainEqual(
      expect.objectContaining({
        value: 2,
        attributes: { 'gpu_bridge.silo.id': 'front', 'gpu_bridge.silo.state': 'active' },
      }),
    );
    expect(points('gpu_bridge.device.deaths')).toContainEqual(expect.objectContaining({ value: 3, attributes: here }));
  });
});
