import { createServer } from 'node:http';

const toHtml = (text) => text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
const greeting = toHtml(process.env.GREETING ?? 'Hello');

const page = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${greeting}</title>
<style>
  :root { color-scheme: light dark; font: 1.1rem/1.6 system-ui, sans-serif }
  body { max-width: 34rem; margin: 20vh auto; padding: 0 1.5rem }
</style>
<h1>${greeting}</h1>
<p>This page comes from <code>apps/hello</code> in your config repo.
Change it, commit, and reload.</p>
`;

const server = createServer((_request, response) => {
  response.setHeader('content-type', 'text/html; charset=utf-8');
  response.end(page);
});
server.listen(Number(process.env.PORT ?? 3000));

// The container is asked to stop like this; requests under way are finished first.
process.on('SIGTERM', () => server.close());
