/**
 * Writes the field reference of README.md from the JSON Schema, between its two marks.
 * `--check` writes nothing and exits 1 when the page differs.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';

const START = '<!-- reference:start -->';
const END = '<!-- reference:end -->';
const readme = new URL('../README.md', import.meta.url);
const schema = JSON.parse(
  readFileSync(new URL('../schemas/deployments.schema.json', import.meta.url), 'utf8'),
);

/** A schema with what its `$ref` says below what it says itself. */
function resolve(node) {
  if (!node.$ref) return node;
  const target = node.$ref
    .slice(2)
    .split('/')
    .reduce((at, part) => at[part], schema);
  return { ...resolve(target), ...node, $ref: undefined };
}

function cell(text) {
  return String(text).replaceAll('|', '\\|').replaceAll('\n', ' ');
}

function shown(value) {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return `\`${cell(text)}\``;
}

function defaultOf(field) {
  if (field.default === undefined) return '–';
  const isProse =
    typeof field.default === 'string' && (field.default.includes(' ') || field.default.includes("'"));
  return isProse ? cell(field.default) : shown(field.default);
}

/** One row a property, those of maps with fixed fields below it as `health.path`. */
function rows(properties, prefix = '') {
  return Object.entries(properties).flatMap(([name, raw]) => {
    const field = resolve(raw);
    const choice = field.enum?.length > 1 ? ` One of ${field.enum.map(shown).join(', ')}.` : '';
    const example = field.examples ? ` Example: ${shown(field.examples[0])}.` : '';
    const row = `| \`${prefix}${name}\` | ${defaultOf(field)} | ${cell(field.description)}${choice}${example} |`;
    return [row, ...rows(field.properties ?? {}, `${prefix}${name}.`)];
  });
}

function table(title, properties) {
  return [`### ${title}`, '', '| field | default | meaning |', '|---|---|---|', ...rows(properties), ''];
}

function reference() {
  const service = schema.$defs.service.properties;
  const own = Object.entries(schema.$defs.deployment.properties).filter(([name]) => !(name in service));
  return [
    START,
    '',
    ...table('The file', schema.properties),
    ...table('A deployment', Object.fromEntries(own)),
    'A deployment with one service may hold the fields of that service itself; the service is then named `web`.',
    '',
    ...table('A service', service),
    END,
  ].join('\n');
}

function main() {
  if (!existsSync(readme)) {
    console.error('there is no README.md to write the reference into; nothing was done');
    return 0;
  }
  const page = readFileSync(readme, 'utf8');
  const [from, to] = [page.indexOf(START), page.indexOf(END)];
  if (from < 0 || to < from) {
    console.error(`README.md lacks the marks ${START} and ${END}; put them where the reference belongs`);
    return 1;
  }
  const next = page.slice(0, from) + reference() + page.slice(to + END.length);
  if (next === page) return 0;
  if (process.argv.includes('--check')) {
    console.error('README.md differs from schemas/deployments.schema.json; run: node scripts/reference.mjs');
    return 1;
  }
  writeFileSync(readme, next);
  return 0;
}

process.exitCode = main();
