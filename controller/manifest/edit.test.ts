import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseDocument } from 'yaml';
import { StalledError } from '../core/errors.ts';
import { addDeployment, changeDeployment, readEntry, removeDeployment } from './edit.ts';
import type { EntryFields } from './model.ts';

const FILE = `# what runs on the box
domain:   example.com   # ours

deployments:   # sorted by hand
  # at the top
  blog:                       # the blog
    repo: "https://github.com/acme/blog"
    port:   2998     # pinned
    env: {A: 'one', B: !sealed YWdl}   # two
    # end of blog

  # the shop
  shop:
      repo:  https://github.com/acme/shop
      env:
          KEY: |
            line one
            line two
          TITLE: Shop   # shown on top

  web: { image: nginx, env: { X: y } }
# the end
`;

describe('adding', () => {
  test('appends the entry in the style of the file and changes nothing else', () => {
    const text = addDeployment(FILE, 'new', {
      repo: '.',
      path: 'apps/new',
      env: { ON: 'on', TITLE: 'Hello: world', KEY: 'a\nb\n', DB: { sealed: 'YWdl+/==' }, N: 5 },
    });
    expect(text).toBe(
      FILE.replace(
        '# the end\n',
        `
  new:
    repo: .
    path: apps/new
    env:
      "ON": "on"
      TITLE: "Hello: world"
      KEY: |
        a
        b
      DB: !sealed YWdl+/==
      N: 5
# the end
`,
      ),
    );
  });

  test.each([
    ['deployments: {}\n', 'deployments:\n  a:\n    image: x\n'],
    ['deployments: {} # none yet\ndomain: a.b', 'deployments: # none yet\n  a:\n    image: x\ndomain: a.b'],
    ['deployments: {}', 'deployments:\n  a:\n    image: x'],
    ['{deployments: {}}', '{deployments: { a: { image: x } }}'],
    ['deployments: { b: { image: y } }\n', 'deployments: { b: { image: y }, a: { image: x } }\n'],
    ['deployments:\n   b:\n      image: y', 'deployments:\n   b:\n      image: y\n   a:\n      image: x'],
    ['deployments:\r\n  b: {image: y}\r\n', 'deployments:\r\n  b: {image: y}\r\n  a:\r\n    image: x\r\n'],
    ['\ufeffdeployments: {}\n', '\ufeffdeployments:\n  a:\n    image: x\n'],
  ])('to %j gives %j', (before, after) => {
    expect(addDeployment(before, 'a', { image: 'x' })).toBe(after);
  });

  test('an entry that is there already is refused', () => {
    expect(() => addDeployment(FILE, 'blog', { image: 'x' })).toThrow('deployments/blog exists already');
  });
});

describe('changing', () => {
  test('an unchanged entry leaves the file byte for byte', () => {
    for (const name of ['blog', 'shop', 'web']) {
      expect(changeDeployment(FILE, name, readEntry(FILE, name) ?? {})).toBe(FILE);
    }
  });

  test('one field touches one token', () => {
    const text = changeDeployment(FILE, 'blog', { ...readEntry(FILE, 'blog'), port: 2997 });
    expect(text).toBe(FILE.replace('port:   2998     # pinned', 'port:   2997     # pinned'));
  });

  test('a value in braces, a value of several lines, a field that goes and one that comes', () => {
    const blog = changeDeployment(FILE, 'blog', {
      repo: 'https://github.com/acme/blog',
      env: { A: 'two words', B: { sealed: 'YWdm' }, C: '3' },
      branch: 'next',
    });
    expect(blog).toBe(
      FILE.replace('    port:   2998     # pinned\n', '')
        .replace("{A: 'one', B: !sealed YWdl}", '{A: two words, B: !sealed YWdm, C: "3"}')
        .replace('    # end of blog\n', '    branch: next\n    # end of blog\n'),
    );
    const shop = changeDeployment(FILE, 'shop', {
      repo: 'https://github.com/acme/shop',
      env: { KEY: 'short', TITLE: 'Shop' },
    });
    expect(shop).toBe(FILE.replace(/KEY: \|\n.*one\n.*two\n/, 'KEY: short\n'));
  });

  test('a map may become empty and a scalar a map', () => {
    const text = changeDeployment(FILE, 'shop', { repo: 'https://github.com/acme/shop', env: {} });
    expect(text).toContain('      env: {}\n\n  web:');
    const routes = 'deployments:\n  a:\n    routes:\n      /: web # all\n';
    const wanted = { routes: { '/': { service: 'web', strip: true } } };
    expect(changeDeployment(routes, 'a', wanted)).toBe(
      'deployments:\n  a:\n    routes:\n      /: # all\n        service: web\n        strip: true\n',
    );
  });

  test('an anchor that others use is not changed behind their back', () => {
    const text = 'deployments:\n  a: &a\n    image: x\n  b: *a\n';
    expect(() => changeDeployment(text, 'a', { image: 'y' })).toThrow(StalledError);
    expect(() => removeDeployment(text, 'a')).toThrow(StalledError);
    expect(changeDeployment(text, 'b', { image: 'y' })).toBe(
      'deployments:\n  a: &a\n    image: x\n  b:\n    image: y\n',
    );
  });
});

describe('removing', () => {
  test('takes the entry, its comments and its blank line', () => {
    expect(removeDeployment(FILE, 'shop')).toBe(FILE.replace(/ {2}# the shop\n[\s\S]*?\n\n/, ''));
    expect(removeDeployment(FILE, 'blog')).toBe(FILE.replace(/ {2}blog:[\s\S]*?\n\n/, ''));
    expect(removeDeployment(FILE, 'web')).toBe(FILE.replace(/\n {2}web:.*\n/, ''));
  });

  test.each([
    ['deployments: # all\n  a: {}\n', 'deployments: {} # all\n'],
    ['deployments:\n  a:\n    image: x', 'deployments: {}'],
    ['deployments: { a: {image: x}, b: {image: y}, }', 'deployments: { b: {image: y}, }'],
    ['deployments: { b: {image: y}, a: {image: x} }', 'deployments: { b: {image: y} }'],
    ['{deployments: { a: {image: x} }}', '{deployments: {}}'],
  ])('from %j gives %j', (before, after) => {
    expect(removeDeployment(before, 'a')).toBe(after);
  });

  test('what is not there can not be removed', () => {
    expect(() => removeDeployment(FILE, 'nope')).toThrow('deployments/nope does not exist');
    expect(() => removeDeployment('deployments: [', 'a')).toThrow("the file can't be edited: line 1");
  });
});

describe('any edit of any file', () => {
  const text = fc.oneof(
    fc.string({ unit: 'grapheme', maxLength: 20 }),
    fc.string({ unit: 'binary', maxLength: 12 }),
    fc.constantFrom(
      'on',
      '1.10',
      '0777',
      'null',
      '~',
      '',
      ' ',
      'a: b',
      '# x',
      'a #b',
      '- a',
      '2024-01-01',
      '{',
      '*x',
      '.',
    ),
    fc.constantFrom(
      'a\nb',
      'a\n',
      '\n',
      'a\n\n',
      ' a\nb',
      'a\n  b\n',
      'a\r\nb',
      '\ta',
      'a\t\nb',
      '---',
      '<<<<<<< x',
    ),
  );
  const name = fc.constantFrom('a', 'b', 'blog', 'my-shop', 'x1', 'true', '80', 'null');
  const env = fc.dictionary(
    fc.constantFrom('A', 'B', 'TITLE', 'ON', 'Y', 'null', 'sealed'),
    fc.oneof(
      text,
      fc.integer(),
      fc.boolean(),
      fc.base64String({ minLength: 4 }).map((sealed) => ({ sealed })),
    ),
    { maxKeys: 4 },
  );
  const service = fc.record(
    {
      image: text,
      env,
      needs: fc.array(text, { maxLength: 3 }),
      volumes: fc.dictionary(fc.constantFrom('sealed', 'data'), text, { maxKeys: 2 }),
    },
    { requiredKeys: [] },
  );
  const entry: fc.Arbitrary<EntryFields> = fc.record(
    {
      repo: text,
      port: fc.integer(),
      suspend: fc.boolean(),
      env,
      services: fc.dictionary(name, service, { maxKeys: 3 }),
      routes: fc.dictionary(
        fc.constantFrom('/', '/api/', '/x'),
        fc.oneof(text, fc.record({ service: text, strip: fc.boolean() })),
        { maxKeys: 2 },
      ),
    },
    { requiredKeys: [] },
  );
  const step = fc.oneof(
    fc.record({ verb: fc.constant('put' as const), name, entry }),
    fc.record({ verb: fc.constant('remove' as const), name }),
  );
  const start = fc.constantFrom(
    'deployments: {}\n',
    'deployments: {}',
    '{ "deployments": {} }',
    FILE,
    FILE.replaceAll('\n', '\r\n'),
    'deployments:\n     keep: {image: x}   # odd\n\n\n     keep2:\n      env:   {A: "b"  ,  C: d}\ndomain: x\n',
    'deployments: { keep: {image: x}, # odd\n  keep2: {env: {A: b}} }\n',
  );

  test('says exactly what was asked, and keeps the lines of every other entry', () => {
    fc.assert(
      fc.property(start, fc.array(step, { maxLength: 6 }), (first, steps) => {
        const model: Record<string, unknown> = read(first);
        let file = first;
        for (const step of steps) {
          const before = file;
          const there = step.name in model;
          if (step.verb === 'remove') {
            if (!there) continue;
            file = removeDeployment(file, step.name);
            delete model[step.name];
          } else {
            file = there
              ? changeDeployment(file, step.name, step.entry)
              : addDeployment(file, step.name, step.entry);
            model[step.name] = step.entry;
          }
          expect(read(file)).toEqual(normal(model));
          for (const other of Object.keys(model)) {
            if (other !== step.name) expect(source(file, other)).toBe(source(before, other));
          }
        }
      }),
      { numRuns: 800 },
    );
  }, 60_000);
});

/** Read by the plain library, not by what the edits themselves use. */
function read(file: string): Record<string, unknown> {
  const seal = { tag: '!sealed', resolve: (sealed: string) => ({ sealed }) };
  const doc = parseDocument(file, { stringKeys: true, customTags: [seal] });
  expect(doc.errors).toEqual([]);
  return normal((doc.toJS() as { deployments: Record<string, unknown> }).deployments);
}

function normal(model: Record<string, unknown>): Record<string, unknown> {
  return JSON.parse(JSON.stringify(model)) as Record<string, unknown>;
}

/** The text of an entry's value. */
function source(file: string, name: string): string {
  const doc = parseDocument(file, { stringKeys: true });
  const node = doc.getIn(['deployments', name], true) as { range: [number, number] };
  return file.slice(node.range[0], node.range[1]).trimEnd();
}
