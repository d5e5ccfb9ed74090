/**
 * The client behind dockerode settles a call at the end of its answer and never when the answer breaks off, as it does
 * when the daemon is killed while it writes. Node reports every request as it is sent; for those of an agent made here,
 * a broken answer becomes an error of the request itself, which the client does listen for.
 */
import { subscribe } from 'node:diagnostics_channel';
import http from 'node:http';

const agents = new WeakSet<http.Agent>();

/** An agent that keeps no connection, and whose calls fail with ECONNRESET when an answer breaks off. */
export function agentForCalls(): http.Agent {
  const agent = new http.Agent({ keepAlive: false });
  agents.add(agent);
  return agent;
}

subscribe('http.client.request.start', (message) => {
  const { request } = message as { readonly request: http.ClientRequest & { readonly agent?: http.Agent } };
  if (request.agent === undefined || !agents.has(request.agent)) return;
  request.once('response', (response: http.IncomingMessage) => {
    response.once('close', () => {
      if (!response.complete) request.emit('error', brokenOff());
    });
  });
});

function brokenOff(): Error {
  return Object.assign(new Error('the answer broke off'), { code: 'ECONNRESET' });
}
