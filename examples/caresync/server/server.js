const { createServer } = require('node:http');

const patients = [
  { name: 'Ada', next: '2027-01-12' },
  { name: 'Grace', next: '2027-02-03' },
];

const server = createServer((request, response) => {
  response.setHeader('content-type', 'application/json');
  if (request.url === '/health') response.end('{"ok":true}');
  else if (request.url === '/patients') response.end(JSON.stringify(patients));
  else response.writeHead(404).end('{"error":"there is nothing here"}');
});
server.listen(Number(process.env.PORT ?? 3000));
process.on('SIGTERM', () => server.close());
