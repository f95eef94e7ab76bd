// aoconnect takes the web's `crypto` for granted; Node 18, which Debian 12 has, keeps it in a module.
import { webcrypto } from 'node:crypto'
globalThis.crypto ??= webcrypto
