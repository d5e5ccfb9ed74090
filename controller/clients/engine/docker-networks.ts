/** One bridge network per deployment, each with a subnet of its own: see `subnets.ts`. */
import { networkInterfaces } from 'node:os';
import type Docker from 'dockerode';
import { StalledError, TransientError } from '../../core/errors.ts';
import { ask, askList, askMaybe, type Connection } from './docker-connection.ts';
import { statusOf, wordsOf } from './docker-errors.ts';
import { LABEL } from './labels.ts';
import { freeSubnets } from './subnets.ts';
import type { Engine } from './types.ts';

/** Other networks may be made beside ours, so a subnet that was free may be taken a moment later. */
const MAX_TRIES = 32;

type Networks = Pick<Engine, 'networks' | 'createNetwork' | 'removeNetwork'>;

export function dockerNetworks(connection: Connection): Networks {
  const { calls, owner, step } = connection;

  return {
    async networks() {
      const filters = { label: [`${LABEL.owner}=${owner}`] };
      const rows = await askList(connection, 'listing networks', () => calls.listNetworks({ filters }));
      return rows.map((row) => ({
        key: row.Name,
        deployment: row.Labels?.[LABEL.deployment] ?? '',
        subnet: row.IPAM?.Config?.[0]?.Subnet ?? '',
      }));
    },

    async createNetwork(key, deployment) {
      const all = await askList(connection, 'listing networks', () => calls.listNetworks());
      const there = all.find((row) => row.Name === key);
      if (there && there.Labels?.[LABEL.owner] !== owner) throw foreign(key, owner);
      if (there) return;
      const used = all.flatMap((row) => row.IPAM?.Config ?? []).flatMap(({ Subnet }) => Subnet ?? []);
      const labels = { [LABEL.owner]: owner, [LABEL.deployment]: deployment };
      await step(`engine.createNetwork ${key}`, () => createInFree(connection, { key, labels, used }));
    },

    async removeNetwork(key) {
      const found = await askMaybe(connection, `inspecting network ${key}`, () =>
        calls.getNetwork(key).inspect(),
      );
      if (found?.Name !== key) return;
      if (found.Labels?.[LABEL.owner] !== owner) throw foreign(key, owner);
      await step(`engine.removeNetwork ${key}`, () => remove(connection, key, found));
    },
  };
}

interface NewNetwork {
  readonly key: string;
  readonly labels: Record<string, string>;
  readonly used: readonly string[];
}

async function createInFree(connection: Connection, { key, labels, used }: NewNetwork): Promise<void> {
  const machine = Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .flatMap(({ cidr }) => cidr ?? []);
  let tries = 0;
  for (const subnet of freeSubnets(used, machine)) {
    const body = { Name: key, CheckDuplicate: true, Labels: labels, IPAM: { Config: [{ Subnet: subnet }] } };
    try {
      await ask(connection, `creating network ${key}`, () => connection.calls.createNetwork(body));
      return;
    } catch (error) {
      const { cause } = error as { cause?: unknown };
      tries += 1;
      if (tries === MAX_TRIES || statusOf(cause) === undefined || !/overlap/i.test(wordsOf(cause)))
        throw error;
    }
  }
  throw new StalledError(
    `network ${key} finds no free subnet in 10.213.0.0/16: remove networks that nobody uses`,
  );
}

async function remove(connection: Connection, key: string, found: Docker.NetworkInspectInfo): Promise<void> {
  try {
    const { calls } = connection;
    await askMaybe(connection, `removing network ${key}`, () => calls.getNetwork(found.Id).remove());
  } catch (error) {
    const { cause } = error as { cause?: unknown };
    if (!/active endpoints/i.test(wordsOf(cause))) throw error;
    throw new TransientError(`network ${key} still has containers on it; it is removed after them`, {
      cause,
    });
  }
}

function foreign(key: string, owner: string): StalledError {
  return new StalledError(`network ${key} exists and is not one of Berth's (${owner}): rename or remove it`);
}
