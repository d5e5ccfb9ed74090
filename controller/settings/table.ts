/**
 * Every environment variable that Berth knows, in the order people read them: the reader of the environment takes its
 * names and defaults from here, and the README's table is made from it, so none of the three can drift.
 */

export interface Setting {
  readonly name: string;
  /** What is parsed when nothing is given; absent: the setting stays off or is generated. */
  readonly default?: string;
  /** What to print instead of the default, where a value would say too little. */
  readonly shown?: string;
  readonly description: string;
  /** Never printed, and may come as `NAME_FILE`. */
  readonly secret?: true;
}

export const SETTINGS = [
  {
    name: 'BERTH_DATA_DIR',
    default: './data',
    description: 'State, logs, keys, the embedded config repo and the managed nginx.',
  },
  {
    name: 'BERTH_CONFIG_REPO',
    shown: 'embedded: `<data>/config`',
    description: 'Config repo: a local path (with work tree or bare) or an `http(s)://` URL.',
  },
  {
    name: 'BERTH_CONFIG_BRANCH',
    default: 'main',
    description: 'Branch of the config repo that is in force.',
  },
  {
    name: 'BERTH_CONFIG_FILE',
    default: 'deployments.yaml',
    description: 'Path of the file in the config repo.',
  },
  { name: 'BERTH_CONFIG_TOKEN', description: 'Token for a private config repo over HTTP.', secret: true },
  { name: 'BERTH_LISTEN', default: '127.0.0.1:7420', description: 'Address of the admin UI and the API.' },
  {
    name: 'BERTH_DOMAIN',
    default: 'localhost',
    description: 'Domain of the deployments where the file names none.',
  },
  {
    name: 'BERTH_ADMIN_HOST',
    description: 'Hostname under which the admin and the webhook are themselves served.',
  },
  { name: 'BERTH_ADMIN_USER', default: 'admin', description: 'Name of the one admin.' },
  {
    name: 'BERTH_ADMIN_PASSWORD_HASH',
    shown: 'generated',
    description:
      'bcrypt hash, as `berth hash-password` prints it. Without one the first start makes a password and prints it once.',
    secret: true,
  },
  {
    name: 'BERTH_JWT_SECRET',
    shown: 'generated, kept in the data dir',
    description: 'At least 32 bytes; signs the sessions of the admin.',
    secret: true,
  },
  {
    name: 'BERTH_OWNER',
    default: 'berth',
    description: 'Name of this controller, on everything it makes; it touches nothing else.',
  },
  {
    name: 'BERTH_PORTS',
    default: '3000-3999',
    description: 'Automatic host ports, between 1024 and 32767.',
  },
  {
    name: 'BERTH_INTERVAL',
    default: '30s',
    description: 'Time between looks at everything, even if no event came.',
  },
  { name: 'BERTH_BUILDS', default: '1', description: 'Builds at once.' },
  {
    name: 'BERTH_DRAIN',
    default: '30s',
    description: 'Time that an old instance outlives the switch to the new one.',
  },
  { name: 'BERTH_KEEP_IMAGES', default: '3', description: 'Images kept per service, for rollback.' },
  {
    name: 'BERTH_MAX_DELETIONS',
    default: '3',
    description: 'A commit that would delete more deployments is held until `berth approve` releases it.',
  },
  {
    name: 'BERTH_NGINX',
    default: 'managed',
    description: '`managed`: Berth runs its own nginx. `system`: it writes into the directory of another.',
  },
  {
    name: 'BERTH_NGINX_DIR',
    default: '/etc/nginx/conf.d',
    description: 'With `system`: directory that nginx includes `*.conf` from, in its `http` block.',
  },
  {
    name: 'BERTH_NGINX_TEST',
    default: 'nginx -t',
    description: 'With `system`: command that tests the configuration; run without a shell.',
  },
  {
    name: 'BERTH_NGINX_RELOAD',
    default: 'nginx -s reload',
    description: 'With `system`: command that reloads nginx; run without a shell.',
  },
  { name: 'BERTH_HTTP', default: '127.0.0.1:8080', description: 'Address where nginx serves the sites.' },
  {
    name: 'BERTH_ENGINE',
    default: 'docker',
    description: 'Engine that runs the instances. `swarm` is not supported by this version yet.',
  },
  { name: 'BERTH_REGISTRY', description: 'Registry where images are pushed; only `swarm` needs one.' },
  {
    name: 'BERTH_GIT_ALLOW',
    description:
      'Hosts (`host` or `host:port`, with commas between) that a `repo` may name although they are private or speak plain `http`.',
  },
  {
    name: 'BERTH_AGE_IDENTITY_FILE',
    shown: 'generated, kept in the data dir',
    description: 'File with the age identities that open sealed values, the newest last.',
  },
  {
    name: 'BERTH_CLOUDFLARED',
    default: 'off',
    description:
      '`off`: you run cloudflared yourself. `container`: Berth runs the `cloudflare/cloudflared` image.',
  },
  {
    name: 'CLOUDFLARE_API_TOKEN',
    description: 'Turns the tunnel and DNS on. Without it the sites are on this machine only.',
    secret: true,
  },
  {
    name: 'CLOUDFLARE_ACCOUNT_ID',
    shown: 'the one that the token can see',
    description: 'Account of the tunnel.',
  },
  {
    name: 'CLOUDFLARE_TUNNEL',
    shown: 'the owner',
    description: 'Name or id of the tunnel. One of that name is made where there is none.',
  },
  {
    name: 'CLOUDFLARE_BASE_URL',
    default: 'https://api.cloudflare.com/client/v4',
    description: "Address of Cloudflare's API.",
  },
  {
    name: 'GITHUB_TOKEN',
    description: 'For private repos, commit statuses and deployments on GitHub.',
    secret: true,
  },
  {
    name: 'GITHUB_WEBHOOK_SECRET',
    description: 'Turns `POST /webhooks/github` on; deliveries are signed with it. At least 16 characters.',
    secret: true,
  },
  {
    name: 'GITHUB_API_URL',
    default: 'https://api.github.com',
    description: "Address of GitHub's API; `https://HOST/api/v3` for GitHub Enterprise.",
  },
  {
    name: 'DOCKER_HOST',
    default: '/var/run/docker.sock',
    description: "The engine: its socket's path, `unix://…`, or `tcp://host:port`.",
  },
  { name: 'BERTH_LOG', default: 'info', description: '`debug`, `info`, `warn` or `error`.' },
] as const satisfies readonly Setting[];

export type SettingName = (typeof SETTINGS)[number]['name'];

/** Looks a setting up by a name that may be unknown. */
export function settingNamed(name: string): Setting | undefined {
  return SETTINGS.find((setting) => setting.name === name);
}

/** The table of the README, as Markdown. */
export function settingsTable(): string {
  const rows = SETTINGS.map((setting: Setting) => {
    const shown = setting.shown ?? (setting.default === undefined ? '–' : `\`${setting.default}\``);
    return `| \`${setting.name}\` | ${shown} | ${setting.description} |`;
  });
  return ['| variable | default | meaning |', '|---|---|---|', ...rows].join('\n');
}
