// Writes rows and entries to the cluster in the folder given, and prints each once it was acknowledged, until it is killed.
import { InProcessCluster } from '@gpu-bridge/silo';

const ignore = () => undefined;
const logger = { debug: ignore, info: ignore, warn: console.error, error: console.error };
const clock = {
  nowNs: () => process.hrtime.bigint(),
  nowMs: () => performance.now(),
  wallMs: () => Date.now(),
  schedule: (callback, delayMs) => {
    const timer = setTimeout(callback, delayMs).unref();
    return { cancel: () => clearTimeout(timer) };
  },
  sleepNs: () => Promise.reject(new Error('nobody sleeps here')),
};
const port = new InProcessCluster({ clock, logger, storage: 'file', folder: process.argv[2] }).port();
await port.open();
const table = await port.openTable('rows');
const stream = await port.openStream('log', { maxEntries: 1_000_000 });
const first = (await table.rows()).length;

async function write(writer) {
  for (let i = first; ; i++) {
    const key = `${writer}-${i}`;
    const revision = await table.create(key, Buffer.from(key));
    console.log(`row ${key} ${revision}`);
    const { sequence } = await stream.publish('subject', Buffer.from(key), { messageId: key });
    console.log(`entry ${key} ${sequence}`);
  }
}
await Promise.all([write('a'), write('b'), write('c')]);
