/** What a person who watches the log is told after a pass, beside the steps that were taken: how each deployment fares. */
import { messageOf } from '../core/errors.ts';
import { explainHold } from '../core/explain.ts';
import type { Report } from '../loop/reconcile.ts';
import { siteUrl } from '../loop/site-url.ts';
import { type DeploymentStatus, statusOf, troubles } from '../loop/status.ts';
import type { Settings } from '../settings.ts';

type SiteSettings = Pick<Settings, 'cloudflare' | 'http'>;

/** Line to level. Who tells them leaves out those that the pass before it brought too. */
export function newsOf(
  report: Report,
  errors: ReadonlyMap<string, string>,
  settings: SiteSettings,
): ReadonlyMap<string, 'info' | 'warn'> {
  const news = new Map<string, 'info' | 'warn'>();
  for (const message of troubles(report, errors)) news.set(message, 'warn');
  for (const { message } of report.problems) news.set(message, 'warn');
  for (const status of statusOf(report, errors)) {
    // One engine that is out of sight is one line, not one for each deployment.
    const unseen = status.error !== undefined && report.plan?.wanted.frozen.get(status.name) === status.error;
    if (unseen || (status.error !== undefined && news.has(status.error))) continue;
    const line = lineOf(status, settings);
    if (line !== undefined) news.set(line, status.error === undefined ? 'info' : 'warn');
  }
  const { plan, desired } = report;
  if (plan && desired && plan.held.length > 0) news.set(explainHold(plan.held, desired.commit), 'warn');
  return news;
}

/** Errors of this pass's own steps: each was logged with its step, so that it is no news. */
export function loggedIn({ outcomes }: Report): ReadonlySet<string> {
  return new Set(outcomes.flatMap(({ error }) => (error === undefined ? [] : [messageOf(error)])));
}

function lineOf(
  { name, status, stage, hostnames, error }: DeploymentStatus,
  settings: SiteSettings,
): string | undefined {
  if (error !== undefined) return `deployment ${name} ${status}: ${error}`;
  if (status === 'building') return `deployment ${name} is on its way: ${stage}`;
  if (status === 'stopped') return stage === 'stopped' ? `deployment ${name} is suspended` : undefined;
  const [hostname] = hostnames;
  return `deployment ${name} runs: ${hostname === undefined ? 'internal only' : siteUrl(hostname, settings)}`;
}
