import { expect, test } from 'vitest';
import {
  deployment,
  image,
  instance,
  NEW,
  OLD,
  planned,
  service,
  vhost,
} from '../../test/support/plan-text.ts';
import type { ImageHave } from './types.ts';

const W = instance(NEW);
const at = { wants: deployment(), instances: [W], vhost: vhost([W]) };
const suspended = deployment({ suspend: true });
const asleep = { wants: suspended, vhost: vhost([], { of: suspended }) };
const spare = (age: number): ImageHave => image('old', { key: `berth/blog-web:v${age}`, createdMs: -age });

test('the newest few images are kept for a rollback, the wanted one among them', () => {
  const images = [spare(4), spare(1), image('new'), spare(3), spare(2)];
  expect(planned({ ...at, images }).lines).toEqual([
    '- image berth/blog-web:v3  no longer wanted',
    '- image berth/blog-web:v4  no longer wanted',
  ]);
});

test('an old image that a container uses stays', () => {
  const images = [image('new'), spare(1), spare(2), spare(3)];
  const old = instance(OLD, { image: 'berth/blog-web:v3' });
  expect(planned({ ...at, instances: [W, old], images }).lines.join()).not.toContain('image');
});

test('the image of a suspended deployment stays, however old, for the day it goes on', () => {
  const images = [image('new', { createdMs: -9 }), spare(1), spare(2), spare(3), spare(4)];
  expect(planned({ ...asleep, images }).lines).toEqual(['- image berth/blog-web:v4  no longer wanted']);
});

test('a failed build is remembered while it is what is asked for, suspended or not', () => {
  const failed = { state: 'failed', error: 'exit code 1' } as const;
  expect(planned({ ...asleep, images: [image('new', failed)] }).lines).toEqual([]);
  expect(planned({ ...asleep, images: [image('old', failed)] }).lines).toEqual([
    '- image berth/blog-web:old  no longer wanted',
  ]);
});

test('a failed build is remembered while nobody can say what is asked for, so that a start tries nothing again', () => {
  const { version: _, ...unknown } = service();
  const failed = image('old', { state: 'failed', error: 'exit code 1' });
  const wants = deployment({ services: [unknown] });
  expect(planned({ wants, instances: [W], images: [failed], vhost: vhost([W]) }).lines).toEqual([]);
});

test('no image goes while nobody can say which one is wanted', () => {
  const { version: _, ...unknown } = service();
  const images = [spare(1), spare(2), spare(3), spare(4), spare(5)];
  const wants = deployment({ services: [unknown] });
  expect(planned({ wants, instances: [W], images, vhost: vhost([W]) }).lines).toEqual([]);
});
