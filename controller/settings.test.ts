import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { SETTINGS, settingsTable } from './settings/table.ts';
import { readSettings, type Settings } from './settings.ts';

let cwd = '';
beforeEach(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'berth-settings-'));
});
afterEach(() => rm(cwd, { recursive: true, force: true }));

const HASH = `$2b$12$${'a'.repeat(53)}`;
const SECRET = '0123456789abcdefghijklmnopqrstuvwxyz';

function read(env: Record<string, string>): Settings {
  const { settings, errors } = readSettings(env, cwd);
  expect(errors).toEqual([]);
  if (settings === undefined) throw new Error('no settings');
  return settings;
}

function errorsOf(env: Record<string, string>): readonly string[] {
  const { settings, errors } = readSettings(env, cwd);
  expect(settings === undefined).toBe(errors.length > 0);
  return errors;
}

test('with no variable at all the defaults are in force', () => {
  expect(read({})).toEqual({
    dataDir: join(cwd, 'data'),
    configRepo: join(cwd, 'data', 'config'),
    embedded: true,
    configBranch: 'main',
    configFile: 'deployments.yaml',
    listen: { host: '127.0.0.1', port: 7420 },
    domain: 'localhost',
    adminUser: 'admin',
    owner: 'berth',
    ports: { first: 3000, last: 3999 },
    intervalMs: 30_000,
    builds: 1,
    drainMs: 30_000,
    keepImages: 3,
    maxDeletions: 3,
    nginx: { mode: 'managed' },
    http: { host: '127.0.0.1', port: 8080 },
    engine: 'docker',
    gitAllow: [],
    github: { apiUrl: 'https://api.github.com' },
    dockerHost: '/var/run/docker.sock',
    log: 'info',
  });
});

test('settings are frozen', () => {
  expect(Object.isFrozen(read({}))).toBe(true);
});

describe('good values', () => {
  test.each<[string, string, Partial<Settings>]>([
    ['BERTH_DATA_DIR', '/srv/berth', { dataDir: '/srv/berth', configRepo: '/srv/berth/config' }],
    ['BERTH_CONFIG_REPO', '/srv/config.git', { configRepo: '/srv/config.git', embedded: false }],
    ['BERTH_CONFIG_REPO', 'https://git.lan/a/b', { configRepo: 'https://git.lan/a/b', embedded: false }],
    ['BERTH_CONFIG_BRANCH', 'env/prod', { configBranch: 'env/prod' }],
    ['BERTH_CONFIG_FILE', 'prod/apps.yaml', { configFile: 'prod/apps.yaml' }],
    ['BERTH_CONFIG_TOKEN', 'ghp_x', { configToken: 'ghp_x' }],
    ['BERTH_LISTEN', '0.0.0.0:80', { listen: { host: '0.0.0.0', port: 80 } }],
    ['BERTH_LISTEN', '[::1]:7421', { listen: { host: '::1', port: 7421 } }],
    ['BERTH_HTTP', 'localhost:8081', { http: { host: '127.0.0.1', port: 8081 } }],
    ['BERTH_DOMAIN', 'apps.example.com', { domain: 'apps.example.com' }],
    ['BERTH_ADMIN_HOST', 'admin.example.com', { adminHost: 'admin.example.com' }],
    ['BERTH_ADMIN_PASSWORD_HASH', HASH, { adminPasswordHash: HASH }],
    ['BERTH_JWT_SECRET', SECRET, { jwtSecret: SECRET }],
    ['BERTH_OWNER', 'box-2', { owner: 'box-2' }],
    ['BERTH_PORTS', '8081-32767', { ports: { first: 8081, last: 32767 } }],
    ['BERTH_PORTS', '1024-1024', { ports: { first: 1024, last: 1024 } }],
    ['BERTH_INTERVAL', '5m', { intervalMs: 300_000 }],
    ['BERTH_DRAIN', '0', { drainMs: 0 }],
    ['BERTH_DRAIN', '500ms', { drainMs: 500 }],
    ['BERTH_MAX_DELETIONS', '0', { maxDeletions: 0 }],
    ['BERTH_REGISTRY', 'registry.lan:5000/berth', { registry: 'registry.lan:5000/berth' }],
    [
      'BERTH_GIT_ALLOW',
      'git.lan, 10.0.0.5:3000,[::1]:8',
      { gitAllow: ['git.lan', '10.0.0.5:3000', '[::1]:8'] },
    ],
    ['DOCKER_HOST', 'unix:///run/user/1000/docker.sock', { dockerHost: '/run/user/1000/docker.sock' }],
    ['DOCKER_HOST', 'tcp://10.0.0.9', { dockerHost: 'tcp://10.0.0.9:2375' }],
    ['BERTH_LOG', 'debug', { log: 'debug' }],
    ['BERTH_DOMAIN', '', { domain: 'localhost' }],
  ])('%s=%s', (name, value, expected) => {
    expect(read({ [name]: value })).toMatchObject(expected);
  });

  test('relative paths are taken from the working directory', () => {
    const settings = read({ BERTH_DATA_DIR: 'state', BERTH_CONFIG_REPO: '../config' });
    expect(settings.dataDir).toBe(join(cwd, 'state'));
    expect(settings.configRepo).toBe(join(cwd, '..', 'config'));
  });

  test('the system nginx comes with commands as lists of arguments', () => {
    const settings = read({
      BERTH_NGINX: 'system',
      BERTH_NGINX_DIR: '/etc/nginx/sites',
      BERTH_NGINX_RELOAD: `systemctl reload "my nginx" 'b c'`,
    });
    expect(settings.nginx).toEqual({
      mode: 'system',
      dir: '/etc/nginx/sites',
      test: ['nginx', '-t'],
      reload: ['systemctl', 'reload', 'my nginx', 'b c'],
    });
  });

  test('a Cloudflare token alone turns the tunnel on, named after the owner', () => {
    expect(read({ CLOUDFLARE_API_TOKEN: 'x', BERTH_OWNER: 'home' }).cloudflare).toEqual({
      token: 'x',
      tunnel: 'home',
      baseUrl: 'https://api.cloudflare.com/client/v4',
      connector: 'off',
    });
    expect(read({ CLOUDFLARE_TUNNEL: 'home' }).cloudflare).toBeUndefined();
  });

  test("an API's address may be plain http on this machine only, and ends without a slash", () => {
    const { github } = read({ GITHUB_API_URL: 'http://127.0.0.1:3000/api/v3/', GITHUB_TOKEN: 'y' });
    expect(github).toEqual({ apiUrl: 'http://127.0.0.1:3000/api/v3', token: 'y' });
  });

  test("other people's variables may be empty", () => {
    expect(read({ GITHUB_TOKEN: '', CLOUDFLARE_API_TOKEN: '' }).github.token).toBeUndefined();
  });

  test('a file of identities is taken from the working directory', () => {
    expect(read({ BERTH_AGE_IDENTITY_FILE: 'age.txt' }).ageIdentityFile).toBe(join(cwd, 'age.txt'));
  });
});

describe('bad values are told with their name, the value and the fix', () => {
  test.each([
    ['BERTH_DATA_DIR', '/srv/a"; include /etc/passwd'],
    ['BERTH_CONFIG_REPO', 'git@github.com:acme/config'],
    ['BERTH_CONFIG_REPO', 'ssh://github.com/acme/config'],
    ['BERTH_CONFIG_REPO', 'https://'],
    ['BERTH_CONFIG_BRANCH', '--upload-pack=touch x'],
    ['BERTH_CONFIG_BRANCH', 'a..b'],
    ['BERTH_CONFIG_FILE', '../secrets.yaml'],
    ['BERTH_CONFIG_FILE', '/etc/passwd'],
    ['CLOUDFLARE_BASE_URL', 'http://api.cloudflare.com/client/v4'],
    ['CLOUDFLARE_ACCOUNT_ID', 'me@example.com'],
    ['CLOUDFLARE_TUNNEL', 'a b'],
    ['BERTH_CLOUDFLARED', 'on'],
    ['GITHUB_API_URL', 'z'],
    ['BERTH_LISTEN', '7420'],
    ['BERTH_LISTEN', 'example.com:80'],
    ['BERTH_LISTEN', '127.0.0.1:0'],
    ['BERTH_LISTEN', '127.0.0.1:65536'],
    ['BERTH_LISTEN', '1:80'],
    ['BERTH_HTTP', '999.0.0.1:80'],
    ['BERTH_HTTP', '127.0.0.1:8080; return 200'],
    ['BERTH_DOMAIN', 'Example.com'],
    ['BERTH_DOMAIN', '1.2.3.4'],
    ['BERTH_DOMAIN', 'a..b'],
    ['BERTH_ADMIN_HOST', 'bücher.example'],
    ['BERTH_ADMIN_USER', 'a:b'],
    ['BERTH_OWNER', 'Box'],
    ['BERTH_OWNER', 'a'.repeat(41)],
    ['BERTH_PORTS', '80-90'],
    ['BERTH_PORTS', '30000-40000'],
    ['BERTH_PORTS', '4000-3000'],
    ['BERTH_PORTS', '3000'],
    ['BERTH_INTERVAL', '30'],
    ['BERTH_INTERVAL', '-5s'],
    ['BERTH_INTERVAL', '1h30'],
    ['BERTH_INTERVAL', '100ms'],
    ['BERTH_DRAIN', '2h'],
    ['BERTH_BUILDS', '0'],
    ['BERTH_BUILDS', '1.5'],
    ['BERTH_BUILDS', '0x4'],
    ['BERTH_KEEP_IMAGES', '0'],
    ['BERTH_MAX_DELETIONS', 'all'],
    ['BERTH_NGINX', 'apache'],
    ['BERTH_ENGINE', 'podman'],
    ['BERTH_REGISTRY', 'https://registry.lan'],
    ['BERTH_GIT_ALLOW', '*'],
    ['BERTH_GIT_ALLOW', 'https://git.lan'],
    ['DOCKER_HOST', 'ssh://me@host'],
    ['DOCKER_HOST', 'tcp://host:2375/path'],
    ['BERTH_LOG', 'loud'],
  ])('%s=%s', (name, value) => {
    const errors = errorsOf({ [name]: value });
    expect(errors).toHaveLength(1);
    const shown = value.replace('me@host', '…@host');
    expect(errors[0]?.startsWith(`${name} is ${JSON.stringify(shown)}: it must `), errors[0]).toBe(true);
  });

  test('swarm is known and not supported by this version yet', () => {
    expect(errorsOf({ BERTH_ENGINE: 'swarm' })).toEqual([
      'BERTH_ENGINE is "swarm": it is not supported by this version yet: use docker',
    ]);
  });

  test.each(['nginx -t; rm -rf /', 'a | b', 'a && b', '$(id)', 'a > b', '`id`', '"', 'a"b', ' ', 'a\nb'])(
    'a command that needs a shell is refused: %j',
    (value) => {
      const errors = errorsOf({ BERTH_NGINX: 'system', BERTH_NGINX_TEST: value });
      expect(errors[0]).toMatch(/^BERTH_NGINX_TEST is .*run without a shell$/);
    },
  );

  test('what no system nginx reads is told', () => {
    expect(errorsOf({ BERTH_NGINX_DIR: '/etc/nginx' })[0]).toMatch(/read only with BERTH_NGINX=system/);
  });

  test('all errors come at once', () => {
    const errors = errorsOf({ BERTH_PORTS: 'x', BERTH_DRAIN: 'y', BERTH_JWT_SECRET: 'z', BERTH_OWNR: 'a' });
    expect(errors).toHaveLength(4);
  });

  test('addresses that are taken twice are told', () => {
    expect(errorsOf({ BERTH_HTTP: '0.0.0.0:7420' })[0]).toMatch(/both on port 7420/);
    expect(errorsOf({ BERTH_HTTP: '127.0.0.1:3000' })[0]).toMatch(
      /^BERTH_HTTP is on port 3000, which BERTH_PORTS/,
    );
    expect(errorsOf({ BERTH_HTTP: '127.0.0.2:7420' })).toEqual([]);
  });

  test('a connector without a token, and an admin host that nginx cannot lead to, are told', () => {
    expect(errorsOf({ BERTH_CLOUDFLARED: 'container' })[0]).toMatch(/needs CLOUDFLARE_API_TOKEN/);
    const away = { BERTH_ADMIN_HOST: 'berth.example.com', BERTH_LISTEN: '192.0.2.7:7420' };
    expect(errorsOf(away)[0]).toMatch(/^BERTH_ADMIN_HOST needs BERTH_LISTEN on 127.0.0.1/);
  });

  test('a misspelt name is an error that names the right one', () => {
    expect(errorsOf({ BERTH_INTERVALL: '30s' })).toEqual([
      'BERTH_INTERVALL is not a setting: did you mean BERTH_INTERVAL?',
    ]);
    expect(errorsOf({ BERTH_SOMETHING_ELSE: '1' })[0]).toMatch(/is not a setting: remove it/);
  });
});

describe('secrets', () => {
  const secretError = (env: Record<string, string>, value: string): string => {
    const errors = errorsOf(env);
    expect(errors).toHaveLength(1);
    expect(errors[0]).not.toContain(value);
    return errors[0] ?? '';
  };

  test.each([
    ['BERTH_JWT_SECRET', 'short-canary'],
    ['BERTH_JWT_SECRET', 'xyz'.repeat(20)],
    ['BERTH_ADMIN_PASSWORD_HASH', 'plain-canary'],
    ['BERTH_ADMIN_PASSWORD_HASH', `$2b$31$${'a'.repeat(53)}`],
    ['BERTH_CONFIG_TOKEN', 'two words'],
    ['CLOUDFLARE_API_TOKEN', 'two words'],
    ['GITHUB_WEBHOOK_SECRET', 'short-canary'],
  ])('a bad %s is told without its value', (name, value) => {
    expect(secretError({ [name]: value }, value)).toMatch(new RegExp(`^${name} must be`));
  });

  test('an empty one is an error, since it looks like protection and is none', () => {
    expect(errorsOf({ BERTH_JWT_SECRET: '' })).toEqual([
      'BERTH_JWT_SECRET is empty: give it a value, or remove it',
    ]);
  });

  test('an empty webhook secret would let anyone sign, so it is an error too', () => {
    expect(errorsOf({ GITHUB_WEBHOOK_SECRET: '' })[0]).toMatch(/^GITHUB_WEBHOOK_SECRET is empty/);
  });

  test('a credential in a URL is refused and not shown', () => {
    secretError({ CLOUDFLARE_BASE_URL: 'https://me:canary@api.cloudflare.com/' }, 'canary');
    const error = secretError({ BERTH_CONFIG_REPO: 'https://me:canary@git.lan/a?k=canary' }, 'canary');
    expect(error).toContain('BERTH_CONFIG_TOKEN');
    secretError({ DOCKER_HOST: 'tcp://me:canary@host' }, 'canary');
  });

  test('NAME_FILE gives the value without its last line end', async () => {
    await writeFile(join(cwd, 'secret'), `${SECRET}\r\n`);
    expect(read({ BERTH_JWT_SECRET_FILE: 'secret' }).jwtSecret).toBe(SECRET);
    expect(read({ BERTH_JWT_SECRET_FILE: join(cwd, 'secret') }).jwtSecret).toBe(SECRET);
  });

  test('NAME and NAME_FILE together are an error', async () => {
    await writeFile(join(cwd, 'secret'), SECRET);
    expect(errorsOf({ BERTH_JWT_SECRET: SECRET, BERTH_JWT_SECRET_FILE: 'secret' })).toEqual([
      'BERTH_JWT_SECRET and BERTH_JWT_SECRET_FILE are both set: keep one',
    ]);
  });

  test.each([
    ['missing', undefined, 'ENOENT'],
    ['empty', '\n', 'is empty'],
    ['huge', 'x'.repeat(70_000), 'over 64 KiB'],
  ])('a file that is %s is told', async (name, content, expected) => {
    if (content !== undefined) await writeFile(join(cwd, name), content);
    const errors = errorsOf({ BERTH_CONFIG_TOKEN_FILE: name });
    expect(errors).toHaveLength(1);
    expect(errors[0]).toMatch(/^BERTH_CONFIG_TOKEN_FILE: /);
    expect(errors[0]).toContain(expected);
  });

  test('what is no secret does not come from a file, and BERTH_CONFIG_FILE is a name of its own', () => {
    expect(errorsOf({ BERTH_DOMAIN_FILE: '/x' })).toEqual([
      'BERTH_DOMAIN_FILE: only a secret may come from a file; set BERTH_DOMAIN itself',
    ]);
    expect(read({ BERTH_CONFIG_FILE: 'a.yaml' }).configFile).toBe('a.yaml');
  });
});

describe('.env', () => {
  test('is read, and the real environment wins', async () => {
    await writeFile(
      join(cwd, '.env'),
      `BERTH_OWNER=file\nBERTH_DOMAIN="example.com"\nBERTH_ADMIN_PASSWORD_HASH=${HASH}\n`,
    );
    const settings = read({ BERTH_OWNER: 'env' });
    expect(settings).toMatchObject({ owner: 'env', domain: 'example.com', adminPasswordHash: HASH });
  });

  test('a wrong line in it is an error like any other', async () => {
    await writeFile(join(cwd, '.env'), 'BERTH_BUILDS=many\nBERTH_BUILD=1\n');
    expect(errorsOf({})).toHaveLength(2);
  });

  test('one that can not be read is an error', async () => {
    await mkdir(join(cwd, '.env'));
    expect(errorsOf({})).toEqual([".env can't be read (EISDIR): make it a readable file, or remove it"]);
  });
});

test('every setting is described once, and the table shows no default of a secret', () => {
  const names = SETTINGS.map((setting) => setting.name);
  expect(new Set(names).size).toBe(names.length);
  for (const setting of SETTINGS) expect(setting.description, setting.name).toMatch(/\.$/);
  for (const name of names) expect(settingsTable()).toContain(`| \`${name}\` | `);
});
