/** What only Node has. */

export { tcp, type TcpOptions } from './tcp.js';
