// A usual worker, as most teams would write it: amqplib, a pool of pg, prefetch 100, and one
// transaction per message that inserts its id where it is new, then its record, then acknowledges.
'use strict';
const amqp = require('amqplib');
const { Pool } = require('pg');

const [vhost, queue, eventsText, deadlineText] = process.argv.slice(2);
const events = Number(eventsText);
const prefetch = 100;
const noHash = Buffer.alloc(32);

const insertRecord = {
  name: 'record',
  text: `INSERT INTO bench.records (tenant_id, sequence, event_id, type, occurred_at, recorded_at, actor_kind, actor_id,
           action, crud, resource, resource_id, outcome, correlation_id, source, exchange, payload, leaf, leaf_hash)
         VALUES ($1, nextval('bench.sequence'), $2, $3, $4, now(), $5, $6, $3, '', $7, $8, 'success', $9, $10, $11, $12,
           $13, $14)`,
};
const insertId = {
  name: 'inbox',
  text: 'INSERT INTO bench.inbox (event_id) VALUES ($1) ON CONFLICT DO NOTHING RETURNING event_id',
};

async function handle(pool, message) {
  const { headers } = message.properties;
  const attribute = (name) => headers['cloudEvents_' + name] || '';
  const type = attribute('type');
  const [actorKind, actorId] = attribute('actor').split(':');
  const client = await pool.connect();
  try {
    await client.query('BEGIN');
    const { rowCount } = await client.query({ ...insertId, values: [attribute('id')] });
    if (rowCount === 1) {
      await client.query({
        ...insertRecord,
        values: [attribute('tenantid'), attribute('id'), type, attribute('time'), actorKind, actorId,
          type.split('.')[0], attribute('subject'), attribute('correlationid'), attribute('source'),
          message.fields.exchange, message.content.toString(),
          Buffer.concat([Buffer.from(JSON.stringify(headers)), message.content]), noHash],
      });
    }
    await client.query('COMMIT');
    return rowCount;
  } catch (error) {
    await client.query('ROLLBACK').catch(() => {});
    throw error;
  } finally {
    client.release();
  }
}

async function main() {
  const url = new URL(process.env.AMQP_URL);
  const pool = new Pool({ connectionString: process.env.DATABASE_URL });  // of ten connections, its default
  const connection = await amqp.connect({
    hostname: url.hostname, port: Number(url.port), username: url.username, password: url.password, vhost,
  });
  const channel = await connection.createChannel();
  await channel.prefetch(prefetch);
  let handled = 0;
  let fresh = 0;
  let firstAt = 0;
  await new Promise((resolve, reject) => {
    setTimeout(() => reject(new Error(`its deadline came at ${handled} events`)), Number(deadlineText) * 1000).unref();
    channel.consume(queue, (message) => {
      handle(pool, message).then((inserted) => {
        channel.ack(message);
        firstAt = firstAt || Date.now();
        fresh += inserted;
        handled += 1;
        if (handled === events) resolve();
      }).catch(reject);
    }).catch(reject);
  });
  console.log(JSON.stringify({ fresh, first_at: firstAt / 1000, last_at: Date.now() / 1000 }));
  await channel.close();
  await connection.close();
  await pool.end();
}

main().catch((error) => {
  console.error(`worker.js: ${error.message}`);
  process.exit(1);
});
