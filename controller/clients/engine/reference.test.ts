import { expect, it } from 'vitest';
import { normaliseReference } from './reference.ts';

it.each([
  ['nginx', 'nginx:latest'],
  ['nginx:1.22', 'nginx:1.22'],
  ['library/nginx', 'nginx:latest'],
  ['docker.io/library/nginx:1', 'nginx:1'],
  ['index.docker.io/acme/app', 'acme/app:latest'],
  ['127.0.0.1:5000/app', '127.0.0.1:5000/app:latest'],
  ['registry.test:5000/acme/app:2', 'registry.test:5000/acme/app:2'],
  ['berth/blog-web:0123456789ab-3f9a1c02', 'berth/blog-web:0123456789ab-3f9a1c02'],
  ['nginx@sha256:aa', 'nginx@sha256:aa'],
  ['nginx:1@sha256:aa', 'nginx@sha256:aa'],
])('%s is %s', (reference, expected) => {
  expect(normaliseReference(reference)).toBe(expected);
  expect(normaliseReference(expected)).toBe(expected);
});
