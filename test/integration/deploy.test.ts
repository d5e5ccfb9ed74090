import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Berth, startBerth } from '../support/berth.ts';

let berth: Berth;

const server = (text: string): string => `
const { createServer } = require('node:http');
createServer((request, response) => response.end(${JSON.stringify(text)} + ' ' + (process.env.WORD ?? '') + ' ' + request.url))
  .listen(Number(process.env.PORT));
process.on('SIGTERM', () => process.exit(0));
`;

beforeAll(async () => {
  berth = await startBerth();
});

afterAll(() => berth.tearDown());

test('a Node app without a Dockerfile comes up at its hostname', async () => {
  await berth.commit({
    'deployments.yaml': 'deployments:\n  shop:\n    repo: .\n    path: shop\n    env: { WORD: first }\n',
    'shop/server.js': server('v1'),
    'shop/package.json': '{"name":"shop","scripts":{"start":"node server.js"}}',
  });
  await berth.converged();
  expect(await berth.get('shop.localhost')).toMatchObject({ status: 200, body: 'v1 first /' });
});

test('another env value is another instance', async () => {
  await berth.commit({
    'deployments.yaml': 'deployments:\n  shop:\n    repo: .\n    path: shop\n    env: { WORD: second }\n',
  });
  await berth.converged();
  expect(await berth.get('shop.localhost')).toMatchObject({ body: 'v1 second /' });
});
