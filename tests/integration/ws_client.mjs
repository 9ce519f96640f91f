// What npm's `ws` does with a server: ws_client.mjs URL TOKEN prints what it saw, as JSON.

import WebSocket from "ws";

const [url, token] = process.argv.slice(2);
const seen = {};

const request = (action, data) =>
  JSON.stringify({ action, timestamp: new Date().toISOString(), seq_id: action, data });
const open = (protocol = "assa.v1", options = {}) =>
  new Promise((resolve, reject) => {
    const socket = new WebSocket(url, protocol, options);
    socket.once("open", () => resolve(socket));
    socket.once("error", reject);
  });
const once = (socket, event) => new Promise((resolve) => socket.once(event, (...all) => resolve(all)));
const refusal = async (...options) => {
  try {
    await open(...options);
    return "opened";
  } catch (error) {
    return error.message;
  }
};
const answer = async (socket) => JSON.parse((await once(socket, "message"))[0]).action;
const closed = async (socket) => {
  const [code, reason] = await once(socket, "close");
  return [code, reason.toString()];
};

const socket = await open();
seen.protocol = socket.protocol;
seen.answers = [];
for (const [action, data] of [["CONNECT", { jwt_token: token }], ["LIST_ROOMS", {}]]) {
  socket.send(request(action, data));
  seen.answers.push(await answer(socket));
}
const ping = request("PING");
socket.send(ping.slice(0, 9), { fin: false });
socket.send(ping.slice(9), { fin: true });
seen.answers.push(await answer(socket));
socket.ping("are you there");
seen.pong = (await once(socket, "pong"))[0].toString();
socket.close(1001);
[seen.closed] = await closed(socket);

const binary = await open();
binary.send(Buffer.from([1, 2, 3]));
seen.binary = await closed(binary);

const leaving = await open();
leaving.send(request("CONNECT", { jwt_token: token }));
await answer(leaving);
leaving.send(request("DISCONNECT", { reason: "user_logout" }));
seen.disconnect = await closed(leaving);

const long = await open();
long.send("x".repeat(20_000));
[seen.tooLong] = await closed(long);

seen.otherSubprotocol = await refusal("assa.v9");
seen.otherOrigin = await refusal("assa.v1", { origin: "https://elsewhere.example" });
console.log(JSON.stringify(seen));
