/** A service on this machine's own network: it has a host port without being routed, and needs no network. */
import { expect, test } from 'vitest';
import {
  deployment,
  image,
  instance,
  NEW,
  notYet,
  OLD,
  planned,
  plannedActions,
  type Scene,
  service,
} from '../../test/support/plan-text.ts';
import type { DesiredService, InstanceWant } from './types.ts';

const routes = { routes: [], hostnames: [] };

function connector(more: Partial<DesiredService> = {}): DesiredService {
  const { version, ...rest } = service({ routed: false });
  if (!version) throw new Error('no version');
  const spec = { ...version.spec, addressAs: 'ADDRESS' };
  return { ...rest, version: { ...version, spec }, onHost: true, ...more };
}

const scene = (more: Scene = {}, of: Partial<DesiredService> = {}): Scene => ({
  wants: deployment({ ...routes, services: [connector(of)] }),
  observed: { network: [] },
  ...more,
});

/** One that is there, without a version to compare with. */
function unknown(failed: boolean): DesiredService {
  const { version: _, ...rest } = connector();
  return { ...rest, unknown: { why: 'no answer', failed } };
}

test('it is made with a port of the range, on no network of its own', () => {
  const actions = plannedActions(scene());
  expect(actions.map(({ kind, key }) => `${kind} ${key}`)).toEqual(['port 3000', `instance blog-web-${NEW}`]);
  const made = actions[1]?.want as { readonly want: InstanceWant };
  expect(made.want).toMatchObject({ network: 'host', port: 3000 });
});

test('beside services of other kinds the deployment has a network', () => {
  const services = [connector(), service({ name: 'api', routed: false })];
  const { lines } = planned(scene({ wants: deployment({ ...routes, services }) }));
  expect(lines).toContain('+ network berth-blog  its services talk over it');
});

test('it keeps its port while it is there, and a port that was reserved for it', () => {
  const have = instance(NEW, { port: 3007 });
  expect(planned(scene({ instances: [have] })).lines).toEqual([]);
  const row = { key: '3005', deployment: 'blog', port: 3005, service: 'web', instance: have.key };
  const again = plannedActions(scene({ observed: { network: [], port: [row] } }));
  expect(again.map(({ kind }) => kind)).toEqual(['instance']);
});

test('a new version stands beside the old one until it answers and the old one has drained', () => {
  const old = instance(OLD);
  expect(planned(scene({ instances: [old, instance(NEW, notYet)] })).lines).toEqual([
    `± instance blog-web-${NEW}  it has to answer (waits until it answers)`,
  ]);
  expect(planned(scene({ instances: [old, instance(NEW, { sinceMs: 1000 })] })).lines).toEqual([
    `- instance blog-web-${OLD}  replaced by blog-web-${NEW} (drains)`,
  ]);
});

test('it is never given up, and that it does not answer is told', () => {
  const late = instance(NEW, { ...notYet, state: 'restarting', restarts: 9, detail: 'exited with code 1' });
  const { lines, verdict } = planned(scene({ instances: [late] }));
  expect(lines).toEqual([`± instance blog-web-${NEW}  it has to answer (waits until it answers)`]);
  expect(verdict).toMatchObject({ status: 'failed', error: 'exited 9 times: exited with code 1' });
});

test.each([true, false])(
  'while its version is not known what runs stays, and is started again (%s)',
  (failed) => {
    const wants = deployment({ ...routes, services: [unknown(failed)] });
    const lines = (state: 'running' | 'exited'): readonly string[] =>
      planned(scene({ wants, instances: [instance(OLD, { state, ready: state === 'running' })] })).lines;
    expect(lines('running')).toEqual([]);
    expect(lines('exited')).toEqual([`± instance blog-web-${OLD}  it serves until its source is known`]);
  },
);

test('which of two versions is at work nobody can say then, so neither is started', () => {
  const wants = deployment({ ...routes, services: [unknown(true)] });
  const down = { state: 'exited', ready: false } as const;
  const instances = [instance(OLD, down), instance(NEW)];
  expect(planned(scene({ wants, instances })).lines).toEqual([]);
});

test('when nobody asks for it any more it goes, with its port', () => {
  const actions = plannedActions({
    wants: undefined,
    images: [image('old')],
    instances: [instance(OLD)],
    observed: { network: [] },
  });
  expect(actions.map(({ verb, kind }) => `${verb} ${kind}`)).toContain('delete instance');
});
