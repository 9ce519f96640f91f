/** The story over `ASSA_TCP` (host:port) or `ASSA_URL` (of the WebSocket); prints the outcome as JSON. */

import { webSocket } from 'assa-client';
import { tcp } from 'assa-client/node';

import { story } from './story.js';

const { ASSA_TCP, ASSA_URL = '', ASSA_TOKENS = '', ASSA_COUNT = '' } = process.env;
const [host = '', port = ''] = ASSA_TCP?.split(':') ?? [];
const [first = '', second = ''] = ASSA_TOKENS.split(' ');

const outcome = await story({
  transport: ASSA_TCP ? tcp(host, Number(port)) : webSocket(ASSA_URL),
  tokens: [first, second],
  count: Number(ASSA_COUNT),
});
console.log(JSON.stringify(outcome));
process.exit(); // a WebSocket whose other side fell silent takes its time to close
