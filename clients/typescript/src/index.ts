/**
 * Chat over the ASSA protocol, for Node and browsers: README.md shows how it is used. `assa-client/node` has TCP.
 */

export type { Gap } from './catchup.js';
export { Client } from './client.js';
export type { Clock } from './clock.js';
export { AssaError } from './errors.js';
export type { State, StateChange } from './link.js';
export type * from './messages.js';
export type { ClientEvents, ClientOptions, SendOptions } from './options.js';
export type { TokenSource } from './tokens.js';
export type { Transport, TransportEvents, Wire } from './transport.js';
export { webSocket, type WebSocketLike, type WebSocketOptions } from './websocket.js';
