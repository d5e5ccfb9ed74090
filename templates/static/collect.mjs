/**
 * Runs in the build: `node collect.mjs <app> <site> <directory>…` copies the first directory that has an `index.html`
 * (the only one named, in any case) to the place that is served. Regular files only, without dot files; a link is
 * followed when it stays inside. The version that browsers compare is a hash of all of them.
 */
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join, resolve, sep } from 'node:path';

const [app, site, ...roots] = process.argv.slice(2);
const found = roots.find((root) => existsSync(join(app, root, 'index.html')));
const root = found ?? (roots.length === 1 && existsSync(join(app, roots[0])) ? roots[0] : undefined);
if (root === undefined) {
  console.error(
    `nothing to serve: no index.html in ${roots.join(', ')} after the build; name the directory in build.output`,
  );
  process.exit(1);
}

const top = realpathSync(resolve(app, root));
const hash = createHash('sha256');
let files = 0;

function collect(from, to, depth) {
  mkdirSync(to, { recursive: true });
  for (const name of readdirSync(from).sort()) {
    const source = join(from, name);
    if ((name.startsWith('.') && name !== '.well-known') || name === 'node_modules') continue;
    const real = inside(source);
    if (real === undefined || depth > 64) {
      console.log(`left out: ${source} leads nowhere in the site`);
    } else if (statSync(real).isDirectory()) {
      collect(real, join(to, name), depth + 1);
    } else if (statSync(real).isFile()) {
      const bytes = readFileSync(real);
      writeFileSync(join(to, name), bytes);
      hash.update(`${join(to, name)}\0${bytes.length}\0`).update(bytes);
      files += 1;
    }
  }
}

function inside(path) {
  try {
    const real = realpathSync(path);
    return real.startsWith(top + sep) ? real : undefined;
  } catch {
    return undefined; // A link that dangles or goes in circles.
  }
}

collect(top, site, 0);
writeFileSync(join(site, '.version'), hash.digest('hex').slice(0, 16));
console.log(`${files} files of ${root} will be served`);
