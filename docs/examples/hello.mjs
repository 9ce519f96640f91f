// Says hello over WebSocket with assa.js, here in Node 20 or later; a page does it the same way.
//
//     assa token 1 > token && node --experimental-websocket docs/examples/hello.mjs ws://127.0.0.1:8080/ws token
//
// docs/web.rst quotes it.

import { readFileSync } from 'node:fs';
import { argv } from 'node:process';
import { AssaError, Connection } from '../../assa/web/assa/assa.js';

const [url, path] = argv.slice(2);
const fetchToken = async () => readFileSync(path, 'utf8').trim();

const connection = new Connection(url, { token: fetchToken });
connection.addEventListener('state', ({ detail }) => console.log(detail.state));
connection.addEventListener('NEW_MESSAGE', ({ detail }) => {
  const { user, content } = detail.data;
  console.log(`${user.nickname}: ${content}`);
});
connection.addEventListener('gap', () => console.log('load the rooms again'));

await connection.connect();
const { room_id } = await connection.request('CREATE_ROOM', { name: '방', is_open: true });
await connection.sendMessage(room_id, '안녕하세요!');

try {
  await connection.request('ROOM_INFO', { room_id: room_id + 1 });
} catch (error) {
  if (!(error instanceof AssaError)) throw error;
  console.log(error.code);
}
await connection.close();
