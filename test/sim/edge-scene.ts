/** Small scenes at Cloudflare for tables of plans: a world at rest, what hands then do to it, and the plan's lines. */
import type { DnsRecord, IngressRule } from '../../controller/clients/cloudflare/types.ts';
import { explain } from '../../controller/core/explain.ts';
import type { Action } from '../../controller/core/types.ts';
import { type AppSpec, desire } from './apps.ts';
import { settle } from './check.ts';
import { type Controller, planOf, startController } from './controller.ts';
import { ZONE } from './edge.ts';
import { seeded } from './play.ts';
import type { Outside } from './world.ts';

export const BLOG: AppSpec = { name: 'blog', version: 1, behaviour: 'good' };

export interface Scene {
  /** What the world is at rest with; default BLOG. */
  readonly was?: readonly AppSpec[];
  readonly hands?: (outside: Outside) => void;
  /** What is wanted now; default the same. */
  readonly wants?: readonly AppSpec[];
  readonly stalled?: readonly string[];
  readonly admin?: boolean;
}

/** The world of a scene, and what is desired in it. */
export async function stage(scene: Scene) {
  const { was = [BLOG], wants = was, stalled = [], admin = false } = scene;
  const outside = seeded();
  await settle(outside, desire(was), startController(outside));
  scene.hands?.(outside);
  return { outside, desired: desire(wants, stalled, admin) };
}

/** The plan's lines that are about Cloudflare. */
export async function planned(scene: Scene): Promise<readonly string[]> {
  const { outside, desired } = await stage(scene);
  const { actions } = await planOf(outside, desired);
  return actions.filter(isAtEdge).map(explain);
}

export function isAtEdge({ kind }: Action): boolean {
  return ['tunnel', 'dns record', 'tunnel route'].includes(kind);
}

/** Puts things right, and tells what is wrong with the world then, and what was done to it at Cloudflare. */
export async function mended(scene: Scene, controller?: Controller) {
  const { outside, desired } = await stage(scene);
  const life = controller ?? startController(outside);
  await settle(outside, desired, life);
  return { outside, effects: life.effects.filter((label) => label.startsWith('edge.')) };
}

/** A record that somebody made. */
export function record(more: Partial<DnsRecord>): DnsRecord {
  const made = { id: 'f0', zone: ZONE.id, type: 'A', name: 'blog.example.com', content: '192.0.2.7' };
  return { ...made, proxied: false, comment: '', ...more };
}

/** Changes the records of a hostname. */
export function records(name: string, change: (record: DnsRecord) => readonly DnsRecord[]) {
  return ({ edge }: Outside): void => {
    edge.records = edge.records.flatMap((one) => (one.name === name ? change(one) : [one]));
  };
}

/** Changes the rules of a hostname. */
export function rules(name: string, change: (rule: IngressRule) => readonly IngressRule[]) {
  return ({ edge }: Outside): void => {
    edge.rules = edge.rules.flatMap((one) => (one.hostname === name ? change(one) : [one]));
  };
}

/** Adds a record that somebody made. */
export function addRecord(more: Partial<DnsRecord>) {
  return ({ edge }: Outside): void => {
    edge.records = [...edge.records, record(more)];
  };
}

/** Puts a rule that somebody made before all others. */
export function addRule(rule: IngressRule) {
  return ({ edge }: Outside): void => {
    edge.rules = [rule, ...edge.rules];
  };
}
