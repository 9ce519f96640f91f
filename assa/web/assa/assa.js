/**
 * assa.js: chat and video calls over the ASSA protocol v1.1, for browsers.
 *
 * Plain ES modules without dependencies; README.md shows how they are used.
 */

export { Call } from './call.js';
export { Connection } from './connection.js';
export { AssaError } from './errors.js';
