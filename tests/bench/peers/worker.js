// A usual worker, as most teams would write it: amqplib, a pool of pg, prefetch 100, and one transaction per message,
// then its acknowledgement. Of two jobs:
//   insert   the event's id where it is new, and its record
//   log      also what makes of records a log that can be verified: numbers without gaps for each tenant, the hash of
//            each leaf, and a chain of them, whose head is a row that the transaction locks
'use strict';
const crypto = require('node:crypto');
const amqp = require('amqplib');
const { Pool } = require('pg');

const [job, tenantsText, eventsText, deadlineText] = process.argv.slice(2);
const events = Number(eventsText);
const prefetch = 100;
const noHash = Buffer.alloc(32);

const insertRecord = {
  name: 'record',
  text: `INSERT INTO bench.records (tenant_id, sequence, event_id, type, occurred_at, recorded_at, actor_kind, actor_id,
           action, crud, resource, resource_id, outcome, correlation_id, source, exchange, payload, leaf, leaf_hash)
         VALUES ($1, coalesce($2, nextval('bench.sequence')), $3, $4, $5, now(), $6, $7, $4, '', $8, $9, 'success', $10, $11,
           $12, $13, $14, $15)`,
};
const insertId = {
  name: 'inbox',
  text: 'INSERT INTO bench.inbox (event_id) VALUES ($1) ON CONFLICT DO NOTHING RETURNING event_id',
};
const lockHead = { name: 'lock', text: 'SELECT size, hash FROM bench.heads WHERE tenant_id = $1 FOR UPDATE' };
const moveHead = { name: 'move', text: 'UPDATE bench.heads SET size = size + 1, hash = $2 WHERE tenant_id = $1' };

const sha256 = (...parts) => parts.reduce((hash, part) => hash.update(part), crypto.createHash('sha256')).digest();

// The place of this leaf in its tenant's log, which stays locked until the transaction's end.
async function link(client, tenant, leaf) {
  const { rows: [head] } = await client.query({ ...lockHead, values: [tenant] });
  const leafHash = sha256(Buffer.of(0), leaf);
  await client.query({ ...moveHead, values: [tenant, sha256(Buffer.of(1), head.hash, leafHash)] });
  return { sequence: head.size, leafHash };
}

async function handle(pool, message) {
  const { headers } = message.properties;
  const attribute = (name) => headers['cloudEvents_' + name] || '';
  const type = attribute('type');
  const tenant = attribute('tenantid');
  const [actorKind, actorId] = attribute('actor').split(':');
  const client = await pool.connect();
  try {
    await client.query('BEGIN');
    const { rowCount } = await client.query({ ...insertId, values: [attribute('id')] });
    if (rowCount === 1) {
      const leaf = Buffer.concat([Buffer.from(JSON.stringify(headers)), message.content]);
      const { sequence, leafHash } = job === 'log' ? await link(client, tenant, leaf) : { sequence: null, leafHash: noHash };
      await client.query({
        ...insertRecord,
        values: [tenant, sequence, attribute('id'), type, attribute('time'), actorKind, actorId, type.split('.')[0],
          attribute('subject'), attribute('correlationid'), attribute('source'), message.fields.exchange,
          message.content.toString(), leaf, leafHash],
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

// One connection per vhost: AMQP knows no other way.
async function consume(url, pool, name, handled, failed) {
  const connection = await amqp.connect({
    hostname: url.hostname, port: Number(url.port), username: url.username, password: url.password, vhost: `tenant-${name}`,
  });
  const channel = await connection.createChannel();
  await channel.prefetch(prefetch);
  await channel.consume(`${name}.audit`, (message) => {
    handle(pool, message).then((inserted) => {
      channel.ack(message);
      handled(inserted);
    }).catch(failed);
  });
  return { close: () => channel.close().then(() => connection.close()) };
}

async function main() {
  const url = new URL(process.env.AMQP_URL);
  const pool = new Pool({ connectionString: process.env.DATABASE_URL });  // of ten connections, its default
  const consumers = [];
  let count = 0;
  let fresh = 0;
  let firstAt = 0;
  let lastAt = 0;
  await new Promise((resolve, reject) => {
    setTimeout(() => reject(new Error(`its deadline came at ${count} events`)), Number(deadlineText) * 1000).unref();
    const handled = (inserted) => {
      fresh += inserted;
      count += 1;
      lastAt = Date.now();
      firstAt = firstAt || lastAt;
      if (count === events) resolve();
    };
    (async () => {
      for (let i = 0; i < Number(tenantsText); i += 1) {
        consumers.push(await consume(url, pool, 'bench-' + String(i).padStart(4, '0'), handled, reject));
      }
    })().catch(reject);
  });
  console.log(JSON.stringify({ fresh, first_at: firstAt / 1000, last_at: lastAt / 1000 }));
  await Promise.all(consumers.map((each) => each.close()));
  await pool.end();
}

main().catch((error) => {
  console.error(`worker.js: ${error.message}`);
  process.exit(1);
});
