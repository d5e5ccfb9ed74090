/** Apps for tests of deploying: one small server whose behaviour its env decides, and ways to package it. */

/**
 * Answers `<VERSION> <url>`. `/env` tells its env, `/ask?url=` what another address answers it, `/keep?word=` appends to
 * a file and `/kept` reads it, `/slow?ms=` takes its time. `CRASH` makes it end at the start, `SICK` answer 500, `DEAF` listen nowhere.
 */
export const APP = `
const { createServer } = require('node:http');
const { appendFileSync, existsSync, readFileSync } = require('node:fs');
const { VERSION, CRASH, SICK, DEAF, PORT, FILE = '/data/kept' } = process.env;
process.on('SIGTERM', () => process.exit(0));
if (CRASH) {
  console.log('connecting');
  console.error('no database at ' + CRASH);
  process.exit(3);
}
const answer = async ({ pathname, searchParams }, url) => {
  if (pathname.endsWith('/env')) return JSON.stringify(process.env);
  if (pathname === '/kept') return existsSync(FILE) ? readFileSync(FILE, 'utf8') : 'nothing';
  if (pathname === '/keep') return appendFileSync(FILE, searchParams.get('word')), 'kept';
  if (pathname.endsWith('/slow')) await new Promise((done) => setTimeout(done, Number(searchParams.get('ms'))));
  if (pathname !== '/ask') return VERSION + ' ' + url;
  const signal = AbortSignal.timeout(2000);
  return fetch(searchParams.get('url'), { signal }).then((other) => other.text(), () => 'no answer');
};
const server = createServer(async (request, response) => {
  if (SICK) response.writeHead(500);
  if (request.method === 'POST') {
    let bytes = 0;
    for await (const chunk of request) bytes += chunk.length;
    return response.end(String(bytes));
  }
  response.end(await answer(new URL(request.url, 'http://x'), request.url));
});
if (DEAF) setInterval(() => {}, 1000);
else server.listen(Number(PORT));
`;

/** A service that runs the app straight from an image with Node: nothing has to be built. */
export function appService(
  image: string,
  version: string,
  fields: Readonly<Record<string, unknown>> = {},
): Readonly<Record<string, unknown>> {
  const { env, ...rest } = fields;
  return { image, start: ['node', '-e', APP], env: { VERSION: version, ...(env as object) }, ...rest };
}

/** Files of a repo that packages a server answering `<version> <url>` by a Dockerfile. */
export function dockerApp(base: string, version: string): Readonly<Record<string, string>> {
  return {
    Dockerfile: `FROM ${base}\nENV VERSION=${version}\nCOPY server.js /server.js\nCMD ["node", "/server.js"]\n`,
    'server.js': APP,
  };
}
