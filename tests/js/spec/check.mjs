// What others' programs make of the published files: AsyncAPI's own parser, and Ajv in its strict mode.
// Usage: node check.mjs PUBLISHED, in a directory in which @asyncapi/parser is installed. Prints JSON.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Parser } from '@asyncapi/parser';
import { Ajv2020 } from 'ajv/dist/2020.js';

const [published] = process.argv.slice(2);

async function asyncapi() {
  const { document, diagnostics } = await new Parser().parse(readFileSync(join(published, 'asyncapi.json'), 'utf8'));
  return {
    complaints: diagnostics.map(({ severity, code, message, path }) => ({ severity, code, message, path: path.join('.') })),
    version: document?.version(),
    servers: document?.servers().all().map((server) => server.protocol()),
    operations: document?.operations().all().map((operation) => [
      operation.id(),
      operation.action(),
      operation.messages().all().map((message) => message.id()),
      operation.reply()?.messages().all().map((message) => message.id()) ?? [],
    ]),
  };
}

function schemas() {
  const complaints = [];
  let examples = 0;
  for (const version of ['v1.0', 'v1.1']) {
    for (const file of readdirSync(join(published, version))) {
      const schema = JSON.parse(readFileSync(join(published, version, file), 'utf8'));
      const ajv = new Ajv2020({ strict: true, allowUnionTypes: true, validateFormats: false, formats: { 'date-time': true } });
      const validate = ajv.compile(schema);
      for (const example of schema.examples ?? []) {
        examples += 1;
        if (!validate(example)) complaints.push([version, file, validate.errors]);
      }
      if (validate({ ...schema.examples?.[0], action: 'SOMETHING_ELSE' })) complaints.push([version, file, 'takes anything']);
    }
  }
  return { complaints, examples };
}

console.log(JSON.stringify({ asyncapi: await asyncapi(), schemas: schemas() }));
