import type { LineCounter } from 'yaml';
import { placeText } from '../findings.ts';
import type { SealedAt } from '../plain.ts';
import type { SealedPlace } from './payload.ts';

/** The service of an entry that names none. */
const ONLY_SERVICE = 'web';

/** One key for one variable of the file: names hold no slash. */
export function placeKey({ deployment, service, name }: SealedPlace): string {
  return `${deployment}/${service}/${name}`;
}

/** By `placeKey`: `deployments.yaml:14:11 deployments/blog/env/KEY`, for whoever finds later that a value can't be opened. */
export function whereSealed(
  sealedAt: readonly SealedAt[],
  file: string,
  lines: LineCounter,
): ReadonlyMap<string, string> {
  return new Map(
    sealedAt.map(({ path, offset }) => {
      const [, deployment, ...field] = path.map(String);
      const service = field[0] === 'services' ? field[1] : ONLY_SERVICE;
      const place = { deployment: deployment ?? '', service: service ?? '', name: field.at(-1) ?? '' };
      return [placeKey(place), placeText({ path, offset }, file, lines)];
    }),
  );
}
