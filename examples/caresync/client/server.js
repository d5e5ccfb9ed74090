import { createServer } from 'node:http';

const page = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>CareSync</title>
<style>:root { color-scheme: light dark; font: 1.1rem/1.6 system-ui, sans-serif } body { margin: 10vh auto; max-width: 34rem; padding: 0 1.5rem }</style>
<h1>CareSync</h1>
<ul id="patients"><li>…</ul>
<script type="module">
  const patients = await (await fetch('/api/patients')).json();
  document.querySelector('#patients').replaceChildren(
    ...patients.map(({ name, next }) => Object.assign(document.createElement('li'), { textContent: \`\${name}, next visit \${next}\` })),
  );
</script>
`;

const server = createServer((_request, response) => {
  response.setHeader('content-type', 'text/html; charset=utf-8');
  response.end(page);
});
server.listen(Number(process.env.PORT ?? 3000));
process.on('SIGTERM', () => server.close());
