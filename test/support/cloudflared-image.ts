/**
 * A stand-in for the image of cloudflared, under the real one's name, since no registry can be reached here: it ends with 1
 * without TUNNEL_TOKEN, and answers `/ready` at TUNNEL_METRICS as the real one does once it is connected. Whether it
 * counts as connected is decided by its token: one whose secret is `unready` never is. It says its token aloud, as a program
 * that is set to debug may, so that a test sees whether a log is masked.
 *
 * From the real one's public sources: the names of the two variables, the path and its two statuses. Not the real one:
 * its entry point takes `tunnel --no-autoupdate run` and ignores it.
 */
import { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import Docker from 'dockerode';
import { pack } from 'tar-stream';
import { CONNECTOR_IMAGE } from '../../controller/loop/own.ts';
import { tinyImage } from './tiny-image.ts';

const PROGRAM = `
const { TUNNEL_TOKEN: token, TUNNEL_METRICS: metrics } = process.env;
if (process.argv.slice(2).join(' ') !== 'tunnel --no-autoupdate run') { console.error('unknown arguments'); process.exit(2); }
if (!token) { console.error('you did not provide a tunnel token'); process.exit(1); }
console.log('starting with ' + token);
const unready = Buffer.from(token, 'base64').toString().includes('"unready"');
const [host, port] = metrics.split(':');
process.on('SIGTERM', () => process.exit(0));
require('http').createServer((request, response) => {
  const ready = request.url === '/ready' && !unready;
  response.writeHead(ready ? 200 : 503).end(JSON.stringify({ status: ready ? 200 : 503, readyConnections: ready ? 4 : 0 }));
}).listen(Number(port), host);
`;

/** Makes it unless it is there; `remove` takes it away again if it was made here. */
export async function cloudflaredImage(): Promise<{ remove(): Promise<void> }> {
  const docker = new Docker();
  const image = docker.getImage(CONNECTOR_IMAGE);
  const there = await image.inspect().then(
    () => true,
    () => false,
  );
  if (there) return { remove: async () => {} };
  const tar = pack();
  tar.entry({ name: 'connector.js' }, PROGRAM);
  tar.entry(
    { name: 'Dockerfile' },
    `FROM ${await tinyImage()}\nCOPY connector.js /connector.js\nENV TUNNEL_METRICS=0.0.0.0:2000\nLABEL berth.test=cloudflared\nENTRYPOINT ["node", "/connector.js"]\nCMD ["version"]\n`,
  );
  tar.finalize();
  const progress = await docker.buildImage(Readable.from(tar), { t: CONNECTOR_IMAGE, rm: true });
  let said = '';
  progress.on('data', (chunk: Buffer) => {
    said += chunk;
  });
  await finished(progress);
  if (/"error"/.test(said)) throw new Error(said);
  return {
    async remove() {
      await image.remove({ force: true }).catch(() => undefined);
    },
  };
}
