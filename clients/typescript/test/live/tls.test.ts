/** TLS with a real server: `ASSA_TLS` is its port, `ASSA_CA` a file with its certificate, `ASSA_TOKEN` a token. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';

import { Client } from 'assa-client';
import { tcp, type TcpOptions } from 'assa-client/node';

const { ASSA_TLS = '', ASSA_CA = '', ASSA_TOKEN = '' } = process.env;
const live = (name: string, run: () => Promise<void>) => test(name, { skip: !ASSA_TLS && 'ASSA_TLS is not set' }, run);

/** Come and go over TLS. */
async function visit(host: string, tls: TcpOptions['tls']): Promise<void> {
  const client = new Client(tcp(host, Number(ASSA_TLS), { tls: tls ?? true }), { token: ASSA_TOKEN });
  await client.connect();
  await client.close();
}

live('a certificate that is trusted, and of the host', () => visit('localhost', { ca: readFileSync(ASSA_CA) }));

live('of an address', () => visit('127.0.0.1', { ca: readFileSync(ASSA_CA) }));

live('one that nobody trusts is refused', async () => {
  await assert.rejects(visit('localhost', true), /self-signed certificate/);
});

live('one of another host is refused', async () => {
  await assert.rejects(visit('localhost', { ca: readFileSync(ASSA_CA), servername: 'example.org' }), /altnames/);
});
