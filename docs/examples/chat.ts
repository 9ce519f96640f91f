// A chat client: node chat.js HOST PORT TOKEN_FILE [ROOM]. Without a room it makes one.
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';

import { Client } from 'assa-client';
import { tcp } from 'assa-client/node';

const [host = '', port, tokenFile = '', room] = process.argv.slice(2);
const client = new Client(tcp(host, Number(port)), {
  token: async () => (await readFile(tokenFile, 'utf8')).trim(), // yours: ask your own service
});
client.onState(({ state }) => console.log(`* ${state}`));
client.on('NEW_MESSAGE', ({ user, content }) => console.log(`${user.nickname}: ${content}`));

await client.connect();
const { room_id: roomId } = room
  ? await client.ask('JOIN_ROOM', { room_id: Number(room) })
  : await client.ask('CREATE_ROOM', { name: 'lobby', is_open: true });
console.log(`* room ${roomId}`);
for await (const line of createInterface({ input: process.stdin })) {
  await client.sendMessage(roomId, line).catch((error) => console.log(`* ${error.message}`));
}
await client.close();
