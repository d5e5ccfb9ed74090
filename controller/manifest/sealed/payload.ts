/**
 * What is sealed: the value and the one place it is for. Anyone may seal, so a value copied to another entry of the
 * file could hand a secret to an app that was never meant to have it; the place inside is what refuses that.
 */
import { show } from '../findings.ts';

/** The one variable that a sealed value is for. */
export interface SealedPlace {
  readonly deployment: string;
  readonly service: string;
  readonly name: string;
}

const VERSION = 1;

/** JSON of version, place and value. */
export function writePayload(value: string, { deployment, service, name }: SealedPlace): string {
  return JSON.stringify({ v: VERSION, deployment, service, name, value });
}

/** The value, or why it is none of this place, completing a sentence. Whoever sealed it wrote it, so nothing is believed. */
export function readPayload(
  bytes: Uint8Array,
  place: SealedPlace,
): { readonly value: string } | { readonly fault: string } {
  const payload = parse(bytes);
  if (typeof payload?.v === 'number' && payload.v > VERSION)
    return { fault: `was sealed by a newer version of Berth: update this one, or ${again(place)}` };
  const { v, deployment, service, name, value } = payload ?? {};
  const whole = [deployment, service, name, value].every((part) => typeof part === 'string');
  if (v !== VERSION || !whole) return { fault: `was not made by \`berth seal\`: ${again(place)}` };
  if (deployment !== place.deployment || service !== place.service || name !== place.name) {
    const other = `${show(String(name))} of ${show(`${deployment}/${service}`)}`;
    return { fault: `was sealed for ${other} and opens nowhere else: ${again(place)}` };
  }
  return { value: String(value) };
}

/** The fix for most that can be wrong with a sealed value. */
export function again({ deployment, service, name }: SealedPlace): string {
  return `seal the value again with \`berth seal ${deployment}/${service} --name ${name}\``;
}

function parse(bytes: Uint8Array): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    // What it says might be a part of the value.
    return undefined;
  }
}
