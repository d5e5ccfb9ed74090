/**
 * Writes the settings into README.md between <!-- settings:start --> and <!-- settings:end -->, from the table that the
 * controller itself reads. With --check nothing is written, and a README that differs is an error.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';

const readme = new URL('../README.md', import.meta.url);
const { settingsTable } = await import('../dist/settings/table.js').catch(() => {
  throw new Error('build first: npm run build');
});

const text = existsSync(readme) ? readFileSync(readme, 'utf8') : '';
const parts = /^([\s\S]*<!-- settings:start -->)[\s\S]*(<!-- settings:end -->[\s\S]*)$/.exec(text);
if (!parts) {
  console.error('README.md has no <!-- settings:start --> and <!-- settings:end --> lines');
  process.exitCode = 1;
} else {
  const wanted = `${parts[1]}\n\n${settingsTable()}\n\n${parts[2]}`;
  if (wanted === text) console.log('the settings in README.md are up to date');
  else if (process.argv.includes('--check')) {
    console.error('the settings in README.md are out of date: run node scripts/settings-table.mjs');
    process.exitCode = 1;
  } else writeFileSync(readme, wanted);
}
