/** What a service does beside the rollout table: no source, no entry any more, no route. */
import { describe, expect, test } from 'vitest';
import {
  deployment,
  image,
  instance,
  NEW,
  notYet,
  OLD,
  planned,
  plannedActions,
  service,
  vhost,
} from '../../test/support/plan-text.ts';
import type { InstanceHave } from './types.ts';

const S = instance(OLD);
const W = instance(NEW);
const serving = { wants: deployment(), instances: [S], vhost: vhost([S]) };

describe('a source that is not known', () => {
  const pending = { why: 'looks at https://example.com/r', failed: false };
  const { version, ...unknown } = service();

  test('leaves what is there alone, and starts again what serves', () => {
    const wants = deployment({ services: [{ ...unknown, unknown: pending }] });
    expect(planned({ ...serving, wants }).lines).toEqual([]);
    const stopped = { ...S, state: 'exited', ready: false } as const;
    expect(planned({ ...serving, wants, instances: [stopped] }).lines).toContain(
      `± instance blog-web-${OLD}  it serves until its source is known`,
    );
  });

  test('is told while the last known version serves', () => {
    const failed = { why: 'the remote does not answer', failed: true };
    const wants = deployment({ services: [{ ...service(), unknown: failed }] });
    const { lines, verdict } = planned({ wants, instances: [W], images: [image('new')], vhost: vhost([W]) });
    expect(lines).toEqual([]);
    expect(verdict).toEqual({ status: 'running', stage: 'serving', error: 'the remote does not answer' });
    expect(version).toBeDefined();
  });
});

describe('a service that left the entry', () => {
  const api = instance(OLD, { service: 'api', key: `blog-api-${OLD}`, port: 3005 });
  const images = [image('new'), image('old', { service: 'api' })];

  test('goes only after nginx let go of it and it has drained, and its image after it', () => {
    const both = deployment({
      services: [service(), service({ name: 'api' })],
      routes: [
        { prefix: '/api/', service: 'api', strip: false },
        { prefix: '/', service: 'web', strip: false },
      ],
    });
    const at = (have: ReturnType<typeof vhost>) =>
      planned({ wants: deployment(), instances: [W, api], images, vhost: have }).lines;
    expect(at(vhost([W, api], { of: both }))).toEqual([
      `± vhost blog  its text is not what the entry asks for`,
      `- instance blog-api-${OLD}  its service left the entry (nginx has to let go of it first)`,
    ]);
    expect(at(vhost([W], { liveForMs: 9 }))).toEqual([
      `- instance blog-api-${OLD}  its service left the entry (drains)`,
    ]);
    expect(at(vhost([W]))).toEqual([`- instance blog-api-${OLD}  its service left the entry`]);
  });

  test('goes at once when it is dead, whatever else is at work', () => {
    const dead = { ...api, ready: false, state: 'restarting' } as const;
    const { lines } = planned({ ...serving, instances: [S, dead], vhost: vhost([S], { liveForMs: 9 }) });
    expect(lines).toContain(`- instance blog-api-${OLD}  its service left the entry`);
  });

  test('stays while an older version of another service is at work, for a person when the new one failed', () => {
    const db = instance(OLD, { service: 'db', key: `blog-db-${OLD}` });
    const { port: _, ...internal } = db;
    const failed = { ...W, ...notYet, state: 'exited', gaveUp: 'exited 5 times' } as const;
    const person = (instances: readonly InstanceHave[]) =>
      plannedActions({ ...serving, instances }).find(({ key }) => key === internal.key)?.wait?.forPerson;
    expect(person([S, internal])).toBeUndefined();
    expect(person([S, failed, internal])).toBe(true);
    const wait = 'its service left the entry (an older version of another service may still use it)';
    expect(planned({ ...serving, instances: [S, internal] }).lines).toContain(
      `- instance blog-db-${OLD}  ${wait}`,
    );
  });
});

describe('an internal service', () => {
  const wants = deployment({ services: [service({ routed: false })], routes: [], hostnames: [] });
  const [older, newer] = [S, W].map(({ port: _, ...rest }) => rest);
  const at = (old: Partial<typeof S>, fresh: Partial<typeof W>) =>
    older && newer
      ? planned({
          wants,
          instances: [
            { ...older, ...old },
            { ...newer, ...fresh },
          ],
        }).lines
      : [];
  const waits = `± instance blog-web-${NEW}  it has to answer (waits until it answers)`;
  const goes = `- instance blog-web-${OLD}  replaced by blog-web-${NEW}`;

  test('keeps its older version until the new one answers', () => {
    expect(at({}, notYet)).toEqual([waits]);
    expect(at({ ready: false, detail: 'refused' }, notYet)).toEqual([waits]);
    expect(at(notYet, notYet)).toEqual([waits, goes]);
  });

  test('lets the older one drain from the moment when the new one answered', () => {
    expect(at({}, { sinceMs: 29_999 })).toEqual([`${goes} (drains)`]);
    expect(at({}, { sinceMs: 30_000 })).toEqual([goes]);
    expect(at({ ready: false, detail: 'refused' }, { sinceMs: 5 })).toEqual([goes]);
  });
});
