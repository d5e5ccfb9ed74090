import { randomBytes } from 'node:crypto';
import { createDockerEngine } from '../../controller/clients/engine/docker.ts';
import { runStep } from '../../controller/core/step.ts';
import { engineContract } from '../support/engine-contract.ts';
import { tinyImage } from '../support/tiny-image.ts';

engineContract('docker', async () => {
  const name = `t${randomBytes(4).toString('hex')}`;
  const engine = createDockerEngine({ dockerHost: '/var/run/docker.sock', owner: name, step: runStep });
  return { engine, name, image: await tinyImage() };
});
