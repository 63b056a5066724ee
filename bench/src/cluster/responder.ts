/** A process that answers: as a silo with the echo grain, and bare on the same server. Its parent kills it. */
import { Silo } from '@gpu-bridge/silo';
import { connect } from '@nats-io/transport-node';
import { BARE_SUBJECT } from './echo-grain.js';
import { startSilo } from './silo-host.js';

const [siloId, server] = process.argv.slice(2) as [string, string];
const connection = await connect({ servers: server });
connection.subscribe(BARE_SUBJECT, { callback: (error, message) => void (error ?? message.respond(message.data)) });
const { container } = await startSilo(siloId, server, true);
process.send?.(container.get(Silo).getInfo().cluster?.address);
process.on('disconnect', () => process.exit());
