/** Crash points of a change of nginx, every one of them. */
import { readdirSync } from 'node:fs';
import type { Server } from 'node:http';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { echoApp, type NginxWorld, nginxWorld, web } from '../support/nginx-world.ts';

let world: NginxWorld;
let app: { readonly server: Server; readonly port: number };

beforeEach(async () => {
  world = await nginxWorld();
  app = await echoApp();
});

afterEach(async () => {
  app.server.closeAllConnections();
  app.server.close();
  await world.close();
});

it('killed before or after any effect, the files pass the test and the next start mends the rest', async () => {
  const crash = new Error('crash');
  let points = 0;
  await apply({ name: 'blog', text: blog() }, { name: 'gone', text: blog('gone') });
  const changes = [
    { name: 'blog', text: world.text('blog', { backends: web(app.port), maxBody: '1m' }) },
    { name: 'gone' },
    { name: 'more', text: blog('more') },
  ];
  for (const when of ['before', 'after'] as const) {
    for (let at = 0; ; at += 1) {
      await world
        .restart()
        .apply([{ name: 'blog', text: blog() }, { name: 'gone', text: blog('gone') }, { name: 'more' }]);
      let count = 0;
      const nginx = world.restart({
        step: async (_label, effect) => {
          const here = count++ === at;
          if (here && when === 'before') throw crash;
          const result = await effect();
          if (here) throw crash;
          return result;
        },
      });
      const crashed = await nginx.apply(changes).then(
        () => false,
        (error) => error === crash || Promise.reject(error),
      );
      if (!crashed) break;
      points += 1;
      world.nginxTest();
      expect(await world.restart().apply(changes)).toEqual(new Map());
      const { sites, running } = await world.restart().read();
      expect(running).toBe(true);
      expect(sites.map(({ name, text }) => ({ name, text }))).toEqual(
        changes.filter(({ name }) => name !== 'gone').map(({ name, text }) => ({ name, text })),
      );
      expect(readdirSync(world.dir)).not.toContain('.staging');
    }
  }
  console.log(`${points} crash points tried`);
  expect(points).toBeGreaterThanOrEqual(12);
});

async function apply(...changes: { name: string; text?: string }[]): Promise<Record<string, Error>> {
  return Object.fromEntries(await world.nginx.apply(changes));
}

function blog(name = 'blog'): string {
  return world.text(name, { backends: web(app.port) });
}
