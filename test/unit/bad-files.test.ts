/**
 * The catalogue of bad input to the file. FILE: the file counts as a whole or not at all, so nothing changes.
 * APP: that entry stalls, the good one beside it does not. OK: it must work.
 */
import { expect, test } from 'vitest';
import { parseManifest } from '../../controller/manifest/parse.ts';
import type { ManifestRules } from '../../controller/manifest/types.ts';

const rules: ManifestRules = {
  file: 'deployments.yaml',
  domain: 'example.com',
  reservedHosts: ['berth.example.com'],
  reservedPorts: [7420, 8080],
  ports: { first: 3000, last: 3999 },
  gitAllow: ['git.lan:3000', '127.0.0.1'],
};

type Row = readonly [
  id: string,
  what: string,
  outcome: 'FILE' | 'APP' | 'OK',
  file: string | Uint8Array,
  message?: string,
];

const GOOD = '  good:\n    image: nginx\n';
/** The fields of the entry `bad`, beside a good one. */
const bad = (fields: string) => `deployments:\n${GOOD}  bad:\n    ${fields.replaceAll('\n', '\n    ')}\n`;
const field = (fields: string) => bad(`image: nginx\n${fields}`);
const env = (pair: string) => field(`env:\n  ${pair}`);
const utf16 = Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from('deployments: {}', 'utf16le')]);
const latin1 = Buffer.from('deployments: {} # caf\xe9\n', 'latin1');
const bomb = `a: &a [x,x,x,x,x,x,x,x,x]\n${[...'bcdefghi'].map((k, i) => `${k}: &${k} [${Array(9).fill(`*${'abcdefghi'[i]}`).join(',')}]`).join('\n')}\n`;
const big = `deployments:\n${'x'.repeat(100)}: ${'#'.repeat(1_100_000)}\n`;

// biome-ignore format: one row, one line
const FILES: readonly Row[] = [
  ['B1', 'zero bytes', 'FILE', '', 'is empty; write `deployments: {}` if nothing should run'],
  ['B2', 'comments only', 'FILE', '# nothing\n\n  # at all\n', 'is empty'],
  ['B2', '--- only', 'FILE', '---\n', 'is empty'],
  ['B3', 'deployments without a value', 'FILE', 'deployments:\n', 'yaml:1:13 deployments: must be a map of name'],
  ['B3', 'no deployments at all', 'FILE', 'domain: example.com\n', '`deployments` is missing; add it'],
  ['B4', 'deployments: {}', 'OK', 'deployments: {}\n'],
  ['B7', 'LFS pointer', 'FILE', 'version https://git-lfs.github.com/spec/v1\noid sha256:1\n', 'LFS pointer'],
  ['B11', 'merge conflict', 'FILE', `deployments:\n${GOOD}<<<<<<< HEAD\n=======\n>>>>>>> x\n`, 'yaml:4:1: merge conflict marker'],
  ['B12', 'over 1 MiB', 'FILE', big, 'at most 1048576 (1 MiB)'],
  ['B12', '100 MB', 'FILE', Buffer.alloc(100_000_000, 'a'), 'is 100000000 bytes'],
  ['B13', 'alias bomb', 'FILE', `${bomb}deployments: {}\n`, 'aliases expand past 100'],
  ['B13', 'alias of itself', 'FILE', 'deployments: &a { x: *a }\n', 'aliases expand past 100'],
  ['B13', 'alias of nothing', 'FILE', 'deployments: { x: *a }\n', 'alias *a has no anchor before it'],
  ['B13', 'a few aliases', 'OK', `deployments:\n${GOOD}  a: { image: &i nginx }\n  b: { image: *i }\n`],
  ...[1000, 5000, 20_000].flatMap((depth): readonly Row[] => [['B14', `${depth} open brackets`, 'FILE', '['.repeat(depth), 'nested more than 40 levels deep'], ['B14', `${depth} lists in one line`, 'FILE', `${'- '.repeat(depth)}x`, 'nested more than 40 levels deep'], ['B14', `${depth} maps in braces`, 'FILE', '{a: '.repeat(depth), 'nested more than 40 levels deep'], ['B14', `${depth} keys that are keys`, 'FILE', '? '.repeat(depth), 'nested more than 40 levels deep']]),
  ['B15', 'duplicate key at the top', 'FILE', 'deployments: {}\ndeployments: {}\n', 'yaml:2:1 deployments: duplicate key, first on line 1'],
  ['B15', 'duplicate deployment', 'FILE', `deployments:\n${GOOD}${GOOD}`, 'yaml:4:3 deployments/good: duplicate key, first on line 2'],
  ['B15', 'duplicate key inside an entry', 'FILE', field('image: redis'), 'bad/image: duplicate key, first on line 5'],
  ['B16', 'merge key', 'APP', `deployments:\n  good: &x\n    image: nginx\n  bad:\n    <<: *x\n`, 'deployments/bad/<<: merge keys are not supported'],
  ['B17', '__proto__ at the top', 'FILE', 'deployments: {}\n__proto__: { polluted: 1 }\n', 'yaml:2:1 __proto__: unknown field'],
  ...['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty'].flatMap((name): readonly Row[] => [['B17', `a deployment called ${name}`, 'APP', `deployments:\n${GOOD}  ${name}: { image: nginx, polluted: 1 }\n`, `deployments/${name}: must`], ['B17', `a field called ${name}`, 'APP', field(`${name}: { polluted: 1 }`), `deployments/bad/${name}: unknown field`], ['B17', `a variable called ${name}`, 'APP', env(`${name}: x`), `env/${name}: must not be called ${name}`]]),
  ['B36', 'a deployment whose file would be nginx\'s own', 'APP', `deployments:\n${GOOD}  00-berth-berth: { image: nginx }\n`, "deployments/00-berth-berth: must not start with 00-berth-, as nginx's own files do; choose another name"],
  ['B36', 'a tag to follow, which this version can not', 'APP', bad('image: nginx\npull: always'), 'deployments/bad/pull: is not supported by this version; name a version or a digest in `image`'],
  ['B17', 'a service called constructor', 'APP', bad('services: { constructor: { image: nginx } }'), 'must not be called constructor'],
  ['B17', 'a volume called constructor', 'APP', field('volumes: { constructor: /data }'), 'must not be called constructor'],
  ['B18', '!!js/function', 'FILE', field('start: !!js/function "x"'), 'bad/start: tag "tag:yaml.org,2002:js/function" is not known'],
  ['B18', '!!binary', 'FILE', field('start: !!binary aGk='), 'is not known here'],
  ['B18', '!secret', 'FILE', env('A: !secret x'), 'tag "!secret" is not known here'],
  ['B18', '!sealed on a list', 'FILE', env('A: !sealed [x]'), '`!sealed`'],
  ['B18', '!sealed outside env', 'APP', bad('image: !sealed eA=='), 'only values of `env` can be sealed'],
  ['B18', '%YAML 1.1', 'FILE', '%YAML 1.1\n---\ndeployments: {}\n', 'directives such as %YAML are not supported'],
  ['B19', 'two documents', 'FILE', 'deployments: {}\n---\ndeployments: {}\n', 'a second document starts here'],
  ['B20', 'a list', 'FILE', '- a\n', 'must be a map with `deployments:`'],
  ['B20', 'a string', 'FILE', 'hello\n', 'must be a map with `deployments:`'],
  ['B20', 'a number', 'FILE', '5\n', 'must be a map with `deployments:`'],
  ['B21', 'not UTF-8', 'FILE', latin1, 'yaml:1:22: is not UTF-8 from here on'],
  ['B22', 'UTF-16', 'FILE', utf16, 'is UTF-16; save it as UTF-8'],
  ['B22', 'UTF-8 with a byte order mark', 'OK', `\ufeffdeployments:\n${GOOD}`],
  ['B23', 'a tab as indentation', 'FILE', 'deployments:\n\tgood: {}\n', 'yaml:2:1: a tab indents this line; use spaces'],
  ['B24', 'NUL', 'FILE', env('A: "x\0y"'), 'yaml:7:12: control character U+0000 is not allowed'],
  ['B24', 'escape character', 'FILE', env('A: \x1b[2J'), 'control character U+001B'],
  ['B24', 'a lone carriage return', 'FILE', 'deployments:\r  a: {}\r', 'control character U+000D'],
  ['B25', 'CRLF', 'OK', `deployments:\n${GOOD}`.replaceAll('\n', '\r\n')],
  ['B26', 'bidi override in a name', 'APP', `deployments:\n${GOOD}  "ba\u202ed": { image: nginx }\n`, 'deployments/"ba\\u202ed": must be a name of at most 40 of a-z, 0-9 and -, with no - at either end; it holds U+202E'],
  ['B26', 'zero-width space in a subdomain', 'APP', field('subdomain: "a\u200bb"'), 'it holds U+200B'],
  ['B27', 'unknown field at the top', 'FILE', 'deployments: {}\ndomains: x\n', 'domains: unknown field; did you mean "domain"?'],
  ['B27', 'unknown field of an entry', 'APP', field('enviroment: {}'), 'bad/enviroment: unknown field; remove it'],
  ['B27', 'a slip', 'APP', field('replcias: 2'), 'unknown field; did you mean "replicas"?'],
  ['B27', 'wrong case', 'APP', field('Subdomain: x'), 'yaml:6:5 deployments/bad/Subdomain: unknown field; did you mean "subdomain"?'],
  ['B28', 'complex key', 'FILE', 'deployments:\n  ? {a: 1}\n  : x\n', 'a key must be plain text'],
  ['B29', 'wrong type', 'APP', bad('image: [nginx]'), 'bad/image: must be an image reference'],
  ['B29', 'an entry that is a number', 'APP', `deployments:\n${GOOD}  bad: 5\n`, 'deployments/bad: must be a map of fields'],
  ['B29', 'an entry without a value', 'APP', `deployments:\n${GOOD}  bad:\n`, 'deployments/bad: must be a map of fields'],
  ['B31', '2,000 deployments', 'OK', `deployments:\n${Array.from({ length: 2000 }, (_, i) => `  a${i}: { image: nginx }\n`).join('')}`],
  ['B32', 'a comment of 100,000 characters', 'OK', `deployments: {} # ${'x'.repeat(100_000)}\n`],
  ['B33', 'a schema version', 'FILE', 'version: 2\ndeployments: {}\n', 'version: unknown field'],
  ['B35', 'a sealed value that is none', 'APP', env('A: !sealed hunter2!'), 'env/A: is not a sealed value (base64 on one line)'],
];

// biome-ignore format: one row, one line
const NAMES: readonly Row[] = [
  ['B36', 'directives in a path', 'APP', field('routes: { "/a { return 200 x; } location /b": web }'), 'must be a path prefix'],
  ['B37', 'directives in a subdomain', 'APP', field('subdomain: "a; return 200 pwned; #"'), 'bad/subdomain: must be a label'],
  ...['\\n', '\\r', '\\t', '\\u2028'].flatMap((c): readonly Row[] => [['B38', `${c} in a host`, 'APP', field(`hosts: ["a${c}b.example.com"]`), 'hosts/0: must be a full lower-case hostname'], ['B38', `${c} in a path`, 'APP', field(`routes: { "/a${c}": web }`), 'must be a path prefix'], ['B38', `${c} in a header`, 'APP', field(`headers: { X-A: "a${c}b" }`), 'headers/X-A: must be one line of plain ASCII']]),
  ...['$host', `\${x}`, '\\"', '\\\\', '{{7*7}}', '{% raw %}'].flatMap((text): readonly Row[] => [['B39', `${text} in a path`, 'APP', field(`routes: { "/${text}": web }`), 'must be a path prefix'], ['B40', `${text} in a header`, 'APP', field(`headers: { X-A: "${text}" }`), 'headers/X-A: must be one line'], ['B40', `${text} in a subdomain`, 'APP', field(`subdomain: "${text}"`), 'bad/subdomain: must be a label']]),
  ...['~ ^/(.*)$', '= /a', '^~ /a', '@named', 'a', '//', '/a//b', '/../', '/a/./b', '/%2e%2e', '/%00', `/${'a'.repeat(5000)}`].map((prefix): Row => ['B41/B42', `the path ${prefix.slice(0, 20)}`, 'APP', field(`routes: { "${prefix}": web }`), 'deployments/bad/routes/']),
  ...['../../nginx', '.', '..', 'a/b', '-rf', 'nginx.conf', 'a-', 'A', 'a_b', 'a'.repeat(41)].map((name): Row => ['B43', `a deployment called ${name.slice(0, 20)}`, 'APP', `deployments:\n${GOOD}  "${name}": { image: nginx }\n`, 'must be a name of at most 40']),
  ['B43', 'a deployment without a name', 'FILE', `deployments:\n${GOOD}  "": { image: nginx }\n`, 'must be a name of at most 40'],
  ['B44', '/a and /a/', 'APP', field('routes: { /a: web, /a/: web }'), 'routes/"/a/": means the same as /a; remove one'],
  ['B45', 'a header with CRLF', 'APP', field('headers: { X-A: "x\\r\\nSet-Cookie: a=b" }'), 'must be one line of plain ASCII'],
  ['B45', 'a header with ; (quoted, so harmless)', 'OK', field('headers: { Strict-Transport-Security: "max-age=1; preload" }')],
  ['B45', 'Set-Cookie', 'APP', field('headers: { Set-Cookie: a=b }'), 'is set by nginx or the app itself'],
  ['B45', 'a header twice', 'APP', field('headers: { X-A: a, x-a: b }'), 'is the same header as X-A'],
  ['B46', 'a hostname twice', 'APP', field('subdomain: x\nhosts: [x.example.com]'), 'hosts/0: x.example.com is listed twice'],
  ['B46', 'the same in another case', 'APP', field('hosts: [GOOD.example.com]'), 'must be a full lower-case hostname'],
  ['B47', "the controller's own host", 'APP', field('subdomain: berth'), "berth.example.com is the controller's own"],
  ['B47', 'the domain itself', 'OK', field('subdomain: "@"')],
  ['B48', 'a label of 63', 'OK', field(`hosts: [${'a'.repeat(63)}.example.com]`)],
  ['B49', 'a label of 64', 'APP', field(`hosts: [${'a'.repeat(64)}.example.com]`), 'at most 63 characters a label'],
  ['B49', 'a host of 254', 'APP', field(`hosts: [${'a.'.repeat(126)}aa]`), '253 in all'],
  ...['Blog', 'blog.', '-blog', 'blog-', 'bl_og', '*', '*.a', '', 'a.b.c', 'a..b', 'bücher', 'аpp'].map((label): Row => ['B50-B52', `the subdomain ${label}`, 'APP', field(`subdomain: "${label}"`), 'bad/subdomain: must be a label']),
  ['B50', '-- as third and fourth', 'APP', field('subdomain: ab--c'), '-- as third and fourth character is reserved'],
  ['B51', 'the punycode of an IDN is shown', 'APP', field('subdomain: bücher'), 'it holds U+00FC (in punycode: xn--bcher-kva)'],
  ['B51', 'a Cyrillic look-alike', 'APP', field('subdomain: аpp'), 'it holds U+0430 (in punycode: xn--pp-6kc)'],
  ['B51', 'raw punycode', 'APP', field('subdomain: xn--bcher-kva'), 'is punycode for "b\\u00fccher"'],
  ['B52', 'two labels', 'OK', field('subdomain: a.b')],
  ['B52', 'a number that reads as an address', 'APP', field('hosts: [10.0.0.1]'), 'reads as an IP address'],
  ...['0', '-1', '65536', '3.5', '"80"', '"80:80"', '22', '80', '443'].map((port): Row => ['B54', `the port ${port}`, 'APP', field(`port: ${port}`), 'bad/port: must be an integer between 1024 and 65535']),
  ['B54', "the engine's port", 'APP', field('port: 2375'), "must not be 2375 or 2376, the engine's own"],
  ['B54', "the controller's port", 'APP', field('port: 7420'), 'is used by the controller or its nginx'],
  ['B54', 'an automatic port', 'APP', field('port: 3000'), 'must be outside 3000-3999'],
  ['B54', 'an ephemeral port', 'APP', field('port: 40000'), 'must be below 32768'],
  ...['//evil/', 'http://evil/', 'healthz', '/a b', '/a"b', '/$x'].map((path): Row => ['B57', `the health path ${path}`, 'APP', field(`health: { path: '${path}' }`), 'health/path: must be a path']),
  ...['1h30', '-5s', '1e9s', 'NaN', '.inf', '30', '5', '"30 s"'].map((text): Row => ['B58', `the duration ${text}`, 'APP', field(`health: { timeout: ${text} }`), 'health/timeout: must be a duration such as']),
  ['B58', 'no time at all', 'APP', field('health: { timeout: 0s }'), 'must be between 1s and 1h'],
  ['B58', 'far too long', 'APP', field('timeout: 999999999h'), 'must be between 1s and 24h'],
  ...['-1m', '1e9', 'NaN', '.inf', '512', '512mb'].map((text): Row => ['B58', `the size ${text}`, 'APP', field(`resources: { memory: ${text} }`), 'resources/memory: must be a size such as']),
  ['B58', 'too little memory', 'APP', field('resources: { memory: 1m }'), 'must be between 16m and 1024g'],
  ['B58', 'infinite processors', 'APP', field('resources: { cpus: .inf }'), 'resources/cpus: must be'],
];

// biome-ignore format: one row, one line
const VALUES: readonly Row[] = [
  ...['1.10', '1.5', '0777', '0o17', '0x1f', '+1', '-0', '1e3', '12345678901234567890', '.inf', '.nan', 'True', 'on', 'Yes', 'no', 'OFF', '2024-01-01', 'null', '~', ''].map((text): Row => ['B59', `the value ${text}`, 'APP', env(`A: ${text}`), 'quote it']),
  ...['80', '-5', 'true', 'false', '"1.10"', "'on'", 'one two', '1.2.3', 'truest', '""', '!!str 1.10'].map((text): Row => ['B59', `the value ${text}`, 'OK', env(`A: ${text}`)]),
  ...['A=B', 'A B', '""', '1A', 'A-B', 'Ä'].map((name): Row => ['B85', `the variable ${name}`, 'APP', env(`${name}: x`), 'must be a name of letters, digits and _']),
  ['B86', 'a value of several lines', 'OK', env('KEY: |\n    -----BEGIN KEY-----\n    abc\n')],
  ['B87', 'NUL by an escape', 'APP', env('A: "x\\0y"'), 'env/A: holds a NUL character'],
  ['B88', '131,069 bytes and the name', 'OK', env(`A: ${'x'.repeat(131_069)}`)],
  ['B88', '131,072 bytes and the name', 'APP', env(`A: ${'x'.repeat(131_072)}`), 'env/A: is 131075 bytes with its name; the system passes at most 131072'],
  ['B89', 'a million bytes in all', 'APP', field(`env:\n${Array.from({ length: 10 }, (_, i) => `  A${i}: ${'x'.repeat(100_000)}`).join('\n')}`), 'bad/env: is 1000040 bytes in all'],
  ['B90', 'a name twice', 'FILE', env('A: x\n  A: y'), 'env/A: duplicate key, first on line'],
  ['B90', 'names that differ by case', 'OK', env('A: x\n  a: y')],
  ['B91', 'PORT', 'APP', env('PORT: 5000'), 'env/PORT: is set by the controller: write `listen` instead'],
  ['B91', 'PORT unlike listen', 'APP', env('PORT: 5000\nlisten: 5001'), 'it is `listen`; remove it'],
  ['B91', 'PORT like listen', 'OK', env('PORT: 5000\nlisten: 5000')],
  ['B91', 'HOST', 'APP', env('HOST: 127.0.0.1'), 'env/HOST: must be "0.0.0.0" or "::"'],
  ['B92', 'names that matter to this process', 'OK', env('LD_PRELOAD: x\n  NODE_OPTIONS: y\n  PATH: z\n  DOCKER_HOST: a\n  HTTP_PROXY: b')],
  ['B93', 'what looks like a template or a command', 'OK', env(`A: "{{ x }} \${OTHER} $(id) \`id\`"`)],
];

// biome-ignore format: one row, one line
const REPOS: readonly Row[] = [
  ...['--upload-pack=touch pwned', '-oProxyCommand=x', 'ext::sh -c id', 'file:///etc', 'ssh://x/y', 'git://x/y', 'ftp://x/y', 'javascript:x', 'foo https://github.com/x/y', 'HTTPS://github.com/x/y', '/srv/git', '..', './apps'].map((url): Row => ['B60-B62', `the repo ${url}`, 'APP', bad(`repo: "${url}"`), 'bad/repo: must']),
  ['B61', 'an scp-like URL', 'APP', bad('repo: "git@github.com:acme/blog"'), 'must be an https:// URL; write https://github.com/acme/blog'],
  ['B63', 'a host before @', 'APP', bad('repo: https://github.com@evil.com/x'), 'must not hold a user name or token'],
  ['B63', 'a port', 'APP', bad('repo: https://github.com:8443/x/y'), 'must not name a port'],
  ...['http://127.0.0.2/x', 'https://localhost/x', 'https://a.localhost/x', 'https://2130706433/x', 'https://0x7f.1/x', 'https://127.1/x', 'https://[::1]/x', 'https://[::ffff:127.0.0.1]/x', 'https://169.254.169.254/x', 'https://10.1.2.3/x', 'https://100.64.0.1/x', 'https://[fd00::1]/x', 'https://192.168.0.1/x', 'https://intranet/x', 'https://nas.local/x', 'https://0177.0.0.1/x'].map((url): Row => ['B64', `the repo ${url}`, 'APP', bad(`repo: "${url}"`), 'bad/repo: ']),
  ['B64', 'plain http', 'APP', bad('repo: http://github.com/x/y'), 'must be https://'],
  ['B64', 'a private host that is allowed', 'OK', bad('repo: http://127.0.0.1:9999/x.git')],
  ['B64', 'a host and port that is allowed', 'OK', bad('repo: http://git.lan:3000/x/y.git')],
  ['B64', 'that host at another port', 'APP', bad('repo: http://git.lan:3001/x/y.git'), 'private network'],
  ['B67', 'a token', 'APP', bad('repo: https://user:hunter2TOKEN@github.com/x/y'), 'must not hold a user name or token'],
  ...['https://github.com', 'https://github.com/', 'https://github.com//x', 'https://github.com/x/../y', 'https://github.com/x y', 'https://github.com/x%2fy', 'https://github.com/x?y', 'https://github.com/x#y', 'https://gith\\\\ub.com/x', 'https://gith\u00fcb.com/x'].map((url): Row => ['B63', `the repo ${url}`, 'APP', bad(`repo: "${url}"`), 'bad/repo: ']),
  ...['--help', 'a..b', 'refs/heads/x', 'HEAD', 'a b', 'a~1', 'a^', 'a:b', 'x.lock', '/a', 'a/', '.a', 'a/.b', 'a@{1}', 'a\\\\b', 'a*'].map((branch): Row => ['B77', `the branch ${branch}`, 'APP', bad(`repo: https://github.com/x/y\nbranch: "${branch}"`), 'bad/branch: ']),
  ['B77', 'a good branch', 'OK', bad('repo: https://github.com/x/y\nbranch: feature/x-1.2_3')],
  ['B77', 'branch and tag', 'APP', bad('repo: https://github.com/x/y\nbranch: a\ntag: b'), 'bad/tag: stands beside `branch`; keep one'],
  ['B77', 'a short commit', 'APP', bad('repo: https://github.com/x/y\ncommit: abc1234'), 'must be a full commit id of 40'],
  ...['../x', 'a/../b', '/etc', '.git', 'a/.GIT/b', 'a\\\\b', 'a//b'].map((path): Row => ['B72', `the path ${path}`, 'APP', bad(`repo: https://github.com/x/y\npath: "${path}"`), 'bad/path: must']),
  ['B72', 'a Dockerfile elsewhere', 'APP', bad('repo: .\nbuild: { dockerfile: ../../etc/passwd }'), 'build/dockerfile: must stay inside the repo'],
  ['B79', 'a command of two lines', 'APP', bad('repo: .\nbuild: { command: "a\\nb" }'), 'build/command: must be one line'],
  ['B79', 'a command with shell in it', 'OK', bad('repo: .\nbuild: { command: "npm run build; curl $(evil) && x" }')],
  ['B83', 'privileged', 'APP', field('privileged: true'), 'bad/privileged: unknown field'],
];

// biome-ignore format: one row, one line
const MEANING: readonly Row[] = [
  ['§3', 'neither repo nor image', 'APP', bad('env: {}'), 'yaml:4:3 deployments/bad: has neither `repo` nor `image`; add one'],
  ['§3', 'both', 'APP', bad('image: nginx\nrepo: .'), 'stands beside `repo`; keep one of the two'],
  ['§3', 'two services without routes', 'APP', bad('services: { a: { image: x1 }, b: { image: x1 } }'), 'deployments/bad: has 2 services; add `routes`'],
  ['§3', 'no services', 'APP', bad('services: {}'), 'bad/services: must be a map of 1 to 50 services'],
  ['§3', 'a route to nowhere', 'APP', field('routes: { /: wbe }'), 'names the service wbe, which this deployment does not have; did you mean "web"?'],
  ['§3', 'no routes at all', 'OK', field('routes: {}')],
  ['§3', 'no routes but a hostname', 'APP', field('routes: {}\nsubdomain: x'), 'leads nowhere, since `routes` is empty'],
  ['§3', 'service fields beside services', 'APP', bad('services: { a: { image: x1 } }\nlisten: 80'), 'bad/listen: belongs to a service; move it below `services`'],
  ['§3', 'needs what is not there', 'APP', field('needs: [db]'), 'needs/0: names no service of this deployment; there is web'],
  ['§3', 'needs itself', 'APP', field('needs: [web]'), 'names the service itself'],
  ['§3', 'needs in a circle', 'APP', bad('services: { a: { image: x1, needs: [b] }, b: { image: x1, needs: [a] } }\nroutes: { /: a }'), 'services/a/needs: waits in a circle (a → b → a)'],
  ['§3', 'a pinned port of two internal instances', 'APP', field('routes: {}\nport: 2000\nreplicas: 2'), 'bad/replicas: must be 1'],
  ['§3', 'a pinned port of an internal service that rolls', 'APP', field('routes: {}\nport: 2000\nstrategy: rolling'), 'must be recreate'],
  ['§3', 'a relative volume', 'APP', field('volumes: { data: data }'), 'volumes/data: must be an absolute path'],
  ['§3', 'a volume above', 'APP', field('volumes: { data: /a/../b }'), 'with no .. in it'],
  ['§3', 'a volume on the root', 'APP', field('volumes: { data: / }'), 'volumes/data: must be'],
  ['§3', 'a volume in /proc', 'APP', field('volumes: { data: /proc/x }'), 'must not lie in /proc'],
  ['§3', 'two volumes on one path', 'APP', field('volumes: { a: /x, b: /x/ }'), 'volumes/b: is the same path as that of a'],
  ['§3', 'two services on one port', 'APP', bad('services: { a: { image: x1, port: 2000 }, b: { image: x1, port: 2000 } }\nroutes: { /: a, /b: b }'), 'port 2000 is claimed by deployments/bad too'],
  ['§3', 'a sealed build argument', 'APP', bad('repo: .\nbuild: { args: { A: !sealed eA== } }'), 'must not be sealed'],
];

const rows = [...FILES, ...NAMES, ...VALUES, ...REPOS, ...MEANING].map(
  ([id, what, outcome, file, message]) => {
    return { id, what, outcome, message, bytes: typeof file === 'string' ? Buffer.from(file) : file };
  },
);

test.each(rows)('$id $what: $outcome', ({ outcome, bytes, message }) => {
  const { manifest, problems } = parseManifest(bytes, rules);
  const text = problems.map((problem) => problem.message).join('\n');
  if (outcome === 'OK') expect(problems).toEqual([]);
  else expect(text).toContain(message ?? 'a message is missing from this row');
  expect(manifest === undefined).toBe(outcome === 'FILE');
  if (outcome === 'APP') {
    expect(manifest?.stalled).toHaveLength(1);
    expect(manifest?.deployments.map(({ name }) => name)).toEqual(['good']);
  }
  for (const problem of problems) {
    expect(problem.message).toMatch(/^deployments\.yaml(:\d+:\d+)?( \S[^\n]*)?: [^\n]+$/);
    expect(problem.message).not.toMatch(/please report|[^\x20-\x7e→…]/);
    expect(problem.message).not.toContain('hunter2');
  }
  expect(({} as { polluted?: number }).polluted).toBeUndefined();
});

test('B46 B53 whoever claims the same hostname or port stalls, and nobody else', () => {
  const text = `deployments:
  a: { image: nginx, port: 2000 }
  b: { image: nginx, subdomain: a }
  c: { image: nginx, hosts: [c.example.com.] }
  d: { image: nginx, port: 2000 }
  e: { image: nginx }
  f: 5
  g: { image: nginx, subdomain: f }
`;
  const { manifest } = parseManifest(Buffer.from(text), rules);
  expect(manifest?.deployments.map(({ name }) => name)).toEqual(['e']);
  expect(manifest?.problems.map(({ message }) => message)).toEqual([
    'deployments.yaml:2:3 deployments/a: a.example.com is claimed by deployments/b too; give one of them another `subdomain`',
    'deployments.yaml:2:28 deployments/a/port: port 2000 is claimed by deployments/d too; give one of them another `port`',
    'deployments.yaml:3:33 deployments/b/subdomain: a.example.com is claimed by deployments/a too; give one of them another `subdomain`',
    'deployments.yaml:4:30 deployments/c/hosts/0: must be a full lower-case hostname such as www.example.com, at most 63 characters a label and 253 in all',
    'deployments.yaml:5:28 deployments/d/port: port 2000 is claimed by deployments/a too; give one of them another `port`',
    'deployments.yaml:7:6 deployments/f: must be a map of fields; give it at least a `repo` or an `image`, or remove the entry',
    'deployments.yaml:7:6 deployments/f: f.example.com is claimed by deployments/g too; give one of them another `subdomain`',
    'deployments.yaml:8:33 deployments/g/subdomain: f.example.com is claimed by deployments/f too; give one of them another `subdomain`',
  ]);
});

test('names that would share an instance key or a volume clash as well', () => {
  const text = `deployments:
  a: { services: { b-c: { image: nginx, volumes: { x-y: /d } } } }
  a-b: { services: { c: { image: nginx } } }
  a-x: { image: nginx, volumes: { y: /d } }
`;
  const { manifest } = parseManifest(Buffer.from(text), rules);
  expect(manifest?.stalled).toEqual(['a', 'a-b', 'a-x']);
  expect(manifest?.problems.map(({ message }) => message).join('\n')).toContain(
    'the name a-b-c is claimed by deployments/a-b too',
  );
  expect(manifest?.problems.map(({ message }) => message).join('\n')).toContain(
    'the volume name a-x-y is claimed by',
  );
});

test('B29 one wrong entry among fifty stalls alone, and all its errors are told in order', () => {
  const good = Array.from({ length: 49 }, (_, i) => `  app${i}: { image: nginx }\n`).join('');
  const { manifest } = parseManifest(
    Buffer.from(`deployments:\n${good}  bad:\n    port: 80\n    repo: x\n    Env: {}\n`),
    rules,
  );
  expect(manifest?.deployments).toHaveLength(49);
  expect(manifest?.problems.map(({ message }) => message)).toEqual([
    'deployments.yaml:52:11 deployments/bad/port: must be an integer between 1024 and 65535',
    'deployments.yaml:53:11 deployments/bad/repo: must be an https:// URL',
    'deployments.yaml:54:5 deployments/bad/Env: unknown field; did you mean "env"?',
  ]);
});

test('B52 a hostname two labels deep is a warning', () => {
  const { manifest } = parseManifest(Buffer.from(field('subdomain: a.b')), rules);
  expect(manifest?.warnings).toEqual([
    {
      deployment: 'bad',
      message:
        'deployments.yaml:6:16 deployments/bad/subdomain: a.b.example.com is two labels deep: a free edge certificate covers only one',
    },
  ]);
});
