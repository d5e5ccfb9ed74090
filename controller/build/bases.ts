/** The public images that presets start from. Majors that are supported upstream for at least another year. */

export const NODE_MAJORS = [20, 22, 24];
export const NODE_BASE = 'node:20-slim';
export const PYTHON_BASE = 'python:3.12-slim';
/** What a Go program runs in: it has a shell, so that `start` may be a string, and CA certificates. */
export const GO_RUNTIME_BASE = 'alpine:3';
export const GO_DEFAULT_VERSION = '1.23';
