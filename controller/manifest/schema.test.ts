import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

type Node = { readonly [key: string]: unknown };

const schema = JSON.parse(
  readFileSync(new URL('../../schemas/deployments.schema.json', import.meta.url), 'utf8'),
) as Node;

function resolve(node: Node): Node {
  if (typeof node.$ref !== 'string') return node;
  const target = node.$ref
    .slice(2)
    .split('/')
    .reduce<unknown>((at, part) => (at as Node)[part], schema);
  return { ...resolve(target as Node), ...node };
}

/** Every property of every map, as `deployment.health.path`. */
function properties(node: Node, path: string): readonly (readonly [string, Node])[] {
  const own = Object.entries((node.properties ?? {}) as Record<string, Node>);
  const below = [node.additionalProperties, node.items].filter(
    (child) => typeof child === 'object',
  ) as Node[];
  return [
    ...own.flatMap(([name, child]) => {
      const at = `${path}.${name}`;
      return [[at, resolve(child)] as const, ...properties(child, at)];
    }),
    ...below.flatMap((child) => properties(child, `${path}.*`)),
  ];
}

const defs = Object.entries(schema.$defs as Record<string, Node>);
const all = [...properties(schema, 'file'), ...defs.flatMap(([name, node]) => properties(node, name))];

test.each(all)('%s has a description and says what it must be', (_path, property) => {
  expect(property.description).toMatch(/^[A-Z`].{5,}[.!]$/);
  expect(property['x-must']).toMatch(/^be /);
});

test('every field of a service may also stand on a deployment', () => {
  const { deployment, service } = schema.$defs as Record<string, { properties: Record<string, unknown> }>;
  for (const name of Object.keys(service?.properties ?? {})) {
    expect(deployment?.properties[name]).toEqual({ $ref: `#/$defs/service/properties/${name}` });
  }
});
