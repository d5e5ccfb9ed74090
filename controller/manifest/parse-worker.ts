/** The other end of `parse-async.ts`: parses what it is given, once. */
import { parentPort, workerData } from 'node:worker_threads';
import { parseManifest } from './parse.ts';
import type { ManifestRules } from './types.ts';

const { bytes, rules } = workerData as { readonly bytes: Uint8Array; readonly rules: ManifestRules };
parentPort?.postMessage(parseManifest(bytes, rules));
