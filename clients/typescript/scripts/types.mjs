/** Copies the types of the protocol, which are generated from the server's own classes, into the sources. */

import { copyFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const from = new URL('../../../assa/spec/published/assa.d.ts', import.meta.url);
const to = new URL('../src/protocol.ts', import.meta.url); // not .d.ts: tsc does not copy those to its output

copyFileSync(fileURLToPath(from), fileURLToPath(to));
