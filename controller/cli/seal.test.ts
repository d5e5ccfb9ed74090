import { chmod, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { generateIdentity, identityToRecipient } from 'age-encryption';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { keepIdentities, newestRecipient, readIdentities } from '../clients/identities.ts';
import { runStep } from '../core/step.ts';
import { parseManifest } from '../manifest/parse.ts';
import { openSealed } from '../manifest/sealed/open.ts';
import { run } from './program.ts';

let cwd = '';
beforeEach(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'berth-seal-'));
});
afterEach(() => rm(cwd, { recursive: true, force: true }));

type Input = string | Uint8Array | (Readable & { isTTY?: boolean });

async function call(args: readonly string[], input: Input = '', env: Record<string, string> = {}) {
  const out: string[] = [];
  const err: string[] = [];
  const stdin = input instanceof Readable ? input : Readable.from([Buffer.from(input)]);
  const code = await run(args, {
    env: { PATH: process.env.PATH, ...env },
    cwd,
    stdin,
    print: (line) => out.push(line),
    complain: (line) => err.push(line),
  });
  return { code, out: out.join('\n'), err: err.join('\n') };
}

const place = { deployment: 'blog', service: 'web', name: 'KEY' };
const place1 = ['seal', 'blog', '--name', 'KEY'];
const keys = (): Promise<readonly string[]> => keepIdentities({ dataDir: join(cwd, 'data') }, runStep);

describe('berth seal', () => {
  test('prints a line that can be pasted below env, and opens there', async () => {
    const identities = await keys();
    const { code, out, err } = await call(place1, 'hunter2\n');
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toMatch(/^KEY: !sealed [A-Za-z0-9+/]+=*$/);
    const text = `deployments:\n  blog:\n    image: x\n    env:\n      ${out}\n`;
    const rules = {
      ...{ file: 'f', domain: 'localhost', reservedHosts: [], reservedPorts: [], gitAllow: [] },
      ports: { first: 3000, last: 3999 },
    };
    const { manifest, problems } = parseManifest(Buffer.from(text), rules);
    expect(problems).toEqual([]);
    const value = manifest?.deployments[0]?.services[0]?.env.KEY;
    expect(await openSealed(typeof value === 'object' ? value.sealed : '', place, identities)).toBe(
      'hunter2',
    );
  });

  test.each([
    ['one line end after the value', 'a\n', 'a'],
    ['no more than one', 'a\n\n', 'a\n'],
    ['nothing else', ' \ufeffa\r\nb\t ', ' \ufeffa\r\nb\t '],
  ])('drops %s', async (_, input, value) => {
    const identities = await keys();
    const { out } = await call([...place1, '--json'], input);
    expect(await openSealed(JSON.parse(out).sealed, place, identities)).toBe(value);
  });

  test('--json names the place and the recipient', async () => {
    const recipient = await newestRecipient(await keys());
    const { out } = await call(['seal', 'shop/api', '--name', 'KEY', '--json'], 'hunter2');
    expect(JSON.parse(out)).toEqual({
      ...{ deployment: 'shop', service: 'api', name: 'KEY', recipient },
      sealed: expect.stringMatching(/^[A-Za-z0-9+/]+=*$/),
    });
  });

  test('needs no data dir where the recipient is given, and leaves none', async () => {
    const identity = await generateIdentity();
    const recipient = await identityToRecipient(identity);
    const { code, out } = await call([...place1, '--recipient', recipient], 'hunter2');
    expect(code).toBe(0);
    expect(await openSealed(out.split(' ')[2] ?? '', place, [identity])).toBe('hunter2');
    expect(await readdir(cwd)).toEqual([]);
  });

  test('makes no key of its own: what it seals in the wrong place, no controller could open', async () => {
    const { code, err } = await call(place1, 'hunter2');
    expect(code).toBe(1);
    expect(err).toMatch(/there is no key in .*data yet: name the controller's with --recipient/);
    expect(await readdir(cwd)).toEqual([]);
  });

  test('asks at a terminal', async () => {
    const identities = await keys();
    const typed = Object.assign(Readable.from(['hunter2\n']), { isTTY: true });
    const { code, out, err } = await call(place1, typed);
    expect({ code, err }).toEqual({ code: 0, err: 'value of KEY (not shown while you type):' });
    expect(await openSealed(out.split(' ')[2] ?? '', place, identities)).toBe('hunter2');
  });

  test.each([
    ['', 'warning: the value is empty'],
    ['\n', 'warning: the value is empty'],
    ['12345', 'warning: a value under 6 characters is not masked in logs'],
  ])('warns of %j, and seals it', async (input, warning) => {
    await keys();
    const { code, err } = await call(place1, input);
    expect({ code, err }).toEqual({ code: 0, err: warning });
  });

  test.each([
    ['Blog', 'the place must be a deployment'],
    ['blog/api/x', 'the place must be a deployment'],
    ['blog/', 'the place must be a deployment'],
    ['-', 'the place must be a deployment'],
    [`a${'b'.repeat(40)}`, 'the place must be a deployment'],
  ])('refuses the place %s', async (where, message) => {
    await keys();
    const { code, out, err } = await call(['seal', where, '--name', 'KEY'], 'hunter2');
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toContain(message);
  });

  test.each(['', '1A', 'A-B', 'A=B', '__proto__', 'PORT', 'HOST'])('refuses the name %j', async (name) => {
    await keys();
    const { code, out } = await call(['seal', 'blog', `--name=${name}`], 'hunter2');
    expect({ code, out }).toEqual({ code: 1, out: '' });
  });

  test('needs a name', async () => {
    const { code, err } = await call(['seal', 'blog'], 'hunter2');
    expect(code).toBe(1);
    expect(err).toContain("required option '--name <KEY>' not specified");
  });

  test.each([
    ['a NUL', 'a\0b', /holds a NUL character/],
    ['bytes that are no text', Uint8Array.of(0xff, 0xfe), /no UTF-8 text: seal it in base64/],
    ['what no process can be given', 'x'.repeat(131_080), /is 131085 bytes with its name/],
    ['more than is worth reading', 'x'.repeat(300_000), /over 131072 bytes/],
  ])('refuses %s, and never repeats it', async (_, input, message) => {
    await keys();
    const { code, out, err } = await call(place1, input);
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toMatch(message);
    expect(err.length).toBeLessThan(300);
  });

  test('takes no secret key for a recipient, and does not repeat it', async () => {
    const identity = await generateIdentity();
    const { code, err } = await call([...place1, '--recipient', identity], 'hunter2');
    expect(code).toBe(1);
    expect(err).toContain('that is no recipient');
    expect(err).not.toContain(identity);
  });
});

describe('berth recipient', () => {
  test('prints the newest recipient', async () => {
    const identities = await keys();
    const { code, out } = await call(['recipient']);
    expect({ code, out }).toEqual({ code: 0, out: await newestRecipient(identities) });
    expect(JSON.parse((await call(['recipient', '--json'])).out)).toEqual({ recipient: out, keys: 1 });
  });

  test('makes no key unless it is asked to', async () => {
    const { code, err } = await call(['recipient']);
    expect(code).toBe(1);
    expect(err).toContain('there is no key yet: `berth start` makes one, or `berth recipient --new`');
    expect(await readdir(cwd)).toEqual([]);
  });

  test('--new adds a key, and what was sealed before still opens', async () => {
    const before = await call(['recipient', '--new']);
    expect(before.err).toBe('');
    const sealed = (await call(place1, 'hunter2')).out.split(' ')[2] ?? '';
    const after = await call(['recipient', '--new']);
    expect(after.err).toContain('berth reseal');
    expect(after.out).not.toBe(before.out);
    expect((await call(['recipient'])).out).toBe(after.out);
    const identities = await readIdentities({ dataDir: join(cwd, 'data') });
    expect(identities).toHaveLength(2);
    expect(await openSealed(sealed, place, identities)).toBe('hunter2');
    expect((await stat(join(cwd, 'data', 'keys', 'age'))).mode & 0o777).toBe(0o600);
  });

  test('reads a file that somebody else keeps, and adds nothing to it', async () => {
    const identity = await generateIdentity();
    const file = join(cwd, 'mine.txt');
    await writeFile(file, `# mine\n${identity}\n`, { mode: 0o600 });
    const env = { BERTH_AGE_IDENTITY_FILE: 'mine.txt' };
    expect((await call(['recipient'], '', env)).out).toBe(await identityToRecipient(identity));
    expect((await call(['recipient', '--new'], '', env)).err).toMatch(
      /mine\.txt: add one there with age-keygen/,
    );
    await chmod(file, 0o644);
    expect((await call(['recipient'], '', env)).err).toMatch(/mine\.txt can be read by everyone.*chmod 600/);
  });
});

test.each(['seal', 'recipient'])(
  'the help of %s tells its exit codes in lines of at most 120',
  async (name) => {
    const { code, out } = await call([name, '--help']);
    expect(code).toBe(0);
    expect(out).toMatch(/^Exit: 0 /m);
    for (const line of out.split('\n')) expect(line.length).toBeLessThanOrEqual(120);
    expect((await call(['--help'])).out).toMatch(new RegExp(`^ {2}${name}\\b`, 'm'));
  },
);
