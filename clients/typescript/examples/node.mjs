// A chat in a terminal: ASSA_TOKEN=... node examples/node.mjs HOST PORT [ROOM]

import { createInterface } from 'node:readline';

import { Client } from 'assa-client';
import { tcp } from 'assa-client/node';

const [host, port, room] = process.argv.slice(2);
const client = new Client(tcp(host, Number(port)), {
  token: async () => process.env.ASSA_TOKEN, // a JWT of your own backend, asked for whenever one is needed
});

client.onState(({ state, reason }) => console.log(`* ${state} ${reason}`));
client.on('NEW_MESSAGE', ({ user, content }) => console.log(`${user.nickname}: ${content}`));

await client.connect();
const { room_id: roomId } = room
  ? await client.ask('JOIN_ROOM', { room_id: Number(room) })
  : await client.ask('CREATE_ROOM', { name: 'A terminal', is_open: true });
console.log(`* room ${roomId}`);

for await (const line of createInterface({ input: process.stdin })) {
  const { message_id: id } = await client.sendMessage(roomId, line); // waits for the connection if need be
  console.log(`* sent as ${id}`);
}
await client.close();
