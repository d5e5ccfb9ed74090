import { expect, it } from 'vitest';
import { StalledError, TransientError } from '../../core/errors.ts';
import { clean, engineError } from './docker-errors.ts';

const told = (error: unknown) => engineError(error, 'listing containers', '/var/run/docker.sock');
const http = (statusCode: number, message: string) =>
  Object.assign(new Error('(HTTP code)'), { statusCode, json: { message } });

it.each(['ENOENT', 'ECONNREFUSED'])('%s: the engine is to be started', (code) => {
  const error = told(Object.assign(new Error('connect'), { code }));
  expect(error).toBeInstanceOf(TransientError);
  expect(error).toHaveProperty(
    'message',
    'docker engine can\'t be reached at /var/run/docker.sock: start it with "systemctl start docker", or set DOCKER_HOST',
  );
});

it('EACCES: Berth lacks the right', () => {
  expect(told(Object.assign(new Error('connect'), { code: 'EACCES' }))).toHaveProperty(
    'message',
    expect.stringContaining('member of the group "docker"'),
  );
});

it.each([
  [500, TransientError],
  [503, TransientError],
  [409, TransientError],
  [400, StalledError],
  [403, StalledError],
  [404, StalledError],
])('status %i is %o', (status, type) => {
  const cause = http(status, 'Bad   thing\nhappened');
  const error = told(cause);
  expect(error).toBeInstanceOf(type);
  expect(error).toMatchObject({
    message: 'docker engine refused listing containers: Bad thing happened',
    cause,
  });
});

it('a programming error stays what it is', () => {
  const bug = new TypeError('x is not a function');
  expect(told(bug)).toBe(bug);
});

it('what was told already is not told twice', () => {
  const known = new StalledError('known');
  expect(told(known)).toBe(known);
});

it('takes credentials out of URLs and cuts what is long', () => {
  expect(clean('get https://me:hunter2@registry.test/v2/?token=abc failed')).toBe(
    'get https://registry.test/v2/ failed',
  );
  expect(clean('x'.repeat(1_000))).toHaveLength(601);
});
