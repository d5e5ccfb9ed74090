/**
 * The tunnel's document: one list of rules for everybody, replaced as a whole by each write. Pure. What is not ours goes
 * back as it came: its members, known or not, and its order. The rule for all the rest stays last, as Cloudflare demands.
 */
import { isDeepStrictEqual } from 'node:util';
import { ingressOf, type TunnelDocument } from './shapes.ts';
import type { IngressRule } from './types.ts';

/** A function that places, changes or removes our own rules among the others. */
export type EditRules = (rules: readonly IngressRule[]) => readonly IngressRule[];

const REST: IngressRule = { service: 'http_status:404' };

/** The whole `config` to write, or undefined when the edit changes nothing. */
export function editDocument(
  { config }: TunnelDocument,
  edit: EditRules,
): Readonly<Record<string, unknown>> | undefined {
  const all = ingressOf(config);
  const last = all.at(-1);
  const rest = last && isCatchAll(last) ? last : undefined;
  const rules = rest ? all.slice(0, -1) : all;
  const edited = edit(rules);
  if (isDeepStrictEqual(edited, rules)) return undefined;
  return { ...config, ingress: [...edited, rest ?? REST] };
}

/** It answers for every hostname and path. */
export function isCatchAll({ hostname, path }: IngressRule): boolean {
  return (!hostname || hostname === '*') && !path;
}

/**
 * Is what was written there? The API may add members of its own (`originRequest: {}`), but each value that was written is
 * there, and no rule more or less, in that order.
 */
export function holds(there: unknown, written: unknown): boolean {
  if (Array.isArray(written))
    return (
      Array.isArray(there) &&
      there.length === written.length &&
      written.every((value, index) => holds(there[index], value))
    );
  if (typeof written !== 'object' || written === null) return there === written;
  if (typeof there !== 'object' || there === null || Array.isArray(there)) return false;
  const found = new Map(Object.entries(there));
  return Object.entries(written).every(([name, value]) => found.has(name) && holds(found.get(name), value));
}

/**
 * Did somebody's write fall between our read and ours? Each write counts the version up by one; the first one of a new
 * tunnel may leave it at 0 (public issue cloudflared 670).
 */
export function wasOvertaken(before: TunnelDocument, writtenVersion: number): boolean {
  return writtenVersion > before.version + 1;
}
