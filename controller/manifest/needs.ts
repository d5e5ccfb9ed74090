/** `needs` must lead somewhere: services that wait for each other in a circle would never start. */
import type { ServiceEntry } from './types.ts';

/** The services of one circle, in order, beginning with the first that is named; undefined when there is none. */
export function findCircle(
  services: readonly Pick<ServiceEntry, 'name' | 'needs'>[],
): readonly string[] | undefined {
  const needs = new Map(services.map((service) => [service.name, service.needs]));
  const done = new Set<string>();
  const visit = (name: string, trail: readonly string[]): readonly string[] | undefined => {
    if (trail.includes(name)) return trail.slice(trail.indexOf(name));
    if (done.has(name)) return undefined;
    for (const next of needs.get(name) ?? []) {
      const circle = visit(next, [...trail, name]);
      if (circle) return circle;
    }
    done.add(name);
    return undefined;
  };
  for (const { name } of services) {
    const circle = visit(name, []);
    if (circle) return circle;
  }
  return undefined;
}
